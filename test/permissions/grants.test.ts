import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseGrants, optionalOauthTables, redisAcl } from '../../scripts/grants.js';
import { failedJobs } from '../../sandbox/faults/queue-jobs.js';
import { openHook } from '../../sandbox/faults/webhooks.js';
import { runbooks } from '../../src/catalogue.js';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { rightsOf } from '../../src/domain/rights.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import type { RunbookActivities } from '../../src/workflows/activity-types.js';
import { configOf, openHostWorld, type HostWorld } from '../support/runbook-world.js';
import { inActivity } from '../activities/support.js';

describe('every step of the catalogue', () => {
  it('says what it needs', () => {
    const commands = runbooks.map(plainRunbook).flatMap(({ diagnose, resolve }) => [...diagnose, ...resolve.flatMap(({ acts }) => acts)].map(({ command }) => command));
    expect(commands.length).toBeGreaterThan(87);
    expect(commands.filter((command) => rightsOf(command).length === 0)).toEqual([]);
  });
});

describe('the role of the responder', () => {
  const password = randomBytes(12).toString('hex');
  let world: HostWorld;
  let on: RunbookActivities;
  let folder: string;

  beforeAll(async () => {
    world = await openHostWorld();
    folder = await mkdtemp(join(tmpdir(), 'responder-grants-'));
    const superuser = await connected(world.authos.postgres.adminUrl);
    for (const role of ['responder', 'stranger']) await superuser.query(`create role ${role} login password '${password}'`);
    // Those of some versions of Passport only: this one has none.
    for (const table of optionalOauthTables) await superuser.query(`create table ${table} (id int); grant select on ${table} to responder`);
    for (const sql of Object.values(databaseGrants).flat()) await superuser.query(sql);
    await superuser.end();
    const inventory = world.authos.inventory();
    const cacheUrl = await redisUser(inventory.cacheUrl);
    on = activitiesOfHost(await configOf({ ...inventory, databaseUrl: urlOf('responder'), databaseAdminUrl: urlOf('responder'), cacheUrl }, folder));
  });
  afterAll(async () => {
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  function urlOf(role: string): string {
    const url = new URL(world.authos.postgres.url);
    [url.username, url.password] = [role, password];
    return url.href;
  }

  /** Makes the user of Redis; resolves to its address. */
  async function redisUser(cacheUrl: string): Promise<string> {
    const redis = new Redis(cacheUrl, { retryStrategy: () => null });
    const [command = '', ...args] = redisAcl.replace('PASSWORD', password).split(' ');
    await redis.call(command, ...args).finally(() => redis.disconnect());
    const url = new URL(cacheUrl);
    [url.username, url.password] = ['responder', password];
    return url.href;
  }

  async function connected(connectionString: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString });
    client.on('error', () => {}); // being ended is what some are here for
    await client.connect();
    return client;
  }

  async function query(sql: string): Promise<void> {
    const client = await connected(urlOf('responder'));
    await client.query(sql).finally(() => client.end());
  }

  it('looks at the server, its sessions, its sizes and its tables', async () => {
    const { place } = world;
    expect(await inActivity(() => on.checkDatabaseServer({ place }))).toMatchObject({ data: { state: { kind: 'accepting' } } });
    expect((await inActivity(() => on.checkDatabaseSize({ place }))).data.volumeFreePercent).toBeGreaterThan(0);
    expect((await inActivity(() => on.analyseSlowQueries({ place }))).evidence).not.toContain('permission denied');
    expect(await inActivity(() => on.findMissingIndexes({ place }))).toMatchObject({ data: { candidates: [] } });
  });

  it("ends another's session, and never a superuser's", async () => {
    const [stranger, superuser] = [await connected(urlOf('stranger')), await connected(world.authos.postgres.adminUrl)];
    const pids: number[] = [];
    for (const client of [stranger, superuser]) pids.push((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0);
    const ended = new Promise((resolve) => stranger.once('end', resolve));
    await query(`select pg_terminate_backend(${pids[0]})`);
    await ended;
    await expect(query(`select pg_terminate_backend(${pids[1]})`)).rejects.toThrow('permission denied');
    await superuser.end();
  });

  it('writes max_connections and takes it back, and no other setting', async () => {
    const { place } = world;
    const { current, to } = await inActivity(() => on.plannedMaxConnections({ place }));
    expect(await inActivity(() => on.raiseMaxConnections({ place }))).toMatchObject({ outcome: 'done' });
    expect(await inActivity(() => on.restoreMaxConnections({ place, ours: to, old: current }))).toMatchObject({ outcome: 'done' });
    await expect(query("alter system set shared_buffers = '1GB'")).rejects.toThrow('permission denied');
  });

  it('counts, exports and clears failed jobs', async () => {
    const place = { ...world.place, queue: 'default' };
    await failedJobs(world.authos, { queue: 'default', count: 3, job: 'App\\Jobs\\X', exception: 'RuntimeException: no' });
    expect(await inActivity(() => on.countFailedJobs({ place }))).toMatchObject({ data: { failed: 3 } });
    const { exported = '' } = await inActivity(() => on.exportFailedJobs({ place, queue: 'default' }));
    expect(await inActivity(() => on.clearFailedJobs({ place, queue: 'default', exported, olderThanHours: 0, followed: [] }))).toMatchObject({ outcome: 'done' });
    expect(await inActivity(() => on.countFailedJobs({ place }))).toMatchObject({ data: { failed: 0 } });
  });

  it('reads OAuth and makes sure of a token', async () => {
    const { place } = world;
    expect(await inActivity(() => on.checkOauthClients({ place }))).toMatchObject({ data: { clients: expect.any(Number) as number } });
    expect(await inActivity(() => on.verifyOauthTables({ place }))).toMatchObject({ outcome: 'done' });
    expect(await inActivity(() => on.testTokenGeneration({ place }))).toMatchObject({ data: { kind: 'works' } });
  });

  it('reads webhooks and their deliveries', async () => {
    const { id, endpoint } = await openHook(world.authos);
    expect(await inActivity(() => on.describeWebhooks({ place: world.place, webhooks: [id] }))).toMatchObject({ outcome: 'done' });
    expect(await inActivity(() => on.sendSignedRequests({ place: world.place, webhooks: [id] }))).toMatchObject({ outcome: 'done' });
    await endpoint.close();
  });

  it('reads and probes Redis, and nothing else of it', async () => {
    expect(await inActivity(() => on.testCacheOperations({ place: world.place }))).toMatchObject({ data: { redis: { kind: 'works' } } });
    expect(await inActivity(() => on.cacheCounters({ place: world.place }))).toHaveProperty('hits');
  });

  it.each([
    'select password from users',
    "update oauth_clients set name = 'x'",
    'delete from oauth_access_tokens',
    'delete from jobs',
    'delete from authentication_logs',
    'insert into failed_jobs default values',
    "update webhooks set url = 'http://evil.example'",
    'create table mine (id int)',
  ])('may not: %s', async (sql) => {
    await expect(query(sql)).rejects.toThrow('permission denied');
  });

  it('is gone by what docs/install.md says, and nothing of the application with it', async () => {
    const guide = await readFile(fileURLToPath(new URL('../../docs/install.md', import.meta.url)), 'utf8');
    const [, sql = ''] = /in the database `(drop [^`]*)`/.exec(guide) ?? [];
    const superuser = await connected(world.authos.postgres.adminUrl);
    try {
      const tables = async () => (await superuser.query("select tablename from pg_tables where schemaname = 'public'")).rowCount;
      const before = await tables();
      await superuser.query(sql);
      expect((await superuser.query("select from pg_roles where rolname = 'responder'")).rowCount).toBe(0);
      expect(await tables()).toBe(before);
    } finally {
      await superuser.end();
    }
  });
});
