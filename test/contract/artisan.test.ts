import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { artisan, commandsOf, tinkerJson } from '../../src/activities/artisan-command.js';
import { lastLogLines } from '../../src/activities/logs.js';
import { ranMigrations } from '../../src/activities/migrations.js';
import { errorOfLine } from '../../src/activities/recent-errors.js';
import { inActivity } from '../activities/support.js';
import { type Application, type Applications, openApplications } from './applications.js';
import { describeWith } from './programs.js';
import { compare, onHost, type Scenario } from './scenario.js';

type Case = Scenario<Application>;

const outcomeOf = ({ outcome }: { outcome: string }): string => outcome;
const configFile = ({ host }: Application): string => join(host.root, 'bootstrap/cache/config.php');
const routesFile = ({ host }: Application): string => join(host.root, 'bootstrap/cache/routes-v7.php');
const exitOf = async (app: Application, ...args: string[]): Promise<number> => (await app.artisan(...args)).exitCode;
const on = ({ host }: Application) => onHost(host);
const inPhp = (app: Application, code: string) => inActivity(() => tinkerJson(on(app), code));
const put = (app: Application, key: string) => inPhp(app, `cache()->put('${key}', 'there', 600)`);

async function withEnv<T>(app: Application, lines: string, act: () => Promise<T>): Promise<T> {
  const file = join(app.host.root, '.env');
  const before = await readFile(file, 'utf8');
  await appendFile(file, `${lines}\n`);
  try {
    return await act();
  } finally {
    await writeFile(file, before);
  }
}

const caches: Case[] = [
  [
    'cache:clear empties the store, and its read-back says so',
    async (app) => {
      await put(app, 'old');
      const { outcome, evidence } = await inActivity(() => app.activities.cacheClear(app));
      return { outcome, readBack: evidence.endsWith('read back: empty'), keys: await app.cacheKeys() };
    },
    { outcome: 'done', readBack: true, keys: 0 },
  ],
  [
    'cache:clear fails while Redis is down',
    async (app) => {
      await app.valkey.stop();
      try {
        return [await exitOf(app, 'cache:clear'), outcomeOf(await inActivity(() => app.activities.cacheClear(app)))];
      } finally {
        await app.valkey.restart();
      }
    },
    [1, 'failed'],
  ],
  ['cache:clear of a store that is not configured fails', (app) => withEnv(app, 'CACHE_STORE=database', () => exitOf(app, 'cache:clear')), 1],
  [
    'cache:forget takes no wildcards, though it says that it removed something',
    async (app) => {
      await put(app, 'passport:one');
      return { exit: await exitOf(app, 'cache:forget', 'passport:*'), value: await inPhp(app, "cache()->get('passport:one')") };
    },
    { exit: 0, value: { value: 'there' } },
  ],
  [
    'cache:forget takes one key',
    async (app) => {
      await put(app, 'one');
      await put(app, 'other');
      return [await exitOf(app, 'cache:forget', 'one'), await inPhp(app, "[cache()->get('one'), cache()->get('other')]")];
    },
    [0, { value: [null, 'there'] }],
  ],
  [
    'a round trip through the application finds the store',
    async (app) => (await inActivity(() => app.activities.testCacheOperations(app))).data,
    { application: { kind: 'works', words: 'a value came back' }, redis: expect.objectContaining({ kind: 'works' }) as object, running: 'redis' },
  ],
  [
    'a store that is down is told from an application that does not run',
    async (app) => {
      await app.valkey.stop();
      try {
        const { data } = await inActivity(() => app.activities.testCacheOperations(app));
        return [data.application.kind, data.redis?.kind, data.running];
      } finally {
        await app.valkey.restart();
      }
    },
    ['fails', 'silent', 'redis'],
  ],
  ['clearing is judged by where sessions, queue and locks are', (app) => inActivity(() => app.activities.cacheClearIsSafe(app)), { holds: true, why: 'sessions, queue and locks are not in the cache store redis (redis)' }],
  [
    'clearing is not safe with the queue in the same Redis',
    (app) => withEnv(app, 'QUEUE_CONNECTION=redis\nREDIS_CACHE_DB=0', () => inActivity(() => app.activities.cacheClearIsSafe(app))),
    { holds: false, why: 'the cache store redis (redis) may also hold the queue (redis), locks' },
  ],
];

