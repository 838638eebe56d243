import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { startPostgres } from '../../sandbox/servers/postgres.js';
import type { PostgresServer } from '../../sandbox/servers/postgres.js';
import { artisanActivities } from '../../src/activities/artisan.js';
import { failedJobsActivities } from '../../src/activities/failed-jobs.js';
import { postgresActivities, withDatabase } from '../../src/activities/postgres.js';
import { artisanWorld } from './artisan-world.js';
import { inActivity, mountMemory } from './support.js';

let folder: string;
let server: PostgresServer;
let admin: pg.Client;
const allCommands = ['queue:flush', 'queue:prune-failed', 'db:archive'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-pg-'));
  server = await startPostgres({ folder });
  admin = new pg.Client(server.url);
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await admin.query(`drop table if exists failed_jobs, authentication_logs;
    create table failed_jobs (id bigserial primary key, uuid text, connection text, queue text, payload text, exception text, failed_at timestamp default localtimestamp);
    create table authentication_logs (id bigserial primary key, created_at timestamptz)`);
});

async function world(options: { commands?: string[]; url?: string; archives?: boolean } = {}) {
  const made = await artisanWorld({ commands: allCommands, databaseUrl: server.url, ...options });
  const parts = {
    hosts: [made.host],
    shellOf: made.shellOf,
    databaseOf: () => ({ connectionString: options.url ?? server.url }),
  };
  return { ...made, jobs: failedJobsActivities(parts), database: postgresActivities(parts), tables: artisanActivities(parts) };
}

const failJobs = async (n: number, hoursAgo = 0) =>
  admin.query(
    `insert into failed_jobs (uuid, queue, payload, exception, failed_at)
     select gen_random_uuid()::text, 'default', '{"a":"line\nbreak"}', repeat('x', 100), localtimestamp - make_interval(hours => $2) from generate_series(1, $1)`,
    [n, hoursAgo],
  );
const jobsLeft = async () => Number((await admin.query<{ n: string }>('select count(*) as n from failed_jobs')).rows[0]?.n);

describe('the size of the database', () => {
  it('is what PostgreSQL says, with the room on its volume', async () => {
    const { database, place } = await world({ url: server.adminUrl });
    const { data, evidence } = await inActivity(() => database.checkDatabaseSize({ place }));
    const authos = data.databases.find(({ name }) => name === 'authos');
    expect(authos?.bytes).toBeGreaterThan(1_000_000);
    expect(data.volumeFreePercent).toBeGreaterThanOrEqual(0);
    expect(evidence).toMatch(/\d+ % of the volume of .* free\n.* authos/s);
  });

  it('leaves room on the volume unknown, and the condition unheld, for a role that may not see where the data is', async () => {
    // A role without pg_monitor, which the application's has in the sandbox.
    const superuser = new pg.Client(server.adminUrl);
    await superuser.connect();
    await superuser.query('drop role if exists unprivileged; create role unprivileged login password \'unprivileged\'');
    await superuser.end();
    const url = Object.assign(new URL(server.url), { username: 'unprivileged', password: 'unprivileged' }).href;
    const { database, place } = await world({ url });
    const { data } = await inActivity(() => database.checkDatabaseSize({ place }));
    expect(data.volumeFreePercent).toBeUndefined();
    const condition = await inActivity(() => database.databaseVolumeHasRoom({ place }));
    expect(condition).toMatchObject({
      holds: false,
      why: expect.stringContaining('permission denied to examine "data_directory"'),
    });
  });

  it('has room to delete rows if 5 % of the volume is free', async () => {
    const { database, place } = await world({ url: server.adminUrl });
    expect(await inActivity(() => database.databaseVolumeHasRoom({ place }))).toMatchObject({ holds: true });
  });

  it('is not known while the database does not answer: that is thrown, to be tried again', async () => {
    const { database, place } = await world({ url: 'postgresql://authos:top-secret-1@127.0.0.1:1/authos' });
    const failing = inActivity(() => database.checkDatabaseSize({ place }));
    await expect(failing).rejects.toThrow('ECONNREFUSED');
    await expect(failing).rejects.not.toThrow('top-secret-1');
  });

  it('gives up a connection that never answers as soon as the activity is cancelled', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const activity = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    const { place } = await world();
    const running = activity.run(async () =>
      withDatabase(
        () => ({ host: '127.0.0.1', port, connectionTimeoutMillis: 600_000 }),
        place,
        async () => 1,
      ),
    );
    running.catch(() => {});
    await once(silent, 'connection');
    activity.cancel();
    await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
  });
});

describe('a query', () => {
  it('is given up as soon as the activity is cancelled, on the server too', async () => {
    const { place } = await world();
    const activity = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    const sleeping = "select count(*)::int as n from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'";
    const running = activity.run(async () =>
      withDatabase(
        () => ({ connectionString: server.url, options: '-c client_connection_check_interval=100' }),
        place,
        (client) => client.query('select pg_sleep(25)'),
      ),
    );
    running.catch(() => {});
    const count = async () => (await admin.query<{ n: number }>(sleeping)).rows[0]?.n;
    await expect.poll(count).toBe(1);
    activity.cancel();
    await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
    await expect.poll(count, { timeout: 5_000 }).toBe(0);
  });

  it("that takes too long ends by the server's own limit", async () => {
    const { place } = await world();
    const failing = inActivity(async () =>
      withDatabase(
        () => ({ connectionString: server.url }),
        place,
        (client) => client.query('select pg_sleep(20)'),
        200,
      ),
    );
    await expect(failing).rejects.toThrow('canceling statement due to statement timeout');
  });
});

