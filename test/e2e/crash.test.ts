import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { incidentView, sendAlert } from '../../sandbox/drill/responder.js';
import { openSite, type Site } from '../../sandbox/drill/site.js';
import { diskFull } from '../../sandbox/faults/index.js';
import type { Mail } from '../../sandbox/servers/mailbox.js';
import type { IncidentView } from '../../src/domain/incident.js';
import type { StepOutcome } from '../../src/domain/step.js';
import { type Played, played } from '../histories/scenario.js';
import { gate, type Gate } from './gate.js';

/*
 * One incident from alert to close, in which every one of our processes is killed at its worst moment and started again.
 * The tests are its chapters and follow each other.
 */

const prune = 'Prune failed jobs older than 24 hours';
const sessions = 'Delete all sessions';
const never = new AbortController().signal;

let folder: string;
let site: Site;
let id: string;
let incident: Played;
let find: Gate;
const fault = diskFull();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-crash-'));
  // A killed worker leaves the empty home of the command that it ran; here it goes with the rest. PostgreSQL's user must pass.
  await chmod(folder, 0o755);
  vi.stubEnv('TMPDIR', folder);
  // The silence that counts as a dead run is longer than what a test kills; a closed incident can be reopened for 2 s.
  site = await openSite({ folder, scale: 1 / 60, times: { silentAfter: '2h', closedStays: '2m' }, onProgress: () => undefined, signal: never });
  find = await gate({ program: 'find', when: '-mtime', bin: site.authos.inventory().path, folder });
  await fault.put(site.authos);
}, 120_000);