const compiled: Case[] = [
  [
    'config:cache freezes the configuration, whatever the .env says afterwards, until config:clear',
    async (app) => {
      const seen = [await exitOf(app, 'config:cache'), existsSync(configFile(app))];
      return withEnv(app, 'WEBHOOK_MAX_RETRIES=9', async () => [
        ...seen,
        await inPhp(app, "config('webhooks.max_retries')"),
        await exitOf(app, 'config:clear'),
        existsSync(configFile(app)),
        await inPhp(app, "config('webhooks.max_retries')"),
      ]);
    },
    [0, true, { value: 3 }, 0, false, { value: 9 }],
  ],
  [
    'config:clear as a step builds the cache again that was there',
    async (app) => {
      await exitOf(app, 'config:cache');
      const result = await inActivity(() => app.activities.clearCompiled({ ...app, what: 'config' }));
      return { outcome: result.outcome, there: existsSync(configFile(app)), after: await exitOf(app, 'config:clear') };
    },
    { outcome: 'done', there: true, after: 0 },
  ],
  [
    'route:cache and route:clear make and take their file, and a second clear is harmless',
    async (app) => [await exitOf(app, 'route:cache'), existsSync(routesFile(app)), await exitOf(app, 'route:clear'), existsSync(routesFile(app)), await exitOf(app, 'route:clear')],
    [0, true, 0, false, 0],
  ],
  [
    'view:cache compiles each view, view:clear takes them all',
    async (app) => {
      const views = async (): Promise<number> => (await readdir(join(app.host.root, 'storage/framework/views'))).filter((name) => name.endsWith('.php')).length;
      return [await exitOf(app, 'view:cache'), await views(), await exitOf(app, 'view:clear'), await views()];
    },
    [0, 2, 0, 0],
  ],
  [
    'optimize:clear as a step leaves the cache alone, also where this version has no --except',
    async (app) => {
      await put(app, 'kept');
      await exitOf(app, 'config:cache');
      const result = await inActivity(() => app.activities.optimizeClear({ ...app, memoryLimit: '512M' }));
      const seen = { outcome: result.outcome, config: existsSync(configFile(app)), value: await inPhp(app, "cache()->get('kept')") };
      await exitOf(app, 'config:clear');
      return seen;
    },
    { outcome: 'done', config: true, value: { value: 'there' } },
  ],
  ['php -i tells the memory limit', async (app) => Object.keys((await inActivity(() => app.activities.phpSettings({ ...app, prefix: 'memory_limit' }))).data), ['memory_limit']],
];

/** Each line after another setting of the same key, which the application's `.env` has already. */
const settings: [line: string, file: string, running: string][] = [
  ['RATE_LIMIT_AUTH=7', '7', '7'],
  ['RATE_LIMIT_AUTH = 8', '8', '8'],
  ['export RATE_LIMIT_AUTH=9', '9', '9'],
  ['RATE_LIMIT_AUTH="11"', '11', '11'],
  ["RATE_LIMIT_AUTH='12' # a comment", '12', '12'],
  ['RATE_LIMIT_AUTH=13 # a comment', '13', '13'],
  ['RATE_LIMIT_AUTH=14#a comment', '14', '14'],
  ['#RATE_LIMIT_AUTH=14', '10', '10'],
  ['RATE_LIMIT_AUTH=#14', '', '0'],
  ['OTHER="two lines,\nRATE_LIMIT_AUTH=15"', '10', '10'],
];

