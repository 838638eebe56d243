import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { RunningConfig } from '../bin/lib/config.mjs';
import { withDatabase } from '../bin/lib/database.mjs';
import { withCache } from './counters.js';
import type { LogLine } from './logs.js';

export interface ApplicationParts {
  /** Application root. */
  root: string;
  config: () => RunningConfig;
  log: (line: LogLine) => Promise<unknown>;
  countSlowQuery: () => Promise<void>;
}

const slowQueryMs = 100;

/**
 * What users of AuthOS ask for. The queries are the application's code, in `app/Queries`: read when it starts, as PHP with OPcache
 * reads its files, so that a deployment or a revert takes effect with the next restart.
 */
export function addApplication(app: FastifyInstance, { root, config, log, countSlowQuery }: ApplicationParts): void {
  const code = (name: string): string | undefined => {
    const file = join(root, 'app/Queries', `${name}.sql`);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };
  const rowsOf = async (path: string, sql: string | undefined): Promise<unknown[]> => {
    if (sql === undefined) throw new Error(`Class "App\\Queries\\${path}" not found`);
    const { rows, ms } = await withDatabase(config(), async (client) => {
      const startedAt = performance.now();
      const result = await client.query<Record<string, unknown>>(sql);
      return { rows: result.rows, ms: Math.round(performance.now() - startedAt) };
    });
    if (ms > slowQueryMs) {
      await log({ channel: 'performance', level: 'WARNING', message: 'Slow query detected', context: { sql: sql.trim().slice(0, 200), duration_ms: ms, endpoint: path } });
      await countSlowQuery();
    }
    return rows;
  };

  const organizations = code('organizations');
  app.get('/organizations', async () => ({ data: await rowsOf('organizations', organizations) }));

  const activity = code('activity');
  app.get('/activity', async () => ({ data: await rowsOf('activity', activity) }));

  const directory = code('directory');
  app.get('/directory', async () => {
    const seconds = config().directory.cache_seconds;
    if (seconds === 0) return { data: await rowsOf('directory', directory) };
    const key = 'directory:all';
    const kept = await withCache(config(), (cache) => cache.get(key));
    if (kept !== null) return { data: JSON.parse(kept) as unknown };
    const rows = await rowsOf('directory', directory);
    await withCache(config(), (cache) => cache.put(key, JSON.stringify(rows), seconds));
    return { data: rows };
  });
}