afterAll(async () => {
  await find?.open();
  await site?.stop();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** As a power cut would: no signal handler, no last word. */
async function kill(...names: string[]): Promise<void> {
  for (const name of names) killNow(name);
  for (const name of names) await site.processes[name]?.exited;
}

function killNow(name: string): void {
  const { pid } = site.processes[name] ?? {};
  if (pid === undefined) throw new Error(`there is no process ${name}`);
  process.kill(pid, 'SIGKILL');
}

const start = (...names: string[]): Promise<unknown> => Promise.all(names.map((name) => site.restart(name)));

const keyOf = (mail: Mail): string => mail.headers['x-responder-key'] ?? '';

function outcomeOf(view: IncidentView, act: string): StepOutcome | undefined {
  return view.runs.flatMap((run) => run.steps.flatMap((step) => step.acts)).find((one) => one.act === act)?.outcome;
}

describe('an incident whose processes are killed', () => {
  it('pages again under the same key if the worker died between the mail and the record', { timeout: 60_000 }, async () => {
    const ends = site.mailbox.onMail(() => {
      // Before the mail server's answer: the page has arrived, and nobody on our side will ever know.
      ends();
      killNow('incidents');
    });
    id = await sendAlert(site, await fault.alert(site.authos));
    await site.processes['incidents']?.exited;
    const first = site.mailbox.messages[0];
    if (!first) throw new Error('the worker died before a page arrived');
    await start('incidents');
    incident = played(site, id, async () => undefined);
    const view = await incident.until('a record of the first page', ({ pages }) => pages.some(({ key }) => key === keyOf(first)));

    const same = site.mailbox.messages.filter((mail) => keyOf(mail) === keyOf(first));
    expect(same.length).toBeGreaterThan(1);
    expect(new Set(same.map(({ messageId }) => messageId)).size).toBe(1);
    expect(view.pages.filter(({ key }) => key === keyOf(first))).toMatchObject([{ repeats: same.length - 1 }]);
  });

  it('goes on with a step that the run worker did not live to see the end of, and repeats one that may be repeated', { timeout: 90_000 }, async () => {
    await find.reached(1);
    await kill('runs');
    await start('runs');
    await kill('host');
    await find.open();
    await start('host');
    await incident.until('the questions', (view) => view.state === 'mitigated' && view.asks.length === 3);

    // Once for the worker that died in it, once for the one that came after it; the death of the run worker costs nothing.
    expect(await find.calls()).toBe(2);
    expect((await fault.over(site.authos)).evidence).toContain('all audit and security logs are there');
  });

  it('waits for its answers while neither incident, run nor server is alive, and takes them from the next ones', { timeout: 60_000 }, async () => {
    const before = await incident.until('the questions', (view) => view.asks.length === 3);
    await kill('incidents', 'runs', 'server');
    await expect(fetch(`${site.url}/readyz`, { signal: AbortSignal.timeout(5_000) })).rejects.toThrow();
    await start('incidents', 'runs', 'server');
    const after = await incident.until('an answer', () => true);
    expect(after.asks).toEqual(before.asks);
    expect(after.timeline.slice(0, before.timeline.length)).toEqual(before.timeline);
  });

  it('asks a person about an approved act whose worker died in the middle, and does not do it again by itself', { timeout: 90_000 }, async () => {
    const others = new pg.Client({ connectionString: site.authos.postgres.adminUrl });
    await others.connect();
    try {
      // Everybody may read the jobs, and nobody delete one: the act stops in the middle.
      await others.query('begin');
      await others.query('lock table failed_jobs in exclusive mode');
      const jobs = await jobsIn(others);
      await incident.approve(prune);
      const backend = await blockedBackend(others);
      await kill('host');
      await others.query('select pg_terminate_backend($1)', [backend]);
      await others.query('commit');
      await start('host');

      const asked = await incident.until('the second question', (view) => view.asks.filter((ask) => ask.act === prune).length === 2);
      expect(asked.asks.at(-1)?.evidence).toContain('it is not known whether this was done');
      expect(await jobsIn(others)).toBe(jobs);
      await incident.decline(prune);
      await incident.approve(sessions);
      const closed = await incident.until('the report', (view) => view.timeline.some((entry) => entry.what === 'report'));
      expect(outcomeOf(closed, prune)).toMatchObject({ kind: 'unknown' });
      expect(await jobsIn(others), 'nobody wanted it a second time').toBe(jobs);
    } finally {
      await others.end();
    }
  });

  it('ends as if nobody had died: cured, closed, and no page under two keys or on record twice', async () => {
    const view = await incidentView(site, id);
    expect(view).toMatchObject({ state: 'closed', closedAs: 'recovered' });
    expect((await fault.over(site.authos)).over).toBe(true);
    expect(view.runs.map(({ end }) => end)).toEqual(['recovered']);
    expect(outcomeOf(view, 'Delete logs older than 7 days')?.kind).toBe('done');
    expect(outcomeOf(view, sessions)?.kind).toBe('done');

    const keys = view.pages.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { key, repeats } of view.pages) {
      const mails = site.mailbox.messages.filter((mail) => keyOf(mail) === key);
      expect(new Set(mails.map(({ messageId }) => messageId)).size, key).toBe(1);
      expect(mails.length, `${key}: an unneeded repeat`).toBeLessThanOrEqual(repeats + 1);
    }
    // Level 1 at time zero: whoever is paged besides counts as part of it.
    const atOnce = view.pages.filter(({ dueAt }) => dueAt === view.incident.openedAt).map(({ person }) => person);
    expect(atOnce.sort()).toEqual(['infra', 'ops-primary']);
    expect(await readFile(join(folder, 'state', 'reports', `${id}.md`), 'utf8')).toContain('recovered');
  });

  it('is gone once no alert can reopen it any more', { timeout: 60_000 }, async () => {
    const { incident: head } = await incidentView(site, id);
    const connection = await Connection.connect({ address: site.temporal.address });
    try {
      const handle = new Client({ connection, namespace: site.temporal.namespace }).workflow.getHandle(head.workflowId);
      const tooLate = AbortSignal.timeout(20_000);
      await connection.withAbortSignal(tooLate, () => handle.result()).catch(() => undefined);
      expect((await handle.describe()).status.name).toBe('COMPLETED');
    } finally {
      await connection.close();
    }
  });
});

async function jobsIn(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ n: number }>('select count(*)::int as n from failed_jobs');
  return rows[0]?.n ?? -1;
}

/** The backend that waits for our lock, once there is one. */
async function blockedBackend(client: pg.Client): Promise<number> {
  const giveUpAt = Date.now() + 30_000;
  for (;;) {
    const { rows } = await client.query<{ pid: number }>("select pid from pg_locks where relation = 'failed_jobs'::regclass and not granted");
    if (rows[0]) return rows[0].pid;
    if (Date.now() > giveUpAt) throw new Error('the act never came to the table');
    await client.query('select pg_sleep(0.05)');
  }
}