const environment: Case[] = [
  ...settings.map(([line, file, running]): Case => [
    `${JSON.stringify(line)} is read as the application reads it`,
    (app) => withEnv(app, line, () => inActivity(() => app.activities.readEnv({ ...app, key: 'RATE_LIMIT_AUTH' }))),
    expect.objectContaining({ file, running }),
  ]),
  [
    'a value of several words, an empty one and null are what PHP makes of them',
    (app) => withEnv(app, 'APP_NAME="Auth OS"\nAPP_TIMEZONE=Europe/Vienna\nREDIS_PASSWORD=null', () => inPhp(app, "[config('app.name'), config('app.timezone'), config('database.redis.cache.password')]")),
    { value: ['Auth OS', 'Europe/Vienna', null] },
  ],
  ['the settings of the queue come out of the config files', (app) => inPhp(app, "[config('queue.default'), config('queue.connections.database.retry_after'), config('queue.failed.driver')]"), { value: ['database', 90, 'database-uuids'] }],
];

const migration = '2026_02_01_000000_add_nickname';
const migrationFile = ({ host }: Application): string => join(host.root, `database/migrations/${migration}.php`);
const columns = (app: Application) => app.sql("select 1 from information_schema.columns where table_name = 'users' and column_name = 'nickname'");
const hasRun = async (app: Application): Promise<unknown> => {
  const ran = await inActivity(() => ranMigrations(on(app)));
  return 'unknown' in ran ? ran : ran.some(({ name }) => name === migration);
};
const state = async (app: Application) => ({ ran: await hasRun(app), column: (await columns(app)).length });

const migrations: Case[] = [
  ['migrate in production asks, and unanswered does nothing', async (app) => ({ exit: await exitOf(app, 'migrate'), ...(await state(app)) }), { exit: 1, ran: false, column: 0 }],
  ['migrate --force runs what is pending, and a second time nothing', async (app) => [await exitOf(app, 'migrate', '--force'), await state(app), await exitOf(app, 'migrate', '--force')], [0, { ran: true, column: 1 }, 0]],
  ['what ran last is first in what migrate:status is read as', async (app) => { const ran = await inActivity(() => ranMigrations(on(app))); return 'unknown' in ran ? ran : ran[0]?.name; }, migration],
  ['migrate:rollback in production asks, and unanswered does nothing', async (app) => ({ exit: await exitOf(app, 'migrate:rollback', '--step=1'), ...(await state(app)) }), { exit: 1, ran: true, column: 1 }],
  [
    'migrate:rollback without the file says so, exits 0 and takes nothing back',
    async (app) => {
      await rename(migrationFile(app), `${migrationFile(app)}.away`);
      const { exitCode, stdout } = await app.artisan('migrate:rollback', '--step=1', '--force');
      await rename(`${migrationFile(app)}.away`, migrationFile(app));
      return { exitCode, said: stdout.includes('Migration not found'), ...(await state(app)) };
    },
    { exitCode: 0, said: true, ran: true, column: 1 },
  ],
  ['migrate:rollback --step=1 --force takes one back', async (app) => ({ exit: await exitOf(app, 'migrate:rollback', '--step=1', '--force'), ...(await state(app)) }), { exit: 0, ran: false, column: 0 }],
  [
    'migrate:status without its table is unknown, not empty',
    async (app) => {
      await app.sql('alter table migrations rename to away');
      try {
        return await inActivity(() => ranMigrations(on(app)));
      } finally {
        await app.sql('alter table away rename to migrations');
      }
    },
    { unknown: expect.stringMatching(/migrate:status exited 1: .*Migration table not found/) as string },
  ],
];

/** Commands of AuthOS and its packages, and beginnings of commands, which artisan itself would take. */
const unknown = ['log:clear', 'db:archive', 'db:wipe-cache', 'cache:warm', 'monitor:health', 'cache:cle', 'queue:ret', 'db:wip', 'passport:instal'];

