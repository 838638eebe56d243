import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cacheFull } from '../../sandbox/faults/index.js';
import { redisTrip, tripFrom } from '../../src/activities/redis-client.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { inActivity } from './support.js';

let world: HostWorld;
const look = { samples: 1, every: 0, notBefore: 0, since: 0 };
const on = () => world.activities;
const place = () => ({ place: world.place });
const prove = (more: object = {}) => inActivity(() => on().proveCache({ ...place(), window: look, ...more }));

beforeAll(async () => {
  world = await openHostWorld();
});
afterAll(() => world?.close());
afterEach(() => world.authos.valkey.restart()); // empty, with its own settings again

async function redis<T>(use: (redis: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(world.authos.inventory().cacheUrl, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {}); // the rejected promise says the same
  try {
    await client.connect();
    return await use(client);
  } finally {
    client.disconnect();
  }
}

const setPassword = (to: string) => redis((client) => client.config('SET', 'requirepass', to));

describe('an answer of Redis', () => {
  it.each([
    ['LOADING', 'LOADING Redis is loading the dataset in memory'],
    ['MISCONF', 'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.'],
    ['OOM', "OOM command not allowed when used memory > 'maxmemory'."],
    ['NOAUTH', 'NOAUTH Authentication required.'],
    ['WRONGPASS', 'WRONGPASS invalid username-password pair or user is disabled.'],
  ])('is no silence: %s', (problem, message) => {
    expect(tripFrom(new Error(message))).toMatchObject({ kind: 'answers', problem });
  });

  it.each(['connect ECONNREFUSED 127.0.0.1:6379', 'connect ETIMEDOUT', 'Command timed out', 'Connection is closed.', 'OOMPH', 'see LOADING'])('is none of %j', (message) => {
    expect(tripFrom(new Error(message))).toMatchObject({ kind: 'silent' });
  });

  it('is not waited for longer than a few seconds', { timeout: 20_000 }, async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const trip = await inActivity(() => redisTrip({ url: `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`, store: 'redis' }));
    expect(trip.kind).toBe('silent');
  });
});

describe('a cache that works', () => {
  it('passes both round trips and leaves no key behind', async () => {
    const before = await redis((client) => client.dbsize());
    const { data, evidence } = await inActivity(() => on().testCacheOperations(place()));
    expect(data).toMatchObject({ application: { kind: 'works' }, redis: { kind: 'works' }, running: 'redis' });
    expect(evidence).not.toContain(decodeURIComponent(new URL(world.authos.valkey.url).password));
    expect(await redis((client) => client.keys('*responder:probe*'))).toEqual([]);
    expect(await redis((client) => client.dbsize())).toBeGreaterThanOrEqual(before);
    expect(await prove()).toMatchObject({ kind: 'recovered' });
  });

  it('is neither restarted nor replaced', async () => {
    expect(await inActivity(() => on().redisIsSilent(place()))).toMatchObject({ holds: false, why: expect.stringContaining('Redis answers') });
    expect(await inActivity(() => on().fallbackNeeded(place()))).toMatchObject({ holds: false });
  });

  it('is described: driver, storage and configuration, without a password', async () => {
    const driver = await inActivity(() => on().checkCacheDriver(place()));
    expect(driver).toMatchObject({ data: { file: 'redis', running: 'redis' }, evidence: expect.stringContaining("'default' => env('CACHE_STORE', 'database')") });
    const storage = await inActivity(() => on().checkCacheStorage(place()));
    expect(storage.evidence).toMatch(/storage\/framework\/cache: .*\nRedis: .* used without a limit, policy noeviction, 0 evicted/);
    const configuration = await inActivity(() => on().verifyCacheConfiguration(place()));
    expect(JSON.parse(configuration.evidence)).toMatchObject({ default: 'redis', store: { driver: 'redis', connection: 'cache' } });
    expect(`${driver.evidence}${storage.evidence}${configuration.evidence}`).not.toContain(decodeURIComponent(new URL(world.authos.valkey.url).password));
  });
});

describe('a Redis that is full', () => {
  it('answers OOM: a finding, no case for a restart', async () => {
    await cacheFull().put(world.authos);
    const { data, evidence } = await inActivity(() => on().testCacheOperations(place()));
    expect(data).toMatchObject({ application: { kind: 'fails' }, redis: { kind: 'answers', problem: 'OOM' } });
    expect(evidence).toContain('its policy evicts nothing');
    expect(await inActivity(() => on().redisIsSilent(place()))).toMatchObject({ holds: false });
    expect((await inActivity(() => on().checkCacheStorage(place()))).evidence).toContain('every write is refused');
    expect(await prove()).toMatchObject({ kind: 'not recovered' });
  });
});

describe('a Redis that does not run', () => {
  it('is restarted by the manager that the config names, proved by a new start', async () => {
    const since = Date.now();
    await world.authos.valkey.stop();
    expect(await inActivity(() => on().redisIsSilent(place()))).toMatchObject({ holds: true, why: expect.stringMatching(/ECONNREFUSED.*sessions, queue and locks are not in the cache store/s) });
    expect(await prove()).toMatchObject({ kind: 'not recovered' });
    await expect(inActivity(() => on().serviceStartedSince({ ...place(), service: 'redis', since }))).resolves.toMatchObject({ done: false });
    expect(await inActivity(() => on().restartService({ ...place(), service: 'redis' }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('docker restart -t 120 authos-redis; running, started') });
    expect(await inActivity(() => on().serviceStartedSince({ ...place(), service: 'redis', since }))).toMatchObject({ done: true });
    expect(await prove()).toMatchObject({ kind: 'recovered' });
  });

  it('that does not come back is a failure in the manager’s words', async () => {
    const { port } = world.authos.valkey;
    await world.authos.valkey.stop();
    const squatter = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    const result = await inActivity(() => on().restartService({ ...place(), service: 'redis' }));
    squatter.close();
    await once(squatter, 'close');
    expect(result).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining(String(port)) });
  });

  it('is nobody’s to restart where the config does not name it', async () => {
    await expect(inActivity(() => on().restartService({ ...place(), service: 'nginx' }))).rejects.toMatchObject({ type: 'HostMisconfigured', message: expect.stringContaining('services.nginx') });
  });
});

