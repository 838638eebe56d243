import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { route } from '../../src/alerts/routing.js';
import type { RoutedAlert } from '../../src/alerts/routing.js';
import type { SilenceView } from '../../src/domain/silence.js';
import { sign } from '../../src/domain/signing.js';
import { standardTimes } from '../../src/domain/times.js';
import { silencing } from '../../src/http/silencing-intake.js';
import { standardDeadlines } from '../../src/http/temporal-calls.js';
import { temporalIncidents } from '../../src/http/temporal-incidents.js';
import { silenceKeeper, temporalSilences } from '../../src/http/temporal-silences.js';
import { silencesId } from '../../src/workflows/names.js';
import { host, inventory } from '../alerts/world.js';
import { practiceRunbook } from '../support/practice-runs.js';
import { until } from '../support/until.js';
import { openWorld, type World } from '../support/world.js';
import { call, served, tokens } from './world.js';

const seed = new Uint8Array(32).fill(9);
const deadlines = { ...standardDeadlines, person: 1_500 };
const config = {
  times: standardTimes,
  automation: {},
  links: { console: 'http://console', temporalUi: 'http://ui', keys: [], validFor: 1 },
  temporal: { address: '', namespace: 'default', connection: () => ({}) },
};
const reports = { read: async () => undefined };

let world: World;
let server: Awaited<ReturnType<typeof served>>;
let incidents: ReturnType<typeof temporalIncidents>;
beforeAll(async () => {
  world = await openWorld({ realTime: true });
  ({ server, incidents } = await serverOn(world.client));
});
afterAll(async () => {
  await server?.close();
  await world?.close();
});

/** A server of its own, as behind a balancer. */
async function serverOn(client: Client) {
  const { keeper, silences } = temporalSilences({ client, seed, deadlines });
  const inTemporal = temporalIncidents({ client, config, seed, reports, deadlines });
  const its = { ...inTemporal, ...silencing(inTemporal, keeper) };
  return { server: await served(its, {}, { silences }), incidents: its };
}

function alert(name: string, status: 'firing' | 'resolved' = 'firing', byHand = false): RoutedAlert {
  const known = { ...inventory, hosts: { [name]: host(name) } };
  const parsed = { status, runbook: 'practice', title: 'It is broken', description: '', labels: { alertname: 'Broken', host: name } };
  return route(parsed, { runbooks: [practiceRunbook], inventory: known, source: 'test', acceptedAt: Date.now(), byHand });
}

async function add(name: string, { startsAt = 0, ms = 60_000 } = {}): Promise<SilenceView> {
  const moment = (after: number): string => new Date(Date.now() + after).toISOString();
  const body = { matchers: [`host=~${name}`], ...(startsAt > 0 && { startsAt: moment(startsAt) }), endsAt: moment(startsAt + ms), reason: 'the volume is moved' };
  const { status, json } = await call(`${server.url}/api/silences`, { token: tokens.alice, body });
  expect({ status, json }).toMatchObject({ status: 201 });
  return json as unknown as SilenceView;
}

/** Looks until there is an answer. */
async function eventually<Answer>(what: string, look: () => Promise<Answer | undefined>): Promise<Answer> {
  let answer: Answer | undefined;
  await until(what, async () => (answer = await look()) !== undefined, 10_000);
  return answer as Answer;
}

async function shown(id: string): Promise<SilenceView | undefined> {
  const { json } = await call(`${server.url}/api/silences`, { token: tokens.alice });
  return (json['silences'] as SilenceView[]).find((one) => one.id === id);
}

