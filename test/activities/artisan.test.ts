import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { artisan } from '../../src/activities/artisan-command.js';
import { artisanActivities } from '../../src/activities/artisan.js';
import { addHold } from '../../src/activities/evidence.js';
import { artisanWorld } from './artisan-world.js';
import { file, isRoot } from './authos-volume.js';
import { inActivity } from './support.js';

type World = Awaited<ReturnType<typeof artisanWorld>>;

const activitiesOf = (world: World) =>
  artisanActivities({ hosts: [world.host], shellOf: world.shellOf, databaseOf: () => undefined });

/** What a fresh Laravel keeps where: cache in files, sessions in files, the queue in the database. */
const fresh = {
  cache: {
    name: 'file',
    driver: 'file',
    path: '/app/storage/framework/cache/data',
    table: null,
    redis: null,
    locks: null,
    lockPath: '/app/storage/framework/locks',
  },
  session: { driver: 'file', store: null, redis: null, path: '/app/storage/framework/sessions' },
  queue: { driver: 'database', redis: null },
};
const redis = (database: number | string, more: object = {}) => ({
  host: '127.0.0.1',
  port: 6379,
  database,
  url: false,
  ...more,
});
const redisCache = {
  ...fresh.cache,
  name: 'redis',
  driver: 'redis',
  path: null,
  lockPath: null,
  redis: redis(1),
  locks: redis(2),
};

