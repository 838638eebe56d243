import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { incidentView, sendAlert } from '../sandbox/drill/responder.js';
import { openSite, type Site } from '../sandbox/drill/site.js';
import type { IncidentView } from '../src/domain/incident.js';
import { lockId } from '../src/workflows/names.js';
import { lastLines, played, type Scenario } from '../test/histories/scenario.js';
import { scenarios } from '../test/histories/scenarios.js';

const help = `Usage: npm run histories [-- [runbook] [outcome]]

Plays real incidents on a real site, faster than life, and writes their histories to test/histories/<runbook>/<outcome>/.
Without arguments all of them are recorded again, which takes a few minutes.`;

const histories = fileURLToPath(new URL('../test/histories/', import.meta.url));

/** An incident is over in half a minute. What must not run out on a busy machine is longer than life would have it. */
const scale = 1 / 60;
const times = { silentAfter: '2h' };

await main(process.argv.slice(2));

async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return console.log(help);
  const [runbook, outcome] = args;
  const chosen = Object.entries(scenarios).flatMap(([type, list]) =>
    list.filter((one) => (runbook ?? type) === type && (outcome ?? one.outcome) === one.outcome).map((one) => ({ type, one })),
  );
  if (chosen.length === 0) {
    const known = Object.entries(scenarios).map(([type, list]) => `${type}: ${list.map((one) => one.outcome).join(', ')}`);
    console.error(`There is no scenario ${args.join(' ')}. There are:\n${known.join('\n')}`);
    process.exit(2);
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error('interrupted')));
  for (const { type, one } of chosen) await record(type, one, interrupted.signal);
  process.exit(0);
}

async function record(runbook: string, scenario: Scenario, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-histories-'));
  let site: Site | undefined;
  try {
    site = await openSite({ folder, scale, times, signal, onProgress: () => undefined });
    await scenario.fault.put(site.authos);
    await scenario.prepare?.(site);
    const id = await sendAlert(site, await scenario.fault.alert(site.authos));
    const fetcher = await openFetcher(site);
    try {
      const kept = new Map<string, Record<string, string>>();
      const incident = played(site, id, async (outcome) => void kept.set(outcome, await fetcher.all(await incidentView(site as Site, id))));
      await scenario.play(incident);
      // Until its workflow ends there is only a timer left, which a change of the code can't break.
      const closed = await incident.until('the report', (view) => view.timeline.some((entry) => entry.what === 'report'));
      kept.set(scenario.outcome, await fetcher.all(closed));
      for (const [outcome, files] of kept) await write(join(histories, runbook, outcome), files);
      console.log(`${runbook}: ${[...kept.keys()].join(', ')} (${closed.closedAs}; ${lastLines(closed)})`);
    } finally {
      await fetcher.close();
    }
  } finally {
    await site?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Fetcher {
  /** The histories of the incident, its first run, its first check-only run and the locks: file name → JSON. */
  all(view: IncidentView): Promise<Record<string, string>>;
  close(): Promise<void>;
}

async function openFetcher({ temporal }: Site): Promise<Fetcher> {
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  return {
    async all(view) {
      const ids: Record<string, string | undefined> = {
        incident: view.incident.workflowId,
        run: view.runs.find((run) => run.kind === 'full')?.workflowId,
        check: view.runs.find((run) => run.kind === 'check')?.workflowId,
        lock: lockId('production'),
      };
      const files: Record<string, string> = {};
      for (const [name, workflowId] of Object.entries(ids)) {
        if (!workflowId) continue;
        const history = await client.workflow.getHandle(workflowId).fetchHistory();
        files[`${name}.json`] = inLines(JSON.parse(historyToJSON(history)) as { events: object[] });
      }
      return files;
    },
    close: () => connection.close(),
  };
}

/** One event a line: small, and a new recording can be compared with the old one. Who worked on it and where is nobody's business. */
function inLines({ events }: { events: object[] }): string {
  const anonymous = (key: string, value: unknown): unknown => (key === 'identity' ? 'recorder' : value);
  return `{"events":[\n${events.map((event) => JSON.stringify(event, anonymous)).join(',\n')}\n]}\n`;
}

async function write(folder: string, files: Record<string, string>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}
