import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import type { IncidentView } from '../domain/incident.js';
import { renderReport } from '../report.js';

/** What workflows see of these activities. */
export type ReportActivities = ReturnType<typeof reportActivities>;

/** The two files of a report, by their endings. */
export type ReportFormat = 'md' | 'json';

/** What the metrics page shows of closed incidents; called once for each close, never awaited. */
export interface ReportMetrics {
  /** Times from the alert on, ms; without an acknowledgement nobody acknowledged it. */
  closed(incident: { runbook: string; severity: string; closedAs: string; resolvedAfterMs: number; acknowledgedAfterMs?: number }): void;
}

/** Activities that keep reports in `folder`, outside Temporal's history. The folder is made if it is missing. */
export function reportActivities({ folder, metrics }: { folder: string; metrics?: ReportMetrics }) {
  return {
    /**
     * Writes an incident's report as Markdown and JSON; a reader never sees half of one. Returns the Markdown file's name
     * in the folder. A repeat with the same view writes the same bytes again. Throws `BadIncidentId`, not retried, if the
     * id is no UUID; a full disk is an Error and is retried.
     */
    async storeReport(view: IncidentView): Promise<{ file: string }> {
      const id = view.incident.id.toLowerCase();
      if (!isUuid(id)) throw ApplicationFailure.nonRetryable(notUuid(id), 'BadIncidentId');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const before = metrics && (await readReport(folder, id, 'json').catch(() => undefined));
      // The JSON first: where there is a report to read, its data is there too.
      await writeWhole(folder, `${id}.json`, `${JSON.stringify(view, null, 2)}\n`);
      const file = `${id}.md`;
      await writeWhole(folder, file, renderReport(view));
      if (metrics) countClose(metrics, view, before);
      return { file };
    },
  };
}

/** A report is written again after each late undo, and by a retry: the close that it had before has been counted. */
function countClose(metrics: ReportMetrics, { incident, closedAt, closedAs, timeline }: IncidentView, before: string | undefined): void {
  const stored = before === undefined ? undefined : parsedReport(before);
  if (closedAt === undefined || closedAs === undefined || (stored && stored !== 'unreadable' && stored.closedAt === closedAt)) return;
  const acknowledged = timeline.find(({ what }) => what === 'acknowledge');
  metrics.closed({
    runbook: incident.runbook,
    severity: incident.severity,
    closedAs,
    resolvedAfterMs: closedAt - incident.openedAt,
    ...(acknowledged && { acknowledgedAfterMs: acknowledged.at - incident.openedAt }),
  });
}

/** A stored report's text; undefined if there is none. Throws a RangeError if `id` is no UUID: it is never used as a path. */
export async function readReport(folder: string, id: string, format: ReportFormat): Promise<string | undefined> {
  if (!isUuid(id)) throw new RangeError(notUuid(id));
  try {
    return await readFile(join(folder, `${id.toLowerCase()}.${format === 'json' ? 'json' : 'md'}`), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Every stored incident whose report was written since a moment (ms since the epoch), one after the other; 'unreadable' in place of
 * one that is no report. A folder that is not there has none.
 */
export async function* reportsSince(folder: string, since: number): AsyncGenerator<IncidentView | 'unreadable'> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.filter((one) => one.endsWith('.json') && isUuid(one.slice(0, -'.json'.length))).sort()) {
    const file = join(folder, name);
    if ((await stat(file)).mtimeMs >= since) yield parsedReport(await readFile(file, 'utf8'));
  }
}

function parsedReport(text: string): IncidentView | 'unreadable' {
  try {
    const view = JSON.parse(text) as IncidentView | null;
    return view?.v === 1 ? view : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

async function writeWhole(folder: string, name: string, text: string): Promise<void> {
  const unfinished = join(folder, `.${name}.${randomUUID()}.tmp`);
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, join(folder, name));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  // The rename itself survives a power cut only once the folder is on disk.
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
}

function notUuid(id: string): string {
  return `incident id is not a UUID: ${JSON.stringify(String(id).slice(0, 60))}`;
}
