import { randomUUID } from 'node:crypto';
import { utils as ed25519 } from '@noble/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import type { SignedAction } from '../../src/domain/action.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { standardTimes } from '../../src/domain/times.js';
import { temporalIncidents } from '../../src/http/temporal-incidents.js';
import { asked } from '../support/moments.js';
import { hostNeeding, type PracticeHost } from '../support/practice-host.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';
import { call, served, tokens } from './world.js';

/*
 * The real server before a real incident: what a token may, and what a record says of those who may not. The tests follow each
 * other; at their end the one act of the incident has been approved once, by the one who may.
 */

const hour = 3_600_000;
const secretOf = { board: 'board-0123456789abcdef', bob: 'bob-0123456789abcdef', old: 'old-0123456789abcdef' };
const approval = { kind: 'approve', ask: '1.1' } as const;

let world: World;
let server: Awaited<ReturnType<typeof served>>;
let incident: TestIncident;
let host: PracticeHost;
let path: string;

beforeAll(async () => {
  // Temporal's test server keeps tasks of updates that were refused; a real one does not.
  world = await openWorld({ realTime: true });
  const permissions = { approve: { disruptive: ['alice'] }, twoPeople: [], ownRequests: 'refused' as const };
  const links = { console: 'http://console', temporalUi: 'http://ui', keys: [], validFor: hour };
  const config = { times: standardTimes, automation: {}, links, temporal: { address: '', namespace: 'default', connection: () => ({}) }, permissions };
  const incidents = temporalIncidents({ client: world.client, config, seed: world.seed, reports: { read: async () => undefined } });
  const soon = Date.now() + hour;
  server = await served(incidents, {}, {
    people: { bob: { id: 'bob', name: 'Bob', contacts: [] } },
    named: {
      'status-board': { secret: new Secret(secretOf.board), scope: 'read', expires: soon },
      'bob-laptop': { secret: new Secret(secretOf.bob), scope: 'act', person: 'bob', expires: soon },
      'alice-2025': { secret: new Secret(secretOf.old), scope: 'admin', person: 'alice', expires: Date.now() - hour },
    },
  });
  host = hostNeeding('Restart');
  incident = await world.open({ activities: host.activities, start: { permissions } });
  await asked(incident, 'Restart');
  path = `${server.url}/api/incidents/${encodeURIComponent(incident.handle.workflowId)}`;
});
afterAll(async () => {
  await server?.close();
  await world?.endIncidents();
  await world?.close();
});

const act = (token: string, body: object) => call(`${path}/actions`, { token, body });
const refusals = async (): Promise<string[]> =>
  (await incident.view()).timeline.flatMap(({ what, actor, text }) => (what === 'refused' ? [`${actor.kind === 'person' ? actor.person : actor.kind}: ${text}`] : []));

describe('a token that reads', () => {
  it('sees the incident and its question, and may answer and acknowledge nothing; that it tried is on the record', async () => {
    const { status, json } = await call(path, { token: secretOf.board });
    expect([status, (json.view as IncidentView).asks.map(({ id, act: what }) => `${id} ${what}`)]).toEqual([200, ['1.1 Restart']]);
    for (const action of [{ kind: 'acknowledge' }, approval, { kind: 'resolve' }, { kind: 'reboot' }]) {
      const refused = await act(secretOf.board, action);
      expect([refused.status, refused.json]).toEqual([403, { error: 'forbidden', message: 'this token may read; this needs one of scope act' }]);
    }
    await incident.until(async () => (await refusals()).length === 3, 'the record');
    expect(await refusals()).toEqual(['acknowledge', 'approve', 'resolve'].map((kind) => `status-board: ${kind} refused: this token may read; this needs one of scope act`));
    expect((await incident.view()).acknowledgement).toBeUndefined();
  });

  it('is refused as often as it likes, and has the same line once a minute', async () => {
    const { historyLength } = await incident.handle.describe();
    const statuses = await Promise.all(Array.from({ length: 30 }, async () => (await act(secretOf.board, approval)).status));
    expect(new Set(statuses)).toEqual(new Set([403]));
    expect((await incident.handle.describe()).historyLength - historyLength).toBeLessThan(10);
    expect((await call(`${server.url}/metrics`)).text).toContain('responder_actions_total{kind="approve",outcome="forbidden"} 31');
  });
});

