import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { serverState, stateFrom } from '../../src/activities/database-probe.js';
import { sessionText, terminate } from '../../src/activities/database-sessions.js';
import { raisedTo } from '../../src/activities/database-settings.js';
import { createScrub } from '../../src/activities/scrub.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { inActivity } from './support.js';

let world: HostWorld;
const clients: pg.Client[] = [];

beforeAll(async () => {
  world = await openHostWorld();
});
afterAll(() => world?.close());
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => {});
  // The next test begins with an empty server.
  await expect.poll(() => count("application_name in ('worker', 'pg_dump', 'psql')")).toBe(0);
});

/** A session of the application's user, or of the superuser. */
async function session(name = 'worker', url = world.authos.postgres.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: name });
  client.on('error', () => {}); // being ended is what some of them are here for
  await client.connect();
  clients.push(client);
  return client;
}

/** Takes every slot that the application may have. Every session forgets a transaction. */
async function takeEverySlot(): Promise<pg.Client[]> {
  const taken: pg.Client[] = [];
  for (;;) {
    const client = await session().catch((error: { code?: string }) => error);
    if (!(client instanceof pg.Client)) {
      expect(client.code).toBe('53300');
      return taken;
    }
    taken.push(client);
    await client.query('begin; select 1');
  }
}

const isAlive = (client: pg.Client): Promise<boolean> => client.query('select 1').then(() => true, () => false);
const on = () => world.activities;
const place = () => ({ place: world.place });
const look = { samples: 1, every: 0, notBefore: 0, since: 0 };

/** Sessions for which a condition of our own holds, seen from the reserved slot. */
async function count(condition: string): Promise<number> {
  const admin = new pg.Client({ connectionString: world.authos.postgres.adminUrl, application_name: 'counting' });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ n: number }>(`select count(*)::int as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and ${condition}`);
    return rows[0]?.n ?? 0;
  } finally {
    await admin.end();
  }
}

/** Ages are PostgreSQL's own: waits until so many sessions have been as they are for that long. */
async function untilOlderThan(ms: number, sessions: number): Promise<void> {
  const old = `state in ('active', 'idle in transaction') and clock_timestamp() - state_change > make_interval(secs => ${ms / 1_000})`;
  await expect.poll(() => count(old), { timeout: 10_000 }).toBeGreaterThanOrEqual(sessions);
}

