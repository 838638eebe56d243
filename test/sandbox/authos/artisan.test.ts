import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Authos } from '../../../sandbox/authos/authos.js';
import { artisan, get, run, sandbox } from './world.js';

let authos: Authos;
let end: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ({ authos, end } = await sandbox({ extraCommands: ['db:archive'] }));
});
afterAll(() => end?.());
afterEach(() => authos.sql('truncate failed_jobs, jobs'));

const inApp = (...path: string[]) => join(authos.root, ...path);

/** Three failed jobs: two old ones on `default`, a new one on `mail`. */
async function failedJobs(): Promise<void> {
  await authos.sql(`insert into failed_jobs (uuid, connection, queue, payload, exception, failed_at) values
    ('old-1', 'database', 'default', '{"displayName":"App\\\\Jobs\\\\Sync","attempts":3}', 'x', localtimestamp - interval '48 hours'),
    ('old-2', 'database', 'default', '{"displayName":"App\\\\Jobs\\\\Sync","attempts":3}', 'x', localtimestamp - interval '30 hours'),
    ('new-1', 'database', 'mail', '{"displayName":"App\\\\Jobs\\\\Mail","attempts":3}', 'x', localtimestamp)`);
}
const failedIds = async () => (await authos.sql<{ uuid: string }>('select uuid from failed_jobs order by uuid')).map(({ uuid }) => uuid);

describe('artisan: which commands there are', () => {
  it('lists them one a line, the asked-for extra ones included', async () => {
    const { exitCode, stdout } = await artisan(authos, 'list', '--raw');
    const names = stdout.split('\n').map((line) => line.split(' ')[0]);
    expect(exitCode).toBe(0);
    expect(names).toEqual(expect.arrayContaining(['cache:clear', 'queue:flush', 'queue:prune-failed', 'migrate:status', 'db:show', 'db:archive']));
    expect(names).not.toContain('log:clear');
  });

  it.each([
    ['cache:warm', 'Command "cache:warm" is not defined.'],
    ['db:wipe-cache', 'Command "db:wipe-cache" is not defined. Did you mean one of these?'],
    ['log:clear', 'There are no commands defined in the "log" namespace.'],
    ['cache', 'Command "cache" is not defined.'],
    ['queue:f', 'Command "queue:f" is ambiguous.'],
  ])('exits 1 on %s, which stock Laravel lacks', async (name, words) => {
    const { exitCode, stdout } = await artisan(authos, name, '--no-interaction');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(words);
  });

  it('takes an unambiguous abbreviation, as Symfony does', async () => {
    expect(await artisan(authos, 'queue:fai')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('No failed jobs found.') });
  });

  it('refuses an option that the command does not have', async () => {
    await failedJobs();
    const { exitCode, stdout } = await artisan(authos, 'queue:flush', '--force');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('The "--force" option does not exist.') });
    expect(await failedIds()).toHaveLength(3);
  });

  it('is called as php and as herd php, and only for its own application', async () => {
    expect((await run(authos, 'php', 'artisan', 'migrate:status')).exitCode).toBe(0);
    expect((await run(authos, 'php', '-d', 'memory_limit=512M', 'artisan', 'migrate:status')).exitCode).toBe(0);
    expect((await run(authos, 'php', '-i')).stdout).toContain('memory_limit => 128M');
    expect(await run(authos, 'php', 'nothing/artisan')).toMatchObject({ exitCode: 1, stderr: 'Could not open input file: nothing/artisan' });
    expect((await run(authos, 'php', '-r', 'echo 1;')).exitCode).toBe(1);
  });
});

