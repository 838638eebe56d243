import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { findBinary } from '../../sandbox/servers/binaries.js';
import { type PostgresServer, startPostgres } from '../../sandbox/servers/postgres.js';
import { startValkey, type ValkeyServer } from '../../sandbox/servers/valkey.js';
import { serverState } from '../../src/activities/database-probe.js';
import { longSessions, longestTransactions, readConnections, stillThere, terminate } from '../../src/activities/database-sessions.js';
import { readMaxConnections, writeMaxConnections, writtenMaxConnections } from '../../src/activities/database-settings.js';
import { postgresActivities, withDatabase } from '../../src/activities/postgres.js';
import { redisFigures, redisTrip } from '../../src/activities/redis-client.js';
import { hostUnder, inActivity, placeOn } from '../activities/support.js';
import { debianPostgres, describeWith, onPath } from './programs.js';
import { compare, onHost, type Scenario } from './scenario.js';

const host = hostUnder(tmpdir());
const place = placeOn(host);
const sessions: pg.Client[] = [];

/** Runs on a connection of the superuser, as the activities do. */
function asAdmin<T>(on: PostgresServer, use: (client: pg.Client) => Promise<T>): Promise<T> {
  return inActivity(() => withDatabase(() => ({ connectionString: on.adminUrl }), place, use));
}

const stateOf = (connectionString: string) => inActivity(async () => (await serverState(() => ({ connectionString }), place)).kind);

/** A session of the application, open until the test ends. */
async function session(on: PostgresServer): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: on.url, application_name: 'worker' });
  client.on('error', () => {}); // some of them are ended on purpose
  await client.connect();
  sessions.push(client);
  return client;
}

async function takeEverySlot(on: PostgresServer): Promise<string | undefined> {
  for (;;) {
    const refused = await session(on).then(() => undefined, (error: { code?: string }) => error);
    if (refused !== undefined) return refused.code;
  }
}

const withPassword = (url: string, password: string): string => Object.assign(new URL(url), { password }).href;

const database: Scenario<PostgresServer>[] = [
  ['lets in whom it knows', (on) => stateOf(on.url), 'accepting'],
  ['refuses a wrong password, and a database that it does not have', async (on) => [await stateOf(withPassword(on.url, 'wrong')), await stateOf(`${on.url}-other`)], ['refuses us', 'refuses us']],
  [
    'is full for the application, and not for us',
    async (on) => {
      const code = await takeEverySlot(on);
      const { max, reserved, percent, byState } = await asAdmin(on, readConnections);
      return { code, application: await stateOf(on.url), ours: await stateOf(on.adminUrl), max, reserved, percent, byState };
    },
    { code: '53300', application: 'full', ours: 'accepting', max: 30, reserved: 3, percent: 90, byState: { idle: 27 } },
  ],
  [
    'does not respond while it is down',
    async (on) => {
      await on.stop();
      try {
        return await stateOf(on.url);
      } finally {
        await on.restart();
      }
    },
    'no response',
  ],
  [
    'shows who blocks whom, and ends the one by pid and start, once',
    async (on) => {
      const [blocker, waiting] = [await session(on), await session(on)];
      await blocker.query('create table if not exists contract (id int)');
      await blocker.query('begin; lock table contract');
      const waits = waiting.query('select * from contract').then(() => 'went on');
      return asAdmin(on, async (client) => {
        // Connections that a test before this one has ended are shown for a moment longer.
        const states = async () => (({ blocked, byState }) => ({ blocked, byState }))(await readConnections(client));
        await expect.poll(states, { timeout: 10_000 }).toEqual({ blocked: 1, byState: { 'idle in transaction': 1, active: 1 } });
        const [first] = await longSessions(client, 0);
        const longest = await longestTransactions(client);
        const ended = [await terminate(client, first!), await waits, await terminate(client, first!)];
        return { blocks: first?.blocks, user: first?.user, application: first?.application, isLongest: longest[0]?.pid === first?.pid, ended, left: await stillThere(client, [first!]) };
      });
    },
    { blocks: 1, user: 'authos', application: 'worker', isLongest: true, ended: [true, 'went on', false], left: 0 },
  ],
  [
    'takes another max_connections after a restart',
    async (on) => {
      const written = await asAdmin(on, (client) => writeMaxConnections(client, 45));
      const before = await asAdmin(on, async (client) => ({ ...(await readMaxConnections(client)), written: await writtenMaxConnections(client) }));
      await on.restart();
      const after = await asAdmin(on, readMaxConnections);
      await asAdmin(on, (client) => client.query('alter system reset max_connections'));
      await on.restart();
      return { evidence: written.evidence, before, after };
    },
    {
      evidence: 'max_connections = 45 is written, pending_restart is true: 30 until PostgreSQL restarts',
      before: { current: 30, pending: true, standbys: 0, written: 45 },
      after: { current: 45, pending: false, standbys: 0 },
    },
  ],
  [
    'tells the sizes of its databases',
    async (on) => {
      const { checkDatabaseSize } = postgresActivities({ hosts: [host], shellOf: (one) => onHost(one).shell, databaseOf: () => ({ connectionString: on.url }) });
      const { databases, volumeFreePercent } = (await inActivity(() => checkDatabaseSize({ place }))).data;
      return [databases.map(({ name }) => name).toSorted(), databases.every(({ bytes }) => bytes > 1_000_000), typeof volumeFreePercent];
    },
    [['authos', 'postgres', 'template1'], true, 'number'],
  ],
];