const rest: Case[] = [
  ['has no command of AuthOS or its packages, nor a beginning of one', async (app) => { const names = await inActivity(() => commandsOf(on(app))); return names instanceof Set ? unknown.filter((name) => names.has(name)) : names; }, []],
  ['a command by its beginning, which artisan would take, is not run', async (app) => inActivity(() => artisan({ ...on(app), command: 'db:wip', args: ['--force'] })), expect.objectContaining({ exists: false, exitCode: 1, stderr: 'Command "db:wip" is not defined.' })],
  ['an unknown command exits 1 and says so, also without our own look', async (app) => { const { exitCode, stdout, stderr } = await app.artisan('cache:nothing-like-it'); return { exitCode, said: /is not defined/.test(stdout + stderr) }; }, { exitCode: 1, said: true }],
  ['an unknown option exits 1', async (app) => exitOf(app, 'cache:clear', '--no-such-option'), 1],
  ['code of ours that throws is not known, in PHP’s words', async (app) => Object.keys(await inPhp(app, 'no_such_function()')), ['unknown']],
  [
    'what is thrown is in the log of the day, and read over its stack trace with class, message and moment',
    async (app) => {
      await inPhp(app, 'no_such_function()');
      const log = await lastLogLines({ host: app.host, channel: 'laravel', most: 1 });
      const [line] = log?.lines ?? [];
      const found = line && errorOfLine(line);
      return { name: log?.name, type: found?.type, message: found?.message, isRecent: Math.abs(Date.now() - (found?.at ?? 0)) < 60_000 };
    },
    { name: expect.stringMatching(/^laravel-\d{4}-\d\d-\d\d\.log$/) as string, type: 'Error', message: 'Call to undefined function no_such_function()', isRecent: true },
  ],
  ['data reaches the code as it is', async (app) => inActivity(() => tinkerJson({ ...on(app), env: { DATA: `'"; $(id) \\ <?php ?>` } }, "getenv('DATA')")), { value: `'"; $(id) \\ <?php ?>` }],
  ['the application connects', async (app) => (await inActivity(() => app.activities.testDatabaseConnections(app))).data, { application: 'works', ours: 'accepting' }],
  [
    'the application does not connect while the database is down',
    async (app) => {
      await app.postgres.stop();
      try {
        return (await inActivity(() => app.activities.testDatabaseConnections(app))).data;
      } finally {
        await app.postgres.restart();
      }
    },
    { application: 'fails', ours: 'no response' },
  ],
  ['the console answers', async (app) => (await inActivity(() => app.activities.databaseConsole(app))).evidence.split('\n').length > 2, true],
  [
    'passport:keys makes a pair that is one, with modes that are right, and a second time refuses',
    async (app) => {
      for (const name of ['oauth-private.key', 'oauth-public.key']) await rm(join(app.host.root, 'storage', name), { force: true });
      const made = await inActivity(() => app.activities.makeOauthKeys({ ...app, share: false }));
      const { from, pair, wrong } = (await inActivity(() => app.activities.checkOauthKeys(app))).data;
      return { made: made.outcome, from, pair, wrong, again: await exitOf(app, 'passport:keys') };
    },
    { made: 'done', from: 'files', pair: 'one pair', wrong: [], again: 1 },
  ],
];

describeWith(['php-cli', 'php-laravel-framework', 'php-pgsql', 'php-redis', 'postgresql', 'redis-server'], 'artisan, stood in for and real', () => {
  let apps: Applications;
  beforeAll(async () => {
    apps = await openApplications();
    for (const app of [apps.standIn, apps.real]) await writeFile(migrationFile(app), migrationText);
  });
  afterAll(() => apps?.close());

  it.each([...caches, ...compiled, ...environment, ...migrations, ...rest])('%s', (_, act, both) => compare(apps, act, both));

  it('has no command that stock Laravel lacks, but for AuthOS’s packages and what later versions brought', async () => {
    const namesOf = async (app: Application): Promise<Set<string>> => {
      const names = await inActivity(() => commandsOf(on(app)));
      return names instanceof Set ? names : new Set();
    };
    const [standIn, real] = await Promise.all([namesOf(apps.standIn), namesOf(apps.real)]);
    expect([...standIn].filter((name) => !real.has(name)).toSorted()).toEqual(['about', 'config:show', 'db:monitor', 'db:show', 'passport:client', 'passport:install']);
  });
});

const migrationText = `<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\DB;

return new class extends Migration
{
    public function up(): void
    {
        DB::statement('alter table users add column nickname text');
    }

    public function down(): void
    {
        DB::statement('alter table users drop column nickname');
    }
};
`;