describe('an artisan command', () => {
  it("that this version lacks fails in Laravel's words and is not run, not even by an abbreviation", async () => {
    const world = await artisanWorld({ commands: ['db:wipe', 'db:seed'] });
    const result = await inActivity(() => artisan({ ...world, command: 'db:wip' }));
    expect(result).toMatchObject({ exists: false, exitCode: 1, stderr: 'Command "db:wip" is not defined.' });
    expect((await world.calls()).map(({ asked }) => asked)).toEqual(['list']);
  });

  it("runs as the application's user, without questions", async () => {
    const world = await artisanWorld({ commands: ['queue:restart'] });
    const result = await inActivity(() => artisan({ ...world, command: 'queue:restart' }));
    expect(result).toMatchObject({ exists: true, exitCode: 0, stdout: 'queue:restart ran\n' });
    const call = (await world.calls()).at(-1);
    expect(call?.args).toEqual(['--no-interaction', '--no-ansi']);
    if (isRoot) expect(call?.uid).toBe(65534);
  });

  it.each(['db:wipe; reboot', '--help', '', 'Cache:Clear', '$(id)'])('with the name %j is refused', async (command) => {
    const world = await artisanWorld({ commands: [] });
    await expect(inActivity(() => artisan({ ...world, command }))).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('without an application says which folder lacks it', async () => {
    const world = await artisanWorld({ commands: [] });
    await rm(join(world.host.root, 'artisan'));
    await expect(inActivity(() => artisan({ ...world, command: 'about' }))).rejects.toMatchObject({
      type: 'HostMisconfigured',
      message: `no artisan in ${world.host.root} on host app-1`,
    });
  });
});

describe('log:clear', () => {
  it('clears logs where this version has it', async () => {
    const world = await artisanWorld({ commands: ['log:clear'] });
    await file(join(world.logs, 'api.log'), { days: 9 });
    await file(join(world.logs, 'audit.log'), { days: 1 });
    const result = await inActivity(() => activitiesOf(world).logClear({ place: world.place, days: 7 }));
    expect(result).toMatchObject({ outcome: 'done', evidence: 'artisan log:clear: Logs cleared' });
    expect(await readdir(world.logs)).toEqual(['audit.log']);
    expect((await world.calls()).at(-1)?.args).toContain('--days=7');
  });

  it("fails in Laravel's words where this version lacks it", async () => {
    const world = await artisanWorld({ commands: ['cache:clear'] });
    expect(await inActivity(() => activitiesOf(world).logClear({ place: world.place, days: 7 }))).toEqual({
      outcome: 'failed',
      evidence: 'Command "log:clear" is not defined.',
    });
  });

  it('is refused while it could delete a protected log or evidence', async () => {
    const world = await artisanWorld({ commands: ['log:clear'] });
    await file(join(world.logs, 'security-2020-01-01.log'));
    await file(join(world.logs, 'api.log'), { days: 9 });
    await addHold(world.host, { path: join(world.logs, 'api.log'), incident: '0190', reason: '', since: '' });
    const result = await inActivity(() => activitiesOf(world).logClear({ place: world.place, days: 7 }));
    expect(result.outcome).toBe('refused');
    expect(result.evidence).toContain('api.log: evidence of incident 0190');
    expect(result.evidence).toContain('security-2020-01-01.log: a protected log');
    expect(await world.calls()).toEqual([]);
  });
});

describe('cache:clear', () => {
  it('is proved by a value that is gone afterwards', async () => {
    const world = await artisanWorld({ commands: ['cache:clear', 'tinker'] });
    const result = await inActivity(() => activitiesOf(world).cacheClear({ place: world.place }));
    expect(result).toMatchObject({
      outcome: 'done',
      evidence: 'artisan cache:clear: Application cache cleared!; read back: empty',
    });
  });

  it('fails although it said ok, if the value is still there', async () => {
    const world = await artisanWorld({ commands: ['cache:clear', 'tinker'], keepsCache: true });
    const result = await inActivity(() => activitiesOf(world).cacheClear({ place: world.place }));
    expect(result.outcome).toBe('failed');
    expect(result.evidence).toContain('still in the cache');
  });

  it("builds the configuration's cache again if it took it along", async () => {
    const world = await artisanWorld({ commands: ['cache:clear', 'tinker', 'config:cache'], clearsBuilt: true });
    await writeFile(join(world.host.root, 'bootstrap/cache/config.php'), 'old');
    const result = await inActivity(() => activitiesOf(world).cacheClear({ place: world.place }));
    expect(result.outcome).toBe('done');
    expect(result.evidence).toContain('config:cache: built again');
    expect((await stat(join(world.host.root, 'bootstrap/cache/config.php'))).size).toBeGreaterThan(5);
  });

  it('builds none where there was none', async () => {
    const world = await artisanWorld({ commands: ['cache:clear', 'config:cache'] });
    await inActivity(() => activitiesOf(world).cacheClear({ place: world.place }));
    expect((await world.calls()).map(({ asked }) => asked)).not.toContain('config:cache');
  });
});

describe('whether cache:clear is safe', () => {
  it.each([
    ['files, locks in a folder of their own', fresh, true],
    ['files, locks among them', { ...fresh, cache: { ...fresh.cache, lockPath: fresh.cache.path } }, false],
    [
      "sessions in the cache's own folder",
      { ...fresh, session: { ...fresh.session, path: `${fresh.cache.path}/sessions` } },
      false,
    ],
    ['a database store', { ...fresh, cache: { ...fresh.cache, driver: 'database' } }, true],
    ['redis, all elsewhere', { ...fresh, cache: redisCache }, true],
    ['redis, with locks in it', { ...fresh, cache: { ...redisCache, locks: redis(1) } }, false],
    ['redis, with the queue in it', { ...fresh, cache: redisCache, queue: { driver: 'redis', redis: redis('1') } }, false],
    [
      'redis, with the queue in another database',
      { ...fresh, cache: redisCache, queue: { driver: 'redis', redis: redis(0) } },
      true,
    ],
    [
      'redis, with sessions in it',
      { ...fresh, cache: redisCache, session: { driver: 'redis', store: redisCache, redis: null, path: null } },
      false,
    ],
    [
      'redis, with sessions in another database',
      { ...fresh, cache: redisCache, session: { driver: 'redis', store: redisCache, redis: redis(3), path: null } },
      true,
    ],
    ["redis by a URL, which can't be compared", { ...fresh, cache: { ...redisCache, redis: redis(1, { url: true }) } }, false],
    [
      'two names that may be one server',
      { ...fresh, cache: redisCache, queue: { driver: 'redis', redis: redis(1, { host: 'localhost' }) } },
      false,
    ],
    ["memcached, where locks can't be elsewhere", { ...fresh, cache: { ...fresh.cache, driver: 'memcached' } }, false],
    ['no queue that is known', { ...fresh, queue: { driver: null, redis: null } }, false],
    ['an unknown shape', { cache: 'file' }, false],
  ])('%s: %#', async (_what, settings, holds) => {
    const world = await artisanWorld({ commands: ['tinker'], settings });
    const condition = await inActivity(() => activitiesOf(world).cacheClearIsSafe({ place: world.place }));
    expect(condition, condition.why).toMatchObject({ holds });
  });

  it('is not known, so not safe, without tinker', async () => {
    const world = await artisanWorld({ commands: ['cache:clear'] });
    expect(await inActivity(() => activitiesOf(world).cacheClearIsSafe({ place: world.place }))).toEqual({
      holds: false,
      why: 'the cache\'s settings can\'t be read: Command "tinker" is not defined.',
    });
  });
});