describe('the state of PostgreSQL', () => {
  it.each([
    ['starting', { code: '57P03', message: 'the database system is starting up' }],
    ['starting', { code: '57P03', message: 'the database system is not yet accepting connections' }],
    ['full', { code: '53300', message: 'sorry, too many clients already' }],
    ['refuses us', { code: '28P01', message: 'password authentication failed' }],
    ['refuses us', { code: '3D000', message: 'database "x" does not exist' }],
    ['no response', { code: 'ECONNREFUSED', message: '' }],
    ['no response', { code: 'ENOENT', message: 'connect ENOENT /run/postgresql/.s.PGSQL.5432' }],
    ['no response', { message: 'timeout expired' }],
    ['no response', { code: 'EPIPE', message: 'write EPIPE' }],
    ['unknown', { code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND db' }],
    ['unknown', { message: 'self-signed certificate' }],
  ])('is %s after %j', (kind, error) => {
    expect(stateFrom(Object.assign(new Error(error.message), error)).kind).toBe(kind);
  });

  it('is no response from a port where something else is silent, and that is no reason to wait for ever', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const state = await inActivity(() => serverState(() => ({ host: '127.0.0.1', port, connectionTimeoutMillis: 300 }), world.place));
    expect(state.kind).toBe('no response');
  });
});

describe('a full database', () => {
  it('lets us in by the reserved slot and not the application: that they differ is the finding', async () => {
    await takeEverySlot();
    const { data, evidence } = await inActivity(() => on().testDatabaseConnections(place()));
    expect(data).toEqual({ application: 'fails', ours: 'accepting' });
    expect(evidence).toMatch(/^The server lets us in, but not the application.*(too many clients|remaining connection slots)/s);

    const server = await inActivity(() => on().checkDatabaseServer(place()));
    expect(server.data.connections?.percent).toBeGreaterThanOrEqual(80);
    expect(server.evidence).toMatch(/\d+ client connections of 30 .* idle in transaction/);

    expect(await inActivity(() => on().proveDatabase({ ...place(), blockedAtMostMs: 1_000, window: look }))).toMatchObject({ kind: 'not recovered' });
  });

  it('is relieved by ending old transactions, and neither ours, a backup, a young one nor an idle session', async () => {
    const backup = await session('pg_dump');
    await backup.query('begin; select 1');
    const idle = await session('psql');
    await idle.query('select 1');
    const forgotten = await takeEverySlot();
    const young = forgotten.pop()!;
    await untilOlderThan(1_000, forgotten.length);
    await young.query('select 2'); // its transaction is old, but it works in it
    const condition = await inActivity(() => on().longQueriesToKill({ ...place(), olderThanMs: 800 }));
    expect(condition).toMatchObject({ holds: true, why: expect.stringContaining(`to be ended: ${forgotten.length}`) });

    await young.query('select 2');
    const result = await inActivity(() => on().killLongQueries({ ...place(), olderThanMs: 800 }));
    expect(result).toMatchObject({ outcome: 'done', evidence: expect.stringContaining(`${forgotten.length} of ${forgotten.length} sessions ended`) });
    expect(await Promise.all(forgotten.map(isAlive))).not.toContain(true);
    expect(await Promise.all([backup, idle, young].map(isAlive))).toEqual([true, true, true]);
  });
});

describe('a session that blocks others', () => {
  it('is ended though there is room, and those that wait for it get their answer', async () => {
    const blocker = await session();
    await blocker.query('begin; lock table oauth_clients in access exclusive mode');
    const waiting = (await session()).query<{ n: string }>('select count(*) as n from oauth_clients');
    await untilOlderThan(300, 2);
    expect(await inActivity(() => on().proveDatabase({ ...place(), blockedAtMostMs: 200, window: look }))).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('1 wait for a lock') });
    expect(await inActivity(() => on().longQueriesToKill({ ...place(), olderThanMs: 200 }))).toMatchObject({ holds: true, why: expect.stringContaining('blocks 1') });
    expect(await inActivity(() => on().killLongQueries({ ...place(), olderThanMs: 200 }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('1 of 1 sessions ended') });
    expect((await waiting).rows[0]?.n).toMatch(/^\d+$/);
    expect(await isAlive(blocker)).toBe(false);
  });

  it('is let be while it is young, and where nobody waits', async () => {
    const open = await session();
    await open.query('begin; select 1');
    await untilOlderThan(300, 1);
    expect(await inActivity(() => on().longQueriesToKill({ ...place(), olderThanMs: 200 }))).toMatchObject({ holds: false, why: expect.stringContaining('no old session blocks another') });
    const blocker = await session();
    await blocker.query('begin; lock table oauth_clients in access exclusive mode');
    expect(await inActivity(() => on().longQueriesToKill({ ...place(), olderThanMs: 60_000 }))).toMatchObject({ holds: false });
    expect(await inActivity(() => on().killLongQueries({ ...place(), olderThanMs: 60_000 }))).toMatchObject({ outcome: 'refused' });
    expect(await isAlive(open)).toBe(true);
  });

  it('is named by its start as well: a pid that was given out again is somebody else', async () => {
    const other = await session();
    const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid');
    const admin = await session('psql', world.authos.postgres.adminUrl);
    const before = { pid: rows[0]!.pid, backendStart: '2020-01-01 00:00:00+00', state: '', ageMs: 0, blocks: 0, user: '', application: '', query: '' };
    expect(await terminate(admin, before)).toBe(false);
    expect(await isAlive(other)).toBe(true);
  });
});

describe('a query in a page', () => {
  it.each([
    ["select * from users where email = 'a@b.example' and age > 42", 'select * from users where email = ? and age > ?'],
    ["alter role authos password 'top''secret'", 'alter role authos password ?'],
    ["select 'never closed", 'select ?'],
    ['select $tag$ a secret $tag$, 1', 'select ?, ?'],
    ['select 1;\n\x1b[2J$(reboot)\0', 'select ?; \\x1b[2J$(reboot)\\x00'],
  ])('shows no values and moves no cursor: %j', (query, shown) => {
    const text = sessionText({ pid: 1, backendStart: '', state: 'active', ageMs: 400_000, blocks: 2, user: 'authos', application: '', query }, createScrub([]));
    expect(text).toBe(`pid 1 authos: active for 6 min 40 s, blocks 2: ${shown}`);
  });

  it('is cut short', () => {
    expect(sessionText({ pid: 1, backendStart: '', state: 'active', ageMs: 1, blocks: 0, user: 'u', application: 'x'.repeat(10_000), query: 'select '.repeat(2_000) }, createScrub([])).length).toBeLessThan(250);
  });
});

