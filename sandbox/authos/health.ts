import { createPublicKey, randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningConfig } from '../bin/lib/config.mjs';
import { withDatabase } from '../bin/lib/database.mjs';
import type { Capacity } from './capacity.js';
import { withCache } from './counters.js';

export type CheckStatus = 'healthy' | 'degraded' | 'unhealthy' | 'critical' | 'not_configured';

export interface Check {
  status: CheckStatus;
  response_time_ms: number;
  message: string;
  [figure: string]: unknown;
}

type Answer = { status: CheckStatus; message: string; [figure: string]: unknown };

export interface HealthParts {
  root: string;
  config: () => RunningConfig;
  capacity: Capacity;
}

/** AuthOS's health checks, each measured when it is asked: what fails is a status, never an exception. */
export function healthChecks({ root, config, capacity }: HealthParts): Record<string, () => Promise<Check>> {
  const notConfigured = (what: string) => async (): Promise<Answer> => ({ status: 'not_configured', message: `${what} is not configured` });
  const checks: Record<string, () => Promise<Answer>> = {
    database: () => database(config()),
    cache: () => cache(config()),
    oauth: () => oauth(root, config()),
    storage: () => storage(root, capacity),
    queue: () => queue(config()),
    ldap: notConfigured('LDAP'),
    email: notConfigured('Mail'),
    disk_space: () => diskSpace(capacity),
    php_extensions: notConfigured('PHP'),
  };
  return Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, () => timed(check)]));
}

/** The worst of the checks, in the words of `/api/health/detailed`. */
export function overall(checks: Record<string, Check>): 'ok' | 'degraded' | 'unhealthy' | 'critical' {
  const has = (status: CheckStatus) => Object.values(checks).some((check) => check.status === status);
  return has('critical') ? 'critical' : has('unhealthy') ? 'unhealthy' : has('degraded') ? 'degraded' : 'ok';
}

async function timed(check: () => Promise<Answer>): Promise<Check> {
  const startedAt = performance.now();
  const answer = await check().catch((error: unknown): Answer => ({ status: 'unhealthy', message: words(error) }));
  return { ...answer, response_time_ms: since(startedAt) };
}

async function database(config: RunningConfig): Promise<Answer> {
  const { driver, database: name } = connectionOf(config);
  try {
    return await withDatabase(config, async (client) => {
      const startedAt = performance.now();
      const { rows } = await client.query<{ tables: number }>("select count(*)::int as tables from pg_tables where schemaname = 'public'");
      const figures = { tables: rows[0]?.tables, query_time_ms: since(startedAt) };
      return { status: 'healthy', message: 'Database connection successful', driver, database: name, ...figures };
    });
  } catch (error) {
    return { status: 'unhealthy', message: `Database connection failed: ${words(error)}`, driver, database: name };
  }
}

async function cache(config: RunningConfig): Promise<Answer> {
  const driver = config.cache.default;
  const value = randomUUID();
  try {
    const read = await withCache(config, async (store) => {
      await store.put(`health:${value}`, value, 10);
      const back = await store.get(`health:${value}`);
      await store.forget(`health:${value}`);
      return back;
    });
    if (read === value) return { status: 'healthy', message: 'Cache is working', driver };
    return { status: 'unhealthy', message: 'Cache gave back another value than it was given', driver };
  } catch (error) {
    return { status: 'unhealthy', message: `Cache failed: ${words(error)}`, driver };
  }
}

async function oauth(root: string, config: RunningConfig): Promise<Answer> {
  const issues: string[] = [];
  for (const name of ['oauth-private.key', 'oauth-public.key']) {
    try {
      const pem = await readFile(join(root, 'storage', name), 'utf8');
      createPublicKey(pem); // of a private key it makes the public one, so this reads both
    } catch (error) {
      issues.push((error as NodeJS.ErrnoException).code === 'ENOENT' ? `${name} is missing` : `${name} is not readable`);
    }
  }
  const clients = await count(config, 'select count(*)::int as count from oauth_clients where not revoked');
  if (clients === 0) issues.push('No OAuth clients');
  return { status: issues.length > 0 ? 'degraded' : 'healthy', message: issues.length > 0 ? 'OAuth has issues' : 'OAuth is working', clients, issues };
}

async function queue(config: RunningConfig): Promise<Answer> {
  const failed = await count(config, 'select count(*)::int as count from failed_jobs');
  const pending = await count(config, 'select count(*)::int as count from jobs');
  return {
    status: failed > 100 ? 'degraded' : 'healthy',
    message: failed > 100 ? 'Many failed jobs' : 'Queue is working',
    driver: config.queue.default,
    failed_jobs: failed,
    pending_jobs: pending,
  };
}

async function storage(root: string, capacity: Capacity): Promise<Answer> {
  const file = join(root, 'storage/app', `.health-${randomUUID()}`);
  const size = 4096;
  try {
    // Where the volume is only counted, a write would succeed that a real one refuses.
    const { bytes } = await capacity.usage();
    if (bytes.total - bytes.used < size) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    await writeFile(file, Buffer.alloc(size, 'x'));
    return { status: 'healthy', message: 'Storage is writable', writable: true };
  } catch (error) {
    return { status: 'unhealthy', message: `Storage is not writable: ${words(error)}`, writable: false };
  } finally {
    await rm(file, { force: true });
  }
}

async function diskSpace(capacity: Capacity): Promise<Answer> {
  const { bytes } = await capacity.usage();
  const used = Math.round((bytes.used * 10_000) / bytes.total) / 100;
  const status = used > 90 ? 'critical' : used > 80 ? 'degraded' : 'healthy';
  return { status, message: `${used}% of disk space is used`, used_percentage: used, free_bytes: bytes.total - bytes.used, total_bytes: bytes.total };
}

async function count(config: RunningConfig, query: string): Promise<number> {
  return withDatabase(config, async (client) => (await client.query<{ count: number }>(query)).rows[0]?.count ?? 0);
}

function connectionOf(config: RunningConfig): { driver: string; database: string } {
  return config.database.connections[config.database.default] ?? { driver: config.database.default, database: '' };
}

function since(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 100) / 100;
}

/** An `AggregateError` of Node's connect has its words in the code. */
function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