describe('a token that has expired', () => {
  it('neither looks nor acts, whatever it was good for, and is named in the log', async () => {
    for (const answer of [await call(path, { token: secretOf.old }), await act(secretOf.old, approval)]) {
      expect([answer.status, answer.json.error]).toEqual([401, 'unauthorized']);
      expect(answer.json.message).toContain('the token alice-2025 expired at');
    }
    expect(server.log.join()).toContain('the token alice-2025 expired at');
    expect(server.log.join()).not.toContain(secretOf.old);
    expect(host.did).toEqual([]);
  });
});

describe("a person's token", () => {
  it('approves what the config leaves to its person, and what it leaves to others is refused on the record', async () => {
    const refused = await act(secretOf.bob, approval);
    expect([refused.status, refused.json.message]).toEqual([403, 'to approve a disruptive act is left to alice by the config, and bob is none of them']);
    await incident.until(async () => (await refusals()).some((line) => line.startsWith('bob: approve refused')), 'the record');
    expect((await act(secretOf.bob, { kind: 'note', text: 'who can approve?' })).status).toBe(200);
    expect(host.did).toEqual([]);
  });
});

describe('what is sent to Temporal past the server', () => {
  const forged = async (input: unknown): Promise<unknown> => incident.handle.executeUpdate('approve', { args: [input] }).catch((error: unknown) => error);
  const signed = (): SignedAction => incident.sign(approval);

  it.each<[string, () => unknown, RegExp]>([
    ['no signature', () => approval, /responder command or a link of a page$/],
    ['the signature of another key', () => incident.sign(approval, { seed: ed25519.randomSecretKey() }), /the signature that came with it is not our server’s$/],
    ['the signature of another action', () => ({ ...signed(), action: { kind: 'approve', ask: '1.2' } }), /not our server’s$/],
    ['the signature of another person', () => ({ ...signed(), person: 'mallory' }), /not our server’s$/],
    ['the signature of an action under another kind', () => incident.sign({ kind: 'acknowledge' }), /not our server’s$/],
    ['nonsense for a signature', () => ({ ...signed(), signature: { toString: 'x' } }), /not our server’s$/],
  ])('with %s is refused as an update and as a signal, each with a line', async (_what, make, words) => {
    const before = (await refusals()).length;
    expect(await forged(make())).toMatchObject({ cause: { message: expect.stringMatching(words) as string } });
    await incident.signal('approve', make());
    await incident.until(async () => (await refusals()).length === before + 2, 'two lines');
    for (const line of (await refusals()).slice(-2)) expect(line).toMatch(/^unverified: approve refused: approve needs a person that our server knows/);
    expect(host.did).toEqual([]);
  });

  it('again and again fills neither history nor record: after twenty updates no further one is an event', async () => {
    for (let n = 0; n < 16; n += 1) await forged(incident.sign(approval, { seed: ed25519.randomSecretKey() }));
    const lines = await refusals();
    expect(lines.at(-1)).toBe('automation: further updates that our server did not sign are refused without a line');
    const { historyLength } = await incident.handle.describe();
    for (let n = 0; n < 50; n += 1) expect(await forged({ ...approval, id: randomUUID() })).toMatchObject({ cause: { message: expect.stringContaining('needs a person') as string } });
    // Not the fifty's: the run of the incident goes on meanwhile.
    expect((await incident.handle.describe()).historyLength - historyLength).toBeLessThan(20);
    expect(await refusals()).toEqual(lines);
  });

  it('keeps nobody from acting who may', async () => {
    expect((await act(tokens.alice, approval)).json).toMatchObject({ recorded: 'applied' });
    const view = await incident.until(() => host.did.length > 0, 'the act');
    expect(host.did).toEqual(['Restart']);
    expect(view.asks[0]?.answer).toMatchObject({ answer: 'approved', by: { person: 'alice' } });
  });
});