describe('max_connections', () => {
  it.each([
    [30, 400, 200],
    [200, 400, 300],
    [300, 400, 400],
    [400, 400, 400],
    [301, 1_000, 452],
  ])('of %i, bounded by %i, is raised to %i', (current, atMost, to) => expect(raisedTo(current, atMost)).toBe(to));

  it('is raised only while the database is full; it counts after a restart, and the old value can be written back', async () => {
    expect(await inActivity(() => on().mayRaiseMaxConnections(place()))).toMatchObject({ holds: false, why: expect.stringContaining('under 80 %') });
    await takeEverySlot();
    expect(await inActivity(() => on().mayRaiseMaxConnections(place()))).toMatchObject({ holds: true, why: expect.stringContaining('from 30 to 200') });
    expect(await inActivity(() => on().restartPending(place()))).toMatchObject({ holds: false });
    expect(await inActivity(() => on().raiseMaxConnections(place()))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('pending_restart is true: 30 until') });
    expect(await inActivity(() => on().restartPending(place()))).toMatchObject({ holds: true });
    expect(await inActivity(() => on().mayRaiseMaxConnections(place()))).toMatchObject({ holds: false, why: expect.stringContaining('waits for a restart') });

    expect(await inActivity(() => on().restartDatabase({ ...place(), evenIfUp: true }))).toMatchObject({ outcome: 'done' });
    const [row] = await world.authos.sql<{ n: string }>("select current_setting('max_connections') as n");
    expect(row?.n).toBe('200');

    const undo = { ...place(), ours: 200, old: 30 };
    expect(await inActivity(() => on().restoreMaxConnections(undo))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('max_connections = 30 is written') });
    expect(await inActivity(() => on().restoreMaxConnections(undo))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('already') });
    expect(await inActivity(() => on().restoreMaxConnections({ ...undo, ours: 250, old: 40 }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('somebody changed it since') });
  });
});

describe('a restart of PostgreSQL', () => {
  it('is refused while it answers, full or not', async () => {
    const { pid } = world.authos.postgres;
    expect(await inActivity(() => on().restartDatabase({ ...place(), evenIfUp: false }))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('it answers') });
    expect(world.authos.postgres.pid).toBe(pid);
  });

  it('is proved by a new start time, and brings a dead server back', async () => {
    const since = Date.now();
    await world.authos.postgres.stop();
    expect(await inActivity(() => on().databaseState(place()))).toMatchObject({ kind: 'no response' });
    expect(await inActivity(() => on().databaseStartedSince({ ...place(), since }))).toMatchObject({ done: false, evidence: expect.stringContaining('no response') });
    expect(await inActivity(() => on().restartDatabase({ ...place(), evenIfUp: false }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('pg_postmaster_start_time() is') });
    expect(await inActivity(() => on().databaseStartedSince({ ...place(), since }))).toMatchObject({ done: true });
    expect(await inActivity(() => on().databaseStartedSince({ ...place(), since: Date.now() + 60_000 }))).toMatchObject({ done: false });
  });

  it('that does not bring it up is a failure in the manager’s words', async () => {
    await world.authos.postgres.stop();
    const settings = join(world.authos.postgres.dataFolder, 'postgresql.auto.conf');
    await writeFile(settings, "shared_preload_libraries = 'there_is_no_such_library'\n");
    try {
      expect(await inActivity(() => on().restartDatabase({ ...place(), evenIfUp: false }))).toMatchObject({ outcome: 'failed', evidence: expect.stringMatching(/there_is_no_such_library.*no response/s) });
    } finally {
      await rm(settings);
      await writeFile(settings, '');
      await world.authos.postgres.restart();
    }
  });
});

describe('what is known', () => {
  it('of the pool has no password in it', async () => {
    const { evidence, data } = await inActivity(() => on().checkDatabaseConfig(place()));
    expect(data).toMatchObject({ driver: 'pgsql', database: 'authos', url: false, persistent: false });
    expect(JSON.stringify({ evidence, data })).not.toContain(new URL(world.authos.postgres.url).password);
  });

  it('of the volume decides about a restart', async () => {
    expect(await inActivity(() => on().databaseVolumeLetsRestart(place()))).toMatchObject({ holds: expect.any(Boolean), why: expect.stringMatching(/is \d+ % used/) });
    const { data } = await inActivity(() => on().checkDatabaseVolume(place()));
    expect(data.usedPercent).toBeGreaterThan(0);
  });

  it('is nothing while artisan is broken: that is never called recovered', async () => {
    const artisan = join(world.authos.root, 'artisan');
    const text = await readFile(artisan);
    await rm(artisan);
    try {
      const proof = inActivity(() => on().proveDatabase({ ...place(), blockedAtMostMs: 1_000, window: look }));
      await expect(proof).rejects.toMatchObject({ type: 'HostMisconfigured' });
    } finally {
      await writeFile(artisan, text);
    }
    expect(await inActivity(() => on().proveDatabase({ ...place(), blockedAtMostMs: 1_000, window: look }))).toMatchObject({ kind: 'recovered' });
  });
});
