import { randomUUID } from 'node:crypto';
import { openCache } from '../bin/lib/cache.mjs';
import type { CacheStore } from '../bin/lib/cache.mjs';
import type { RunningConfig } from '../bin/lib/config.mjs';

export interface ApiCounters {
  requests: number;
  errors: number;
  totalMs: number;
  maxMs: number;
  minMs: number;
  memoryBytes: number;
  statusCodes: Record<string, number>;
  endpoints: Record<string, number>;
  updatedAt: string;
}

export interface PerformanceCounters {
  cacheHits: number;
  cacheMisses: number;
  slowQueries: number;
}

export interface ErrorCounters {
  critical: number;
  error: number;
  warning: number;
  info: number;
  byType: Record<string, number>;
  byHour: Record<string, number>;
}

export interface RecordedError {
  id: string;
  severity: 'critical' | 'error' | 'warning' | 'info';
  type: string;
  message: string;
  file: string;
  line: number;
  url: string;
  method: string;
  user_id: number | null;
  organization_id: number | null;
  timestamp: string;
}

export const noApiCounters: ApiCounters = {
  requests: 0,
  errors: 0,
  totalMs: 0,
  maxMs: 0,
  minMs: 0,
  memoryBytes: 0,
  statusCodes: {},
  endpoints: {},
  updatedAt: '',
};
export const noPerformanceCounters: PerformanceCounters = { cacheHits: 0, cacheMisses: 0, slowQueries: 0 };
export const noErrorCounters: ErrorCounters = { critical: 0, error: 0, warning: 0, info: 0, byType: {}, byHour: {} };

const day = 86_400;
const recentAtMost = 200;

/**
 * The application's own counters: totals since midnight UTC, kept in its cache and gone with it. Adding is best effort, as in
 * the application; reading throws when the cache does not answer.
 */
export function cacheCounters(config: () => RunningConfig) {
  // One writer at a time in this process, or two would read the same total and one count would be lost.
  let last: Promise<unknown> = Promise.resolve();
  const change = (act: (cache: CacheStore) => Promise<unknown>): Promise<void> => {
    const next = last.then(() => withCache(config(), act)).then(() => {}, () => {});
    last = next;
    return next;
  };
  const update = <Value>(key: string, none: Value, add: (value: Value) => Value) =>
    change(async (cache) => cache.put(key, JSON.stringify(add(await readJson(cache, key, none))), 2 * day));
  const read = <Value>(key: string, none: Value) => withCache(config(), (cache) => readJson(cache, key, none));

  return {
    api: (date = today()) => read(`metrics:api:${date}`, noApiCounters),
    performance: (date = today()) => read(`metrics:performance:${date}`, noPerformanceCounters),
    errors: (date = today()) => read(`errors:${date}`, noErrorCounters),
    /** Newest first, of the last hour. */
    async recentErrors(): Promise<RecordedError[]> {
      const hourAgo = Date.now() - 3_600_000;
      return (await read<RecordedError[]>('errors:recent', [])).filter(({ timestamp }) => Date.parse(timestamp) >= hourAgo);
    },
    countRequest: (request: { endpoint: string; status: number; ms: number }) =>
      update(`metrics:api:${today()}`, noApiCounters, (counters) => addRequest(counters, request)),
    countPerformance: (key: keyof PerformanceCounters) =>
      update(`metrics:performance:${today()}`, noPerformanceCounters, (counters) => ({ ...counters, [key]: counters[key] + 1 })),
    async countError(error: Omit<RecordedError, 'id' | 'timestamp'>): Promise<void> {
      const recorded = { ...error, id: randomUUID(), timestamp: new Date().toISOString() };
      await update(`errors:${today()}`, noErrorCounters, (counters) => addError(counters, recorded));
      await update<RecordedError[]>('errors:recent', [], (errors) => [recorded, ...errors].slice(0, recentAtMost));
    },
  };
}

export type Counters = ReturnType<typeof cacheCounters>;

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** Opens the default cache store for one use. Throws if it does not answer. */
export async function withCache<Result>(config: RunningConfig, use: (cache: CacheStore) => Promise<Result>): Promise<Result> {
  const cache = await openCache(config);
  try {
    return await use(cache);
  } finally {
    await cache.close();
  }
}

async function readJson<Value>(cache: CacheStore, key: string, none: Value): Promise<Value> {
  const text = await cache.get(key);
  return text === null ? none : (JSON.parse(text) as Value);
}

function addRequest(counters: ApiCounters, { endpoint, status, ms }: { endpoint: string; status: number; ms: number }): ApiCounters {
  return {
    requests: counters.requests + 1,
    errors: counters.errors + (status >= 500 ? 1 : 0),
    totalMs: counters.totalMs + ms,
    maxMs: Math.max(counters.maxMs, ms),
    minMs: counters.requests === 0 ? ms : Math.min(counters.minMs, ms),
    memoryBytes: counters.memoryBytes + process.memoryUsage().heapUsed,
    statusCodes: plusOne(counters.statusCodes, String(status)),
    endpoints: plusOne(counters.endpoints, endpoint),
    updatedAt: new Date().toISOString(),
  };
}

function addError(counters: ErrorCounters, { severity, type, timestamp }: RecordedError): ErrorCounters {
  return {
    ...counters,
    [severity]: counters[severity] + 1,
    byType: plusOne(counters.byType, type),
    byHour: plusOne(counters.byHour, String(new Date(timestamp).getUTCHours())),
  };
}

function plusOne(counts: Record<string, number>, key: string): Record<string, number> {
  return { ...counts, [key]: (counts[key] ?? 0) + 1 };
}
