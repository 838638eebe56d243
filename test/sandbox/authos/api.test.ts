import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authos } from '../../../sandbox/authos/authos.js';
import { artisan, get, sandbox } from './world.js';

let authos: Authos;
let end: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ({ authos, end } = await sandbox());
});
afterAll(() => end?.());

const check = async (name: string) => {
  const { status, body } = await get(authos, `/api/health/${name}`);
  return { http: status, ...(body['result'] as Record<string, unknown>) };
};

describe('health of a sandbox', () => {
  it('is ok when nothing is wrong', async () => {
    const { status, body } = await get(authos, '/api/health/detailed');
    expect({ status, says: body['status'] }).toEqual({ status: 200, says: 'ok' });
    expect(body['services']).toMatchObject({ database: 'ok', cache: 'ok', oauth: 'ok', storage: 'ok', queue: 'ok', disk_space: 'ok', ldap: 'not_configured' });
    expect((await get(authos, '/api/health')).body).toMatchObject({ status: 'ok' });
    expect((await get(authos, '/api/health/readiness')).status).toBe(200);
    expect(await check('database')).toMatchObject({ http: 200, status: 'healthy', driver: 'pgsql', database: 'authos', tables: 11 });
  });

  it('names the components it has when asked for another', async () => {
    const { status, body } = await get(authos, '/api/health/moon');
    expect(status).toBe(404);
    expect(body['valid_components']).toContain('disk_space');
  });

  it('follows the bytes on the volume: degraded over 80 %, critical and 503 over 90 %', async () => {
    const file = join(authos.root, 'storage/app/big');
    const { bytes } = await authos.capacity.usage();
    try {
      await writeFile(file, Buffer.alloc(Math.floor(bytes.total * 0.85)));
      expect(await check('disk_space')).toMatchObject({ http: 200, status: 'degraded' });
      await appendFile(file, Buffer.alloc(Math.floor(bytes.total * 0.08)));
      expect(await check('disk_space')).toMatchObject({ http: 503, status: 'critical' });
      const { status, body } = await get(authos, '/api/health/detailed');
      expect({ status, says: body['status'] }).toEqual({ status: 503, says: 'critical' });
    } finally {
      await rm(file);
    }
    expect(await check('disk_space')).toMatchObject({ http: 200, status: 'healthy' });
  });

  it('says that storage is not writable once nothing more fits', async () => {
    const file = join(authos.root, 'storage/app/big');
    const { bytes } = await authos.capacity.usage();
    try {
      await writeFile(file, Buffer.alloc(bytes.total - bytes.used)).catch(() => {}); // the volume may refuse the last block itself
      expect(await check('storage')).toMatchObject({ http: 503, status: 'unhealthy', writable: false });
    } finally {
      await rm(file);
    }
    expect(await check('storage')).toMatchObject({ http: 200, writable: true });
  });

  it('counts failed jobs, and is degraded over 100', async () => {
    await authos.sql(`insert into failed_jobs (uuid, connection, queue, payload, exception)
                      select 'job-' || n, 'database', 'default', '{}', 'x' from generate_series(1, 101) n`);
    expect(await check('queue')).toMatchObject({ status: 'degraded', failed_jobs: 101, driver: 'database' });
    await authos.sql("delete from failed_jobs where uuid = 'job-1'");
    expect(await check('queue')).toMatchObject({ status: 'healthy', failed_jobs: 100 });
    await authos.sql('delete from failed_jobs');
  });

  it('is degraded while an OAuth key is missing', async () => {
    const key = join(authos.root, 'storage/oauth-private.key');
    await rename(key, `${key}.away`);
    expect(await check('oauth')).toMatchObject({ status: 'degraded', clients: 1, issues: ['oauth-private.key is missing'] });
    await rename(`${key}.away`, key);
    expect(await check('oauth')).toMatchObject({ status: 'healthy', issues: [] });
  });

  it('finds the cache unhealthy while Valkey is down, and healthy on the file store', async () => {
    await authos.valkey.stop();
    expect(await check('cache')).toMatchObject({ http: 503, status: 'unhealthy', driver: 'redis' });
    const env = join(authos.root, '.env');
    const before = await readFile(env, 'utf8');
    await writeFile(env, before.replace('CACHE_STORE=redis', 'CACHE_STORE=file'));
    expect(await check('cache')).toMatchObject({ http: 200, status: 'healthy', driver: 'file' });
    await writeFile(env, before);
    await authos.valkey.restart();
    expect(await check('cache')).toMatchObject({ http: 200, status: 'healthy', driver: 'redis' });
  });

  it('finds the database unhealthy while PostgreSQL is down, and monitoring fails with it', async () => {
    await authos.postgres.stop();
    try {
      expect(await check('database')).toMatchObject({ http: 503, status: 'unhealthy' });
      expect((await get(authos, '/api/v1/monitoring/metrics/api')).status).toBe(500);
      expect((await get(authos, '/api/health/readiness')).status).toBe(503);
      expect((await get(authos, '/api/health')).status).toBe(200);
    } finally {
      await authos.postgres.restart();
    }
    expect(await check('database')).toMatchObject({ http: 200, status: 'healthy' });
    expect((await get(authos, '/api/v1/monitoring/metrics/api')).status).toBe(200);
    const { body } = await get(authos, '/api/v1/monitoring/errors');
    expect(body['total']).toBe(1);
  });

  it('fails when PostgreSQL has no connection left', async () => {
    const clients: pg.Client[] = [];
    const connect = async () => {
      const client = new pg.Client({ connectionString: authos.postgres.url });
      client.on('error', () => {});
      await client.connect();
      clients.push(client);
    };
    try {
      await expect((async () => {
        for (;;) await connect();
      })()).rejects.toThrow(/connection slots/);
      expect(await check('database')).toMatchObject({ http: 503, status: 'unhealthy', message: expect.stringContaining('connection slots') });
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });
});

describe('monitoring of a sandbox', () => {
  it('lets nobody in without a token', async () => {
    expect((await get(authos, '/api/v1/monitoring/errors', 'guessed')).status).toBe(401);
  });

  it('counts its own requests in the cache, and loses them with cache:clear', async () => {
    await get(authos, '/api/health');
    const before = (await get(authos, '/api/v1/monitoring/metrics/api')).body;
    expect(before['total_requests']).toBeGreaterThan(0);
    expect(before['max_response_time_ms']).toBeGreaterThan(0);
    expect(before['top_endpoints']).toHaveProperty(['GET /api/health']);
    expect((await artisan(authos, 'cache:clear')).exitCode).toBe(0);
    expect((await get(authos, '/api/v1/monitoring/metrics/api')).body['total_requests']).toBe(0);
  });

  it('counts logins and suspicious addresses in the database', async () => {
    await authos.sql("insert into authentication_logs (event, success) select 'login', n > 1 from generate_series(1, 4) n");
    await authos.sql("insert into failed_login_attempts (email, ip_address) select 'a@example.com', '203.0.113.9' from generate_series(1, 11)");
    const { body } = await get(authos, '/api/v1/monitoring/metrics/authentication');
    expect(body['today']).toMatchObject({ total_attempts: 4, successful: 3, failed: 1, success_rate: 75 });
    expect(body['suspicious_ips']).toEqual([{ ip_address: '203.0.113.9', attempts: 11 }]);
  });

  it('records an error with its type, and shows it among the recent ones', async () => {
    const errors = async () => (await get(authos, '/api/v1/monitoring/errors')).body;
    const before = (await errors())['total'] as number;
    await authos.counters.countError({
      severity: 'critical', type: 'PDOException', message: 'gone', file: 'x.php', line: 1, url: '/login', method: 'POST', user_id: null, organization_id: null,
    });
    expect(await errors()).toMatchObject({ critical: 1, total: before + 1, by_type: { PDOException: 1 } });
    const { body } = await get(authos, '/api/v1/monitoring/errors/recent?limit=1');
    expect(body).toMatchObject([{ type: 'PDOException', severity: 'critical', url: '/login' }]);
  });

  it.each(['performance', 'webhooks', 'oauth', 'users', 'organizations', 'mfa'])('answers /metrics/%s', async (name) => {
    const { status, body } = await get(authos, `/api/v1/monitoring/metrics/${name}`);
    expect(status).toBe(200);
    expect(Object.keys(body).length).toBeGreaterThan(0);
  });
});

describe('a sandbox that keeps its metrics and is asked too often', () => {
  it('gives the same figure again until it is old, and a 429 with Retry-After in the end', async () => {
    const { authos: slow, end: done } = await sandbox({ metricsCachedFor: 60_000, monitoringPerMinute: 3 });
    try {
      const total = async () => (await get(slow, '/api/v1/monitoring/metrics/users')).body['total_users'];
      const before = await total();
      await slow.sql("insert into users (name, email, password) values ('A', 'a@example.com', 'x')");
      expect(await total()).toBe(before);
      expect((await artisan(slow, 'cache:clear')).exitCode).toBe(0);
      expect(await total()).toBe(Number(before) + 1);
      const refused = await get(slow, '/api/v1/monitoring/metrics/users');
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await done();
    }
  });
});