describe('artisan: caches', () => {
  it('cache:clear empties the cache database of Valkey, and no other', async () => {
    const clients = [0, 1].map((db) => new Redis(authos.inventory().redisUrl, { db }));
    try {
      for (const client of clients) await client.set('kept', 'x');
      const { exitCode, stdout } = await artisan(authos, 'cache:clear');
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Application cache cleared successfully.') });
      expect(await Promise.all(clients.map((client) => client.get('kept')))).toEqual(['x', null]);
    } finally {
      for (const client of clients) client.disconnect();
    }
  });

  it('cache:clear exits 1 with the reason while Valkey is down', async () => {
    await authos.valkey.stop();
    const { exitCode, stdout } = await artisan(authos, 'cache:clear');
    await authos.valkey.restart();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('ECONNREFUSED') });
  });

  it('cache:clear file empties the file store', async () => {
    const folder = inApp('storage/framework/cache/data/ab/cd');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'entry'), '9999999999s:1:"x";');
    await authos.user.ownAll(inApp('storage/framework/cache/data'));
    expect((await artisan(authos, 'cache:clear', 'file')).exitCode).toBe(0);
    expect(await readdir(inApp('storage/framework/cache/data'))).toEqual([]);
  });

  it('config:cache freezes the config until config:clear', async () => {
    const env = inApp('.env');
    const before = await readFile(env, 'utf8');
    expect((await artisan(authos, 'config:cache')).exitCode).toBe(0);
    await writeFile(env, before.replace('RATE_LIMIT_AUTH=10', 'RATE_LIMIT_AUTH=5'));
    const running = async () => (await artisan(authos, 'tinker', '--execute=echo config("auth.rate_limit");')).stdout;
    expect(await running()).toBe('10');
    expect((await artisan(authos, 'config:clear')).exitCode).toBe(0);
    expect(await running()).toBe('5');
    await writeFile(env, before);
  });

  it('view:clear and route:clear take away what view:cache and route:cache made', async () => {
    const about = async () => (JSON.parse((await artisan(authos, 'about', '--json')).stdout) as { cache: unknown }).cache;
    for (const command of ['view:cache', 'route:cache']) expect((await artisan(authos, command)).exitCode).toBe(0);
    expect(await about()).toMatchObject({ config: false, routes: true, views: true });
    expect(await readdir(inApp('storage/framework/views'))).toHaveLength(2);
    for (const command of ['view:clear', 'route:clear']) expect((await artisan(authos, command)).exitCode).toBe(0);
    expect(await about()).toMatchObject({ routes: false, views: false });
  });

  it('optimize:clear clears all of them, line by line', async () => {
    expect((await artisan(authos, 'optimize')).exitCode).toBe(0);
    expect(existsSync(inApp('bootstrap/cache/config.php'))).toBe(true);
    const { exitCode, stdout } = await artisan(authos, 'optimize:clear');
    expect(exitCode).toBe(0);
    expect(stdout.match(/ DONE$/gm)).toHaveLength(4);
    expect(await readdir(inApp('bootstrap/cache'))).toEqual([]);
  });

  it('tells the drivers by config:show and tinker', async () => {
    expect((await artisan(authos, 'config:show', 'session.driver')).stdout).toMatch(/session\.driver \.+ file/);
    expect((await artisan(authos, 'tinker', "--execute=echo json_encode(config('cache.default'));")).stdout).toBe('"redis"');
    expect((await artisan(authos, 'config:show', 'moon')).exitCode).toBe(1);
    expect((await artisan(authos, 'tinker', '--execute=system("id");')).exitCode).toBe(1);
  });
});

describe('artisan: queue', () => {
  it('queue:failed lists them, queue:flush deletes them all', async () => {
    await failedJobs();
    expect((await artisan(authos, 'queue:failed')).stdout).toMatch(/old-1 \.+ database@default App\\Jobs\\Sync/);
    expect((await artisan(authos, 'queue:flush')).stdout).toContain('All failed jobs deleted successfully.');
    expect(await failedIds()).toEqual([]);
    expect((await artisan(authos, 'queue:failed')).stdout).toContain('No failed jobs found.');
  });

  it('queue:prune-failed deletes only the old ones, and says how many', async () => {
    await failedJobs();
    expect((await artisan(authos, 'queue:prune-failed', '--hours=24')).stdout).toContain('2 entries deleted.');
    expect(await failedIds()).toEqual(['new-1']);
    expect((await artisan(authos, 'queue:prune-failed', '--hours=soon')).exitCode).toBe(1);
  });

  it('queue:retry puts jobs back on their queue, by id, by queue, or all', async () => {
    await failedJobs();
    expect((await artisan(authos, 'queue:retry', 'old-1')).stdout).toMatch(/old-1 \.+ [\d.]+ms DONE/);
    expect((await artisan(authos, 'queue:retry', '--queue=mail')).exitCode).toBe(0);
    expect(await failedIds()).toEqual(['old-2']);
    expect(await authos.sql('select queue, attempts from jobs order by id')).toEqual([{ queue: 'default', attempts: 0 }, { queue: 'mail', attempts: 0 }]);
    expect((await artisan(authos, 'queue:retry', 'moon')).stdout).toContain('Unable to find failed job with ID [moon].');
    expect((await artisan(authos, 'queue:retry', 'all')).exitCode).toBe(0);
    expect(await failedIds()).toEqual([]);
  });

  it('queue:restart leaves the signal in the cache', async () => {
    const before = Math.floor(Date.now() / 1000);
    expect((await artisan(authos, 'queue:restart')).stdout).toContain('Broadcasting queue restart signal.');
    const redis = new Redis(authos.inventory().redisUrl, { db: 1 });
    const signal = await redis.get('authos_database_authos_cache_illuminate:queue:restart');
    redis.disconnect();
    expect(Number(signal)).toBeGreaterThanOrEqual(before);
  });
});