describe('failed jobs', () => {
  it('are exported whole before they are flushed', async () => {
    const { jobs, place, host } = await world();
    await failJobs(1_234);
    const result = await inActivity(() => jobs.exportFailedJobs({ place }));
    expect(result).toMatchObject({ outcome: 'done', jobs: 1_234 });
    const path = join(host.archive, result.exported ?? '');
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(1_234);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ id: 1, queue: 'default', payload: '{"a":"line\nbreak"}' });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const flushed = await inActivity(() => jobs.flushFailedJobs({ place, exported: result.exported ?? '' }));
    expect(flushed).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('1234 of 1234 failed jobs deleted') });
    expect(await jobsLeft()).toBe(0);
  });

  it('that failed since the export keep the flush from happening', async () => {
    const { jobs, place, calls } = await world();
    await failJobs(2);
    const { exported = '' } = await inActivity(() => jobs.exportFailedJobs({ place }));
    await failJobs(1);
    const result = await inActivity(() => jobs.flushFailedJobs({ place, exported }));
    expect(result).toMatchObject({
      outcome: 'refused',
      evidence: expect.stringContaining('1 failed jobs are not in the export'),
    });
    expect(await jobsLeft()).toBe(3);
    expect(await calls()).toEqual([]);
  });

  it('are pruned only when they are old enough', async () => {
    const { jobs, place, calls } = await world();
    await failJobs(3, 30);
    const { exported = '' } = await inActivity(() => jobs.exportFailedJobs({ place }));
    await failJobs(2, 1);
    const result = await inActivity(() => jobs.pruneFailedJobs({ place, hours: 24, exported }));
    expect(result.outcome).toBe('done');
    expect(await jobsLeft()).toBe(2);
    expect((await calls()).at(-1)?.args).toContain('--hours=24');
  });

  it('stay where this version lacks the command', async () => {
    const { jobs, place } = await world({ commands: ['queue:restart'] });
    await failJobs(1);
    const { exported = '' } = await inActivity(() => jobs.exportFailedJobs({ place }));
    expect(await inActivity(() => jobs.flushFailedJobs({ place, exported }))).toEqual({
      outcome: 'failed',
      evidence: 'Command "queue:flush" is not defined.',
    });
    expect(await jobsLeft()).toBe(1);
  });

  it('are not exported into an archive without room', async ({ skip }) => {
    const { jobs, place, host } = await world();
    if (!(await mountMemory(host.archive, '1m'))) return skip('mounting is not allowed here');
    await writeFile(join(host.archive, 'full'), Buffer.alloc(1_000_000));
    await failJobs(1_000);
    expect(await inActivity(() => jobs.exportFailedJobs({ place }))).toMatchObject({
      outcome: 'refused',
      evidence: expect.stringContaining('has no room'),
    });
  });

  it.each(['../../etc/passwd', 'failed-jobs/../x.jsonl', '/etc/passwd', ''])(
    'are not deleted on the word of %j',
    async (exported) => {
      const { jobs, place } = await world();
      await expect(inActivity(() => jobs.flushFailedJobs({ place, exported }))).rejects.toMatchObject({ type: 'BadInput' });
    },
  );

  it('are not deleted on the word of an export that is not there', async () => {
    const { jobs, place } = await world();
    await expect(inActivity(() => jobs.flushFailedJobs({ place, exported: 'failed-jobs/none.jsonl' }))).rejects.toThrow('ENOENT');
  });
});

describe('archiving a table', () => {
  beforeEach(async () => {
    await admin.query(
      'insert into authentication_logs (created_at) select now() - make_interval(days => n) from generate_series(80, 99) n',
    );
  });

  it('is told by the rows that are left', async () => {
    const { tables, place } = await world();
    const result = await inActivity(() => tables.archiveTable({ place, table: 'authentication_logs', days: 90 }));
    expect(result.outcome).toBe('done');
    expect(result.evidence).toMatch(/rows of authentication_logs older than 90 days: (9|10) before, 0 after/);
  });

  it('has failed if it said ok and nothing went', async () => {
    const { tables, place } = await world({ archives: false });
    expect((await inActivity(() => tables.archiveTable({ place, table: 'authentication_logs', days: 90 }))).outcome).toBe(
      'failed',
    );
  });

  it('is refused for a table that the runbook does not name', async () => {
    const { tables, place } = await world();
    const table = 'users; drop table users' as 'authentication_logs';
    await expect(inActivity(() => tables.archiveTable({ place, table, days: 90 }))).rejects.toMatchObject({ type: 'BadInput' });
  });
});