describe('a silence', () => {
  it('holds what fits, and lets it page when a person ends it', async () => {
    const silence = await add('app-a');
    expect(silence).toMatchObject({ state: 'active', author: 'alice', reason: 'the volume is moved', held: [] });
    expect(await incidents.accept(alert('app-a'))).toMatchObject({ incidentId: null, state: 'silenced' });
    expect(await incidents.accept(alert('app-a'))).toMatchObject({ state: 'silenced' });
    expect(await incidents.accept(alert('other-a'))).toMatchObject({ state: 'opened' });
    expect((await shown(silence.id))?.held).toMatchObject([{ title: 'It is broken', count: 2, became: 'held' }]);

    const ended = await call(`${server.url}/api/silences/${silence.id.slice(0, 8)}`, { method: 'DELETE', token: tokens.alice });
    expect(ended.json).toMatchObject({ id: silence.id, state: 'expired', expired: { by: 'alice' } });
    const held = await eventually('the page', async () => (await shown(silence.id))?.held.find(({ became }) => became === 'paged'));
    const { view } = await incidents.view(held.incidentId ?? '');
    expect(view.alerts.labels['responder_note']).toMatch(/^held by the silence .* of alice from .*: the volume is moved$/);
    expect(await incidents.accept(alert('app-a'))).toMatchObject({ incidentId: held.incidentId, state: 'joined' });
  });

  it('that ends by itself pages what still fires, and not what its monitor called resolved', async () => {
    await add('app-b.*', { ms: 2_000 });
    expect(await incidents.accept(alert('app-b1'))).toMatchObject({ state: 'silenced' });
    expect(await incidents.accept(alert('app-b2'))).toMatchObject({ state: 'silenced' });
    expect(await incidents.accept(alert('app-b2', 'resolved'))).toMatchObject({ state: 'ignored' });
    const found = await eventually('the end of the silence', async () => {
      const { json } = await call(`${server.url}/api/silences`, { token: tokens.alice });
      const all = (json['silences'] as SilenceView[]).flatMap(({ held }) => held);
      return all.some(({ fingerprint, became }) => fingerprint.includes('app-b1') && became === 'paged') ? all : undefined;
    });
    expect(found.filter(({ fingerprint }) => fingerprint.includes('app-b2'))).toMatchObject([{ became: 'resolved' }]);
  });

  it('of a maintenance window holds nothing before it starts, and never what a person opens by hand', async () => {
    expect(await add('app-c', { startsAt: 60_000 })).toMatchObject({ state: 'pending' });
    expect(await incidents.accept(alert('app-c'))).toMatchObject({ state: 'opened' });
    await add('app-d');
    expect(await incidents.accept(alert('app-d', 'firing', true))).toMatchObject({ state: 'opened' });
  });

  it('counts on a second server as well, within a second', async () => {
    const { server: second, incidents: its } = await serverOn(world.client);
    await its.accept(alert('other-e'));
    await add('app-e');
    await until('the second server knows', async () => (await its.accept(alert('app-e'))).state === 'silenced', 5_000);
    await second.close();
  });

  it('is refused without a matcher that narrows, an end, or the signature of our server', async () => {
    const endsAt = new Date(Date.now() + 60_000).toISOString();
    const ask = (body: object) => call(`${server.url}/api/silences`, { token: tokens.alice, body });
    expect(await ask({ matchers: ['host!=x'], endsAt, reason: 'x' })).toMatchObject({ status: 400, json: { error: 'invalid' } });
    expect(await ask({ matchers: ['host=~('], endsAt, reason: 'x' })).toMatchObject({ status: 400 });
    expect(await ask({ matchers: ['host=x'], reason: 'x' })).toMatchObject({ status: 400 });
    expect(await ask({ matchers: ['host=x'], endsAt, reason: 'x', author: 'bob' })).toMatchObject({ status: 400 });
    expect(await ask({ matchers: ['host=x'], endsAt: new Date(Date.now() - 1).toISOString(), reason: 'x' })).toMatchObject({ status: 409, json: { error: 'refused', message: 'the silence would be over already' } });
    expect(await call(`${server.url}/api/silences`, { token: tokens.monitoring })).toMatchObject({ status: 403 });
    expect(await call(`${server.url}/api/silences/0123456`, { method: 'DELETE', token: tokens.alice })).toMatchObject({ status: 404, json: { error: 'unknown_silence' } });
    const silence = { matchers: [], startsAt: 0, endsAt: Date.now() + 60_000, reason: 'x' };
    const forged = sign({ v: 1, id: randomUUID(), incidentId: silencesId, person: 'alice', via: 'cli', at: Date.now(), action: { kind: 'silence', silence } }, new Uint8Array(32).fill(1));
    await expect(world.client.workflow.getHandle(silencesId).executeUpdate('change', { args: [forged] })).rejects.toMatchObject({ cause: { message: 'the signature is not of our server' } });
  });
});

describe('while something is away', () => {
  it('a silence holds without a worker, durably, and adding one says that nobody answered', async () => {
    const silence = await add('app-f');
    await world.end('incidents');
    expect(await incidents.accept(alert('app-f'))).toMatchObject({ state: 'silenced' });
    const endsAt = new Date(Date.now() + 60_000).toISOString();
    expect(await call(`${server.url}/api/silences`, { token: tokens.alice, body: { matchers: ['host=app-g'], endsAt, reason: 'x' } })).toMatchObject({ status: 504, json: { error: 'no_worker' } });
    await world.restart('incidents');
    const held = await eventually('what was held', async () => (await shown(silence.id))?.held[0]);
    expect(held).toMatchObject({ became: 'held', count: 1 });
  });

  it('an alert whose silence can not be looked up pages', async () => {
    // Never closed: a retry of it may still wait.
    const connection = Connection.lazy({ address: '127.0.0.1:1' });
    const keeper = silenceKeeper({ client: new Client({ connection }), deadlines: { ...deadlines, accept: 200 } });
    expect(await keeper.silenceOf(alert('app-f'))).toBeUndefined();
    const { alert: held, place, ladder } = alert('app-f');
    expect(await keeper.hold({ silence: 'x', alert: held, place, ladder })).toBe(false);
  });
});