describe('artisan: database', () => {
  it('db:show describes the real database', async () => {
    const { exitCode, stdout } = await artisan(authos, 'db:show', '--json', '--counts');
    const shown = JSON.parse(stdout) as { platform: Record<string, unknown>; tables: { table: string; rows: number }[] };
    expect(exitCode).toBe(0);
    expect(shown.platform['open_connections']).toBeGreaterThan(0);
    expect(shown.tables.find(({ table }) => table === 'oauth_clients')).toMatchObject({ rows: 1 });
    expect(stdout).not.toContain(authos.config().database.connections['pgsql']?.password);
  });

  it('migrate:status shows what ran', async () => {
    expect((await artisan(authos, 'migrate:status')).stdout).toMatch(/create_jobs_table \.+ \[1\] Ran/);
  });

  it('db:wipe asks in production, and nobody answers', async () => {
    expect((await artisan(authos, 'db:wipe', '--no-interaction')).exitCode).toBe(1);
    expect((await authos.sql("select 1 from pg_tables where schemaname = 'public'")).length).toBe(11);
  });

  it('db:archive, where there is one, exports old rows and deletes them', async () => {
    await authos.sql("insert into authentication_logs (event, success, created_at) select 'login', true, localtimestamp - make_interval(days => n) from (values (10), (100), (200)) v(n)");
    expect((await artisan(authos, 'db:archive', '--table=authentication_logs', '--days=90')).stdout).toContain('2 rows of authentication_logs archived');
    expect(await authos.sql('select 1 from authentication_logs')).toHaveLength(1);
    const [file = ''] = await readdir(inApp('storage/app/archive'));
    expect((await readFile(inApp('storage/app/archive', file), 'utf8')).trim().split('\n')).toHaveLength(2);
    expect((await artisan(authos, 'db:archive', '--table=users; drop table users')).exitCode).toBe(1);
  });

  it('exits 1 and logs why while PostgreSQL is down', async () => {
    await authos.postgres.stop();
    const { exitCode, stdout } = await artisan(authos, 'queue:failed');
    await authos.postgres.restart();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('ECONNREFUSED') });
    expect(await readFile(inApp('storage/logs', `laravel-${new Date().toISOString().slice(0, 10)}.log`), 'utf8')).toContain('production.ERROR');
  });
});

describe('herd', () => {
  it('restart restarts the application on the same port', async () => {
    const before = authos.restarts;
    expect((await run(authos, 'herd', 'restart')).exitCode).toBe(0);
    expect(authos.restarts).toBe(before + 1);
    expect((await get(authos, '/api/health')).status).toBe(200);
    expect((await run(authos, 'herd', 'moon')).exitCode).toBe(1);
  });
});

describe('a sandbox whose AuthOS has every command of the runbooks', () => {
  it('log:clear deletes logs by age; the others do their work', async () => {
    const { authos: rich, end: done } = await sandbox({ extraCommands: ['log:clear', 'db:archive', 'db:wipe-cache', 'cache:warm'] });
    try {
      const logs = join(rich.root, 'storage/logs');
      const old = new Date(Date.now() - 10 * 86_400_000);
      for (const name of ['api-old.log', 'api-new.log']) await writeFile(join(logs, name), 'x');
      await utimes(join(logs, 'api-old.log'), old, old);
      expect((await artisan(rich, 'log:clear', '--days=7')).stdout).toContain('1 log files deleted.');
      expect(await readdir(logs)).toEqual(['api-new.log']);
      expect((await artisan(rich, 'cache:warm')).stdout).toContain('1 entries warmed.');
      expect((await artisan(rich, 'db:wipe-cache')).exitCode).toBe(0);
    } finally {
      await done();
    }
  });
});