describe('the fallback', () => {
  const env = () => join(world.authos.root, '.env');

  it('carries while the store fails, is mitigated and no recovery, and goes once the store works again', async () => {
    const before = await readFile(env());
    const password = decodeURIComponent(new URL(world.authos.valkey.url).password);
    await redis((client) => client.set('authos_database_authos_cache_stale', 'i:1;'));
    await setPassword('another');
    expect(await inActivity(() => on().fallbackNeeded(place()))).toMatchObject({ holds: true, why: expect.stringContaining('WRONGPASS') });
    const undo = { ...place(), ...(await inActivity(() => on().beforeFallback(place()))), ours: 'file' };
    expect(undo).toMatchObject({ old: 'redis', store: 'redis', clearable: true });
    expect(await inActivity(() => on().setEnv({ ...place(), key: 'CACHE_STORE', value: 'file' }))).toMatchObject({ outcome: 'done' });
    expect(await prove()).toMatchObject({ kind: 'not recovered', mitigated: true, evidence: expect.stringContaining('AuthOS calls it healthy; store in force: file') });
    expect(await inActivity(() => on().fallbackNeeded(place()))).toMatchObject({ holds: false });

    expect(await inActivity(() => on().restoreCacheStore(undo))).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('does not work yet') });
    expect(world.authos.config().cache.default).toBe('file');

    const wrong = new Redis({ host: '127.0.0.1', port: world.authos.valkey.port, password: 'another' });
    await wrong.config('SET', 'requirepass', password).finally(() => wrong.disconnect());
    expect(await prove()).toMatchObject({ kind: 'recovered' });
    expect(await inActivity(() => on().restoreCacheStore(undo))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('cache.default is redis') });
    expect(await readFile(env())).toEqual(before);
    expect(await redis((client) => client.exists('authos_database_authos_cache_stale'))).toBe(0);
    expect(await inActivity(() => on().restoreCacheStore(undo))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('already') });
  });

  it('is for one host alone: files of several hosts would not know each other', async () => {
    await setPassword('another');
    expect(await inActivity(() => on().fallbackNeeded({ place: { ...world.place, hosts: [world.place.host, 'app-2'] } }))).toMatchObject({ holds: false, why: expect.stringContaining('2 hosts') });
  });

  it('is never `array`, nor what somebody made up', async () => {
    for (const value of ['array', 'null', "file'; //", 'file\nAPP_KEY=x']) {
      await expect(inActivity(() => on().setEnv({ ...place(), key: 'CACHE_STORE', value }))).rejects.toMatchObject({ type: 'BadInput' });
    }
  });

  it.each(["redis'); system('id'); //", '../x', '', 'redis\n', '$(reboot)'])('asks the application for no store %j', async (store) => {
    const before = await readFile(env());
    await writeFile(env(), before.toString('latin1').replace('CACHE_STORE=redis', 'CACHE_STORE=file'));
    try {
      await expect(inActivity(() => on().restoreCacheStore({ ...place(), old: 'redis', store, clearable: true, ours: 'file' }))).rejects.toMatchObject({ type: 'BadInput' });
    } finally {
      await writeFile(env(), before);
    }
  });
});

describe('the hit rate', () => {
  const lookUp = (client: Redis, key: string, times: number) => Promise.all(Array.from({ length: times }, () => client.get(key)));

  it('is judged by the lookups since the step, and by no total', async () => {
    await redis((client) => lookUp(client, 'missing', 500));
    const hitRateSince = await inActivity(() => on().cacheCounters(place()));
    expect(await prove({ hitRateSince })).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining('too few to judge') });
    await redis(async (client) => {
      await client.set('there', '1');
      await lookUp(client, 'there', 100);
    });
    expect(await prove({ hitRateSince })).toMatchObject({ kind: 'recovered', evidence: expect.stringMatching(/\d\d+ % hits of \d+ lookups since the last step/) });
    await redis((client) => lookUp(client, 'missing', 300));
    expect(await prove({ hitRateSince })).toMatchObject({ kind: 'not recovered' });
  });

  it('begins at zero with a restart, which proves nothing by itself', async () => {
    await redis((client) => lookUp(client, 'missing', 50));
    const hitRateSince = await inActivity(() => on().cacheCounters(place()));
    await world.authos.valkey.restart();
    expect(await prove({ hitRateSince })).toMatchObject({ kind: 'unknown' });
    await redis((client) => lookUp(client, 'missing', 60));
    expect(await prove({ hitRateSince })).toMatchObject({ kind: 'not recovered' });
  });

  it('is not known without figures to count from', async () => {
    expect(await prove({ hitRateSince: { unknown: 'connect ECONNREFUSED' } })).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining('ECONNREFUSED') });
    await world.authos.valkey.stop();
    expect(await inActivity(() => on().cacheCounters(place()))).toMatchObject({ unknown: expect.stringContaining('ECONNREFUSED') });
  });
});
