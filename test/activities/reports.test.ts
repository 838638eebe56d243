import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readReport, reportActivities, reportsSince } from '../../src/activities/reports.js';
import { incidentView } from '../support/incident-view.js';

let base: string;
let folder: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'reports-'));
  folder = join(base, 'state', 'reports');
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const id = '0190f3c0-0000-7000-8000-000000000001';
const store = (view = incidentView()) => reportActivities({ folder }).storeReport(view);

describe('a stored report', () => {
  it('is there as Markdown and JSON, for its owner only', async () => {
    const view = incidentView();
    expect(await store(view)).toEqual({ file: `${id}.md` });
    expect(await readReport(folder, id, 'md')).toMatch(/^# Disk Space Critical on app-1:\/var/);
    expect(JSON.parse((await readReport(folder, id, 'json')) ?? '')).toEqual(JSON.parse(JSON.stringify(view)));
    expect((await stat(join(folder, `${id}.json`))).mode & 0o777).toBe(0o600);
  });

  it('is the same after a repeat, and leaves nothing half done beside it', async () => {
    await Promise.all([store(), store(), store()]);
    const first = await readFile(join(folder, `${id}.md`));
    await store();
    expect(await readFile(join(folder, `${id}.md`))).toEqual(first);
    expect((await readdir(folder)).sort()).toEqual([`${id}.json`, `${id}.md`]);
  });

  it('is the newest after an incident was reopened and closed again', async () => {
    await store();
    await store(incidentView({ closeReason: 'second time' }));
    expect(await readReport(folder, id, 'md')).toContain('second time');
  });

  it('is counted once for each close, with the time to the first acknowledgement', async () => {
    const closes: unknown[] = [];
    const { storeReport } = reportActivities({ folder, metrics: { closed: (close) => closes.push(close) } });
    const view = incidentView();
    await storeReport(view);
    await storeReport({ ...view, undos: [] }); // a late undo
    const [first] = closes;
    expect(closes).toEqual([{ runbook: view.incident.runbook, severity: view.incident.severity, closedAs: view.closedAs, resolvedAfterMs: (view.closedAt ?? 0) - view.incident.openedAt, acknowledgedAfterMs: 7 * 60_000 }]);
    await storeReport({ ...view, closedAt: (view.closedAt ?? 0) + 60_000, timeline: [] }); // reopened, and closed again
    const { acknowledgedAfterMs: _, ...unanswered } = first as Record<string, number>;
    expect(closes[1]).toEqual({ ...unanswered, resolvedAfterMs: (unanswered['resolvedAfterMs'] ?? 0) + 60_000 });
  });

  it('is found by its id in either case, and undefined where there is none', async () => {
    await store();
    expect(await readReport(folder, id.toUpperCase(), 'md')).toBe(await readReport(folder, id, 'md'));
    expect(await readReport(folder, id.replace('1', '2'), 'md')).toBeUndefined();
    expect(await readReport(join(folder, 'nowhere'), id, 'json')).toBeUndefined();
  });

  it.each(['../../etc/passwd', `${id}/../x`, `${id}\n`, '', `${id}x`])('has an id that is never a path: %j', async (evil) => {
    const view = incidentView();
    const failure = await store({ ...view, incident: { ...view.incident, id: evil } }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ nonRetryable: true, type: 'BadIncidentId', message: expect.stringContaining(JSON.stringify(evil)) });
    expect(await readdir(base)).toEqual([]);
    await expect(readReport(folder, evil, 'md')).rejects.toThrow(RangeError);
  });
});

describe('the reports since a moment', () => {
  const since = async (moment: number): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const one of reportsSince(folder, moment)) found.push(one);
    return found;
  };

  it('are those that were written after it', async () => {
    const view = incidentView();
    const other = { ...view, incident: { ...view.incident, id: id.replace('1', '2') } };
    await store();
    await store(other);
    await utimes(join(folder, `${id}.json`), 1_000, 1_000);
    expect(await since(2_000_000)).toEqual([JSON.parse(JSON.stringify(other))]);
    expect(await since(0)).toHaveLength(2);
  });

  it('say so where one is no report, and leave alone what is none of ours', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${id}.json`), '{"v":1,');
    await writeFile(join(folder, `${id.replace('1', '2')}.json`), 'null');
    await writeFile(join(folder, 'notes.json'), '{}');
    expect(await since(0)).toEqual(['unreadable', 'unreadable']);
  });

  it('are none where nothing was stored yet', async () => {
    expect(await since(0)).toEqual([]);
  });
});