async function configure(on: ValkeyServer, settings: Record<string, string>): Promise<void> {
  const redis = new Redis(on.url);
  try {
    for (const [key, value] of Object.entries(settings)) await redis.config('SET', key, value);
  } finally {
    redis.disconnect();
  }
}

const targetOf = (url: string) => ({ url, store: 'redis' });
const trip = async (url: string) => {
  const { kind, problem } = await inActivity(() => redisTrip(targetOf(url)));
  return { kind, problem };
};
const figures = (on: ValkeyServer) => inActivity(() => redisFigures(targetOf(on.url)));
const answers = (problem: string) => ({ kind: 'answers', problem });

const cache: Scenario<ValkeyServer>[] = [
  ['takes a value and gives it back', (on) => trip(on.url), { kind: 'works', problem: undefined }],
  ['wants its password', async (on) => [await trip(Object.assign(new URL(on.url), { password: '' }).href), await trip(withPassword(on.url, 'wrong'))], [answers('NOAUTH'), answers('WRONGPASS')]],
  ['is full', async (on) => { await configure(on, { 'maxmemory-policy': 'noeviction', maxmemory: '1' }); return trip(on.url); }, answers('OOM')],
  [
    'can’t save to its disk',
    async (on) => {
      await configure(on, { dir: '/proc', save: '3600 1' });
      const redis = new Redis(on.url);
      try {
        await redis.bgsave();
        await expect.poll(async () => (await redis.info('persistence')).includes('rdb_last_bgsave_status:err')).toBe(true);
      } finally {
        redis.disconnect();
      }
      const said = await trip(on.url);
      // It would try to save when it is stopped, and not end.
      await configure(on, { save: '' });
      return said;
    },
    answers('MISCONF'),
  ],
  ['is a replica', async (on) => { const redis = new Redis(on.url); await redis.replicaof('127.0.0.1', 1); redis.disconnect(); return trip(on.url); }, answers('READONLY')],
  ['is silent while it is down', async (on) => { await on.stop(); return trip(on.url); }, { kind: 'silent', problem: undefined }],
  [
    'counts hits, misses and what it evicts',
    async (on) => {
      await configure(on, { maxmemory: '64mb', 'maxmemory-policy': 'allkeys-lru' });
      const before = await figures(on);
      const redis = new Redis(on.url);
      await redis.set('there', 'x');
      await redis.mget('there', 'there', 'not there');
      redis.disconnect();
      const { hits, misses, evicted, maxBytes, policy, usedBytes, run } = await figures(on);
      return { hits: hits - before.hits, misses: misses - before.misses, evicted, maxBytes, policy, isUsed: usedBytes > 100_000, isSameRun: run === before.run };
    },
    { hits: 2, misses: 1, evicted: 0, maxBytes: 64 * 1024 * 1024, policy: 'allkeys-lru', isUsed: true, isSameRun: true },
  ],
  [
    'begins at zero after a restart, as another run',
    async (on) => {
      const before = await figures(on);
      await on.restart();
      const { hits, misses, run } = await figures(on);
      return { hits, misses, isSameRun: run === before.run };
    },
    { hits: 0, misses: 0, isSameRun: false },
  ],
];

/** Both servers of a kind, in a folder that their user can get to. */
async function pair<Server extends { stop(): Promise<void> }>(start: (folder: string, which: 'standIn' | 'real') => Promise<Server>): Promise<{ standIn: Server; real: Server; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-contract-'));
  await chmod(folder, 0o711);
  const standIn = await start(join(folder, 'stand-in'), 'standIn');
  const real = await start(join(folder, 'real'), 'real');
  const close = async (): Promise<void> => {
    await Promise.all([standIn.stop(), real.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  return { standIn, real, close };
}

describeWith(['postgresql'], 'PostgreSQL, the sandbox’s and Debian’s', () => {
  let servers: Awaited<ReturnType<typeof pair<PostgresServer>>>;
  beforeAll(async () => {
    servers = await pair((folder, which) => startPostgres({ folder, ...(which === 'real' ? { programs: debianPostgres() } : {}) }));
  });
  afterAll(() => servers?.close());
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((client) => client.end().catch(() => {})));
    for (const on of [servers.standIn, servers.real]) await expect.poll(async () => (await asAdmin(on, readConnections)).clients).toBe(0);
  });
  it.each(database)('%s', (_, act, both) => compare(servers, act, both));
});

describeWith(['redis-server'], 'Valkey of the sandbox, and Debian’s Redis', () => {
  let servers: Awaited<ReturnType<typeof pair<ValkeyServer>>>;
  beforeAll(async () => {
    const binaries = { standIn: await findBinary('valkey-server', { pinned: true }), real: onPath('redis-server') };
    servers = await pair((folder, which) => startValkey({ folder, password: 'secret', binary: binaries[which], settings: { 'enable-protected-configs': 'yes' } }));
  });
  afterAll(() => servers?.close());
  afterEach(() => Promise.all([servers.standIn.restart(), servers.real.restart()])); // empty, with its own settings again
  it.each(cache)('%s', (_, act, both) => compare(servers, act, both));
});
