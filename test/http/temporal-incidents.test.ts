import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporal } from '../../sandbox/servers/temporal.js';
import type { TemporalServer } from '../../sandbox/servers/temporal.js';
import { route } from '../../src/alerts/routing.js';
import type { RoutedAlert } from '../../src/alerts/routing.js';
import type { Config } from '../../src/config.js';
import { standardTimes } from '../../src/domain/times.js';
import { lazyConnection } from '../../src/lazy-connection.js';
import { ApiError } from '../../src/http/errors.js';
import { temporalIncidents } from '../../src/http/temporal-incidents.js';
import { standardDeadlines } from '../../src/http/temporal-calls.js';
import { host, inventory, runbooks } from '../alerts/world.js';

const seed = new Uint8Array(32).fill(9);
const config: Pick<Config, 'times' | 'automation' | 'links' | 'temporal'> = {
  times: standardTimes,
  automation: {},
  links: { console: 'https://responder.example.com', temporalUi: 'https://temporal.example.com', keys: [], validFor: 1 },
  temporal: { address: '', namespace: 'default', connection: () => ({}) },
};
const alice = { person: 'alice', via: 'cli' as const };
const stored = new Map<string, string>();
const reports = { read: async (id: string) => stored.get(id) };

Runtime.install({ logger: new DefaultLogger('ERROR') });

let folder: string;
let server: TemporalServer;
let connection: Connection;
let client: Client;
let native: NativeConnection;
let workflowBundle: { code: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-http-'));
  server = await startTemporal({ folder, database: 'memory' });
  connection = await Connection.connect({ address: server.address });
  client = new Client({ connection });
  native = await NativeConnection.connect({ address: server.address });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: new URL('./workflows.ts', import.meta.url).pathname, logger: quiet });
});
afterAll(async () => {
  await native?.close();
  await connection?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const silent = (): void => undefined;
const quiet = { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Runs a worker for the incidents while `work` goes on. */
async function withWorker<Result>(work: () => Promise<Result>): Promise<Result> {
  const worker = await Worker.create({ connection: native, taskQueue: 'incidents', workflowBundle });
  return worker.runUntil(work());
}

const incidents = (person = standardDeadlines.person) => temporalIncidents({ client, config, seed, reports, deadlines: { ...standardDeadlines, person } });

let hosts = 0;
/** An alert about a disk that no other test has. */
function diskAlert(): RoutedAlert & { again: (status: 'firing' | 'resolved') => RoutedAlert } {
  const name = `disk-${hosts++}`;
  const known = { ...inventory, hosts: { [name]: host(name) } };
  const alert = (status: 'firing' | 'resolved') =>
    route({ status, title: 'Disk full', description: '', labels: { alertname: 'DiskSpaceCritical', host: name } }, { runbooks, inventory: known, source: 'test', acceptedAt: Date.now() });
  return { ...alert('firing'), again: alert };
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
  return 'no refusal';
}

describe('incidents in Temporal, while no worker is up', () => {
  it('opens one incident for a fingerprint, and later alerts join it', async () => {
    const alert = diskAlert();
    const opened = await incidents().accept(alert);
    expect(opened).toMatchObject({ fingerprint: `diskSpaceCritical/${alert.place.name}`, state: 'opened' });
    const joined = await incidents().accept(alert.again('firing'));
    expect(joined).toEqual({ ...opened, state: 'joined' });
  });

  it('opens exactly one when many alerts come at once', async () => {
    const alert = diskAlert();
    const answers = await Promise.all(Array.from({ length: 20 }, () => incidents().accept(alert.again('firing'))));
    expect(new Set(answers.map(({ incidentId }) => incidentId)).size).toBe(1);
    expect(answers.filter(({ state }) => state === 'opened')).toHaveLength(1);
  });

  it("ignores a 'resolved' for which nothing is open, and passes on one for which something is", async () => {
    const alert = diskAlert();
    expect(await incidents().accept(alert.again('resolved'))).toMatchObject({ incidentId: null, state: 'ignored' });
    const opened = await incidents().accept(alert);
    expect(await incidents().accept(alert.again('resolved'))).toMatchObject({ incidentId: opened.incidentId, state: 'joined' });
  });

  it('finds an incident at once by id and workflow id, and lists it by its search attributes', async () => {
    const alert = diskAlert();
    const here = incidents();
    const { incidentId, workflowId } = await here.accept(alert);
    const summary = { id: incidentId, workflowId, runbook: 'diskSpaceCritical', severity: 'Critical', target: alert.place.name, state: 'open', openedAt: alert.alert.acceptedAt };
    expect(await here.find(incidentId ?? '')).toMatchObject(summary);
    expect(await here.find(workflowId)).toMatchObject(summary);
    await expect.poll(() => here.list({ runbook: 'diskSpaceCritical', state: 'open' }), { timeout: 10_000 }).toContainEqual(expect.objectContaining(summary));
    expect(await here.list({ runbook: 'generalTroubleshooting' })).toEqual([]);
    expect((await here.list({ state: 'watching' })).map(({ id }) => id)).not.toContain(incidentId);
  });

  it('does not know an id that is none, and asks for more of one that several have', async () => {
    const here = incidents();
    const { incidentId } = await here.accept(diskAlert());
    await here.accept(diskAlert());
    await expect.poll(() => refusal(here.find((incidentId ?? '').slice(0, 6))), { timeout: 10_000 }).toBe('ambiguous_incident');
    for (const nobody of ['ffffff', '018f3c5e-0000-7000-8000-000000000001', 'incident/diskSpaceCritical/nowhere', 'mode', "x' OR 1=1"]) {
      expect(await refusal(here.find(nobody))).toBe('unknown_incident');
    }
  });

  it('says that no worker answers a question', async () => {
    const here = incidents(300);
    const { workflowId } = await here.accept(diskAlert());
    expect(await refusal(here.view(workflowId))).toBe('no_worker');
  });

  it('keeps an action until a worker is back, and counts it once', async () => {
    const here = incidents(500);
    const { workflowId } = await here.accept(diskAlert());
    const id = '018f3c5e-0000-4000-8000-00000000000a';
    expect(await here.act(workflowId, { kind: 'acknowledge' }, { ...alice, id })).toMatchObject({ recorded: 'queued' });
    expect(await here.act(workflowId, { kind: 'acknowledge' }, { ...alice, id })).toMatchObject({ recorded: 'queued' });
    await withWorker(async () => {
      const { view } = await incidents().view(workflowId);
      expect(view.done).toEqual(['alice (cli): acknowledge']);
    });
  });

  it('keeps a turn of the kill switch until a worker is back', async () => {
    const here = incidents();
    expect(await here.modes()).toEqual({ global: 'automatic', runbooks: {} });
    expect(await here.setMode({ scope: 'global', mode: 'observe-only' }, alice)).toEqual({ global: 'observe-only', runbooks: {} });
    await withWorker(() => expect.poll(() => here.modes(), { timeout: 10_000 }).toEqual({ global: 'observe-only', runbooks: {} }));
    const next = await here.setMode({ scope: 'diskSpaceCritical', mode: 'dry-run' }, alice);
    expect(next).toEqual({ global: 'observe-only', runbooks: { diskSpaceCritical: 'dry-run' } });
    await withWorker(() => expect.poll(() => here.modes(), { timeout: 10_000 }).toEqual(next));
  });
});

describe('incidents in Temporal, with a worker', () => {
  it('shows an incident with the steps of its run, and its links', async () => {
    await withWorker(async () => {
      const { incidentId, workflowId } = await incidents().accept(diskAlert());
      const { view, progress } = await incidents().view(workflowId);
      expect(view.incident).toMatchObject({ id: incidentId, links: { console: `https://responder.example.com/incidents/${incidentId}` } });
      expect(view.incident.links.temporal).toBe(`https://temporal.example.com/namespaces/default/workflows/${encodeURIComponent(workflowId)}`);
      await expect.poll(async () => (await incidents().view(workflowId)).progress.map(({ title }) => title)).toEqual(['Check Disk Usage']);
      expect(Array.isArray(progress)).toBe(true);
    });
  });

  it('applies what a person does, and gives a refusal in the incident\'s own words', async () => {
    await withWorker(async () => {
      const { workflowId } = await incidents().accept(diskAlert());
      expect(await incidents().act(workflowId, { kind: 'note', text: 'on it' }, alice)).toEqual({ recorded: 'applied', said: 'alice (cli): note' });
      await expect(incidents().act(workflowId, { kind: 'approve', ask: '9.9' }, alice)).rejects.toThrow(new ApiError('refused', 'there is no question 9.9'));
    });
  });

  it('takes a repeat under the same key once', async () => {
    await withWorker(async () => {
      const { workflowId } = await incidents().accept(diskAlert());
      const acting = { ...alice, id: '018f3c5e-0000-4000-8000-00000000000b' };
      await incidents().act(workflowId, { kind: 'acknowledge' }, acting);
      await incidents().act(workflowId, { kind: 'acknowledge' }, acting);
      expect((await incidents().view(workflowId)).view.done).toEqual(['alice (cli): acknowledge']);
    });
  });

  it('is refused by the incident when another key signed', async () => {
    await withWorker(async () => {
      const { workflowId } = await incidents().accept(diskAlert());
      const other = temporalIncidents({ client, config, seed: new Uint8Array(32).fill(1), reports });
      await expect(other.act(workflowId, { kind: 'note', text: 'x' }, alice)).rejects.toThrow('the signature is not ours');
    });
  });

  it('says of a closed incident that it is closed, shows its report, and opens a new one for the next alert', async () => {
    await withWorker(async () => {
      const alert = diskAlert();
      const here = incidents();
      const { workflowId, incidentId } = await here.accept(alert);
      const { view } = await here.view(workflowId);
      await here.act(workflowId, { kind: 'resolve', reason: 'by hand' }, alice);
      await client.workflow.getHandle(workflowId).result();
      expect(await refusal(here.act(workflowId, { kind: 'note', text: 'x' }, alice))).toBe('closed');
      stored.set(incidentId ?? '', JSON.stringify({ ...view, state: 'closed' }));
      expect((await here.view(workflowId)).view.state).toBe('closed');
      expect((await here.find(workflowId)).state).toBe('closed');

      const next = await here.accept(alert.again('firing'));
      expect(next).toMatchObject({ workflowId, state: 'opened' });
      expect(next.incidentId).not.toBe(incidentId);
      await expect.poll(async () => (await here.find(incidentId ?? '')).state, { timeout: 10_000 }).toBe('closed');
    });
  });
});

describe('incidents while Temporal is away', () => {
  it('says so within the deadline, for alerts, people and probes, and shows what reports there are', async () => {
    const nowhere = lazyConnection({ address: `127.0.0.1:${await getPort()}` });
    const away = temporalIncidents({ client: new Client({ connection: nowhere.connection }), config, seed, reports, deadlines: { accept: 400, describe: 400, person: 400 } });
    const began = performance.now();
    const calls = [
      away.accept(diskAlert()),
      away.accept(diskAlert().again('resolved')),
      away.list({}),
      away.find('incident/diskSpaceCritical/app-1~'),
      away.act('incident/diskSpaceCritical/app-1~', { kind: 'acknowledge' }, alice),
      away.view('incident/diskSpaceCritical/app-1~'),
      away.modes(),
      away.setMode({ scope: 'global', mode: 'automatic' }, alice),
      away.reachable(),
    ];
    expect(await Promise.all(calls.map(refusal))).toEqual(calls.map(() => 'temporal_unreachable'));
    expect(performance.now() - began).toBeLessThan(3_000);
    const [id] = stored.keys();
    expect((await away.view(id ?? '')).view.state).toBe('closed');
    await nowhere.close();
  });

  it('comes back by itself when Temporal does', async () => {
    const port = await getPort();
    const lazily = lazyConnection({ address: `127.0.0.1:${port}` });
    const here = temporalIncidents({ client: new Client({ connection: lazily.connection }), config, seed, reports });
    expect(await refusal(here.reachable())).toBe('temporal_unreachable');
    const second = await startTemporal({ folder: join(folder, 'second'), database: 'memory', port });
    try {
      await expect.poll(() => refusal(here.reachable()), { timeout: 15_000 }).toBe('no refusal');
      expect(await here.accept(diskAlert())).toMatchObject({ state: 'opened' });
    } finally {
      await lazily.close();
      await second.stop();
    }
  });
});
