import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { AlertmanagerPayload, Fault } from './fault.js';

const runbook = 'cacheSystemFailure';

/** Valkey does not run. A restart cures it. */
export function cacheDown(): Fault {
  return {
    name: 'cache-down',
    runbook,
    title: 'The Redis of the cache does not run',
    put: (authos) => authos.valkey.stop(),
    alert: async (authos) => alert(authos, 'CacheUnhealthy', 'Cache health check returns "unhealthy"'),
    over: (authos) => cacheWorks(authos),
    answers: (act) => (act === 'Restart Cache Service' ? { approve: true, reason: '' } : undefined),
  };
}

/** Valkey is full, and its policy evicts nothing: it answers, and refuses every write. Clearing the cache cures it. */
export function cacheFull(): Fault {
  return {
    name: 'cache-full',
    runbook,
    title: 'The Redis of the cache is full, and evicts nothing',
    async put(authos) {
      await withValkey(authos, async (redis) => {
        const used = async (): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
        await redis.config('SET', 'maxmemory-policy', 'noeviction');
        await redis.config('SET', 'maxmemory', String((await used()) + 4_000_000));
        const value = randomBytes(32_768).toString('base64');
        for (let i = 0; ; i += 1) {
          const refused = await redis.set(`filler:${i}`, value).then(() => false, (error: Error) => /^OOM/.test(error.message));
          if (refused) break;
          if (i > 1_000) throw new Error('Valkey does not get full');
        }
        // Well over the edge: a buffer that is given back must not make room for a small value.
        await redis.config('SET', 'maxmemory', String((await used()) - 1_000_000));
      });
    },
    alert: async (authos) => alert(authos, 'RedisOutOfMemory', "OOM command not allowed when used memory > 'maxmemory'"),
    over: (authos) => cacheWorks(authos),
    // The cache is on a database of its own here, so clearing it needs nobody.
    answers: () => undefined,
  };
}

/** Somebody changed the password of Valkey: it answers, and lets nobody in. The fallback carries until a person sets it right. */
export function cachePassword(): Fault {
  const wrong = randomBytes(12).toString('hex');
  return {
    name: 'cache-password',
    runbook,
    title: 'The Redis of the cache has another password than the application',
    put: (authos) => withValkey(authos, async (redis) => void (await redis.config('SET', 'requirepass', wrong))),
    alert: async (authos) => alert(authos, 'CacheConnectionErrors', 'WRONGPASS invalid username-password pair or user is disabled'),
    async byHand(authos) {
      const { password } = new URL(authos.valkey.url);
      const redis = new Redis({ host: '127.0.0.1', port: authos.valkey.port, password: wrong, lazyConnect: true, retryStrategy: () => null });
      await redis.connect();
      await redis.config('SET', 'requirepass', decodeURIComponent(password)).finally(() => redis.disconnect());
      return 'sets the password of Redis back';
    },
    async over(authos) {
      const works = await cacheWorks(authos);
      const store = authos.config().cache.default;
      return { over: works.over && store === 'redis', evidence: `${works.evidence}; the store in force is ${store}` };
    },
    answers: (act) => (act === 'Switch to Fallback Driver' ? { approve: true, reason: '' } : undefined),
  };
}

/** Keys of the traffic that warms the cache. */
const warmKeys = 20;

/**
 * The hit rate of the day is poor because the cache was emptied: traffic fills it again, and only time is needed. A runbook that
 * cleared it once more would make it worse, so that what is in it must still be there afterwards.
 */
export function cacheCold(): Fault {
  let stop: (() => Promise<void>) | undefined;
  const marker = `marker:${randomBytes(6).toString('hex')}`;
  return {
    name: 'cache-cold',
    runbook,
    title: 'The hit rate of the cache is under 50 % after it was emptied',
    async put(authos) {
      await withValkey(authos, async (redis) => {
        await redis.set(marker, '1');
        await Promise.all(Array.from({ length: 2_000 }, (_, i) => redis.get(`missing:${i}`)));
      });
      stop = traffic(authos);
    },
    alert: async (authos) => alert(authos, 'CacheHitRateLow', 'Cache hit rate < 50%'),
    async over(authos) {
      const before = await counters(authos);
      await delay(1_000);
      const after = await counters(authos);
      await stop?.();
      const [hits, misses] = [after.hits - before.hits, after.misses - before.misses];
      const kept = await withValkey(authos, (redis) => redis.exists(marker));
      return { over: hits > misses && kept === 1, evidence: `${hits} hits and ${misses} misses in a second; what was in the cache ${kept === 1 ? 'is still there' : 'is gone'}` };
    },
    answers: () => undefined,
  };
}

/** Reads through the cache as an application does: what is missing is put. Ends with `stop`, or with its process. */
function traffic(authos: Authos): () => Promise<void> {
  const ending = new AbortController();
  const running = withValkey(authos, async (redis) => {
    for (let i = 0; !ending.signal.aborted; i += 1) {
      const key = `page:${i % warmKeys}`;
      if ((await redis.get(key)) === null) await redis.set(key, 'x', 'EX', 600);
      await delay(10, undefined, { ref: false });
    }
  }).catch(() => {}); // the server going away ends it too
  return async () => {
    ending.abort();
    await running;
  };
}

async function counters(authos: Authos): Promise<{ hits: number; misses: number }> {
  const text = await withValkey(authos, (redis) => redis.info('stats'));
  const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
  return { hits: figure('keyspace_hits'), misses: figure('keyspace_misses') };
}

/** Measured by the application's own health check, and by a round trip of our own. */
async function cacheWorks(authos: Authos): Promise<{ over: boolean; evidence: string }> {
  const response = await fetch(`${authos.url}/api/health/cache`, { signal: AbortSignal.timeout(10_000) });
  const { result } = (await response.json()) as { result: { status: string; message: string } };
  const trip = await withValkey(authos, async (redis) => {
    await redis.set('drill:probe', 'there', 'EX', 10);
    return redis.get('drill:probe');
  }).catch((error: Error) => error.message);
  return { over: result.status === 'healthy' && trip === 'there', evidence: `cache health is ${result.status}; a value ${trip === 'there' ? 'came back' : `did not come back: ${String(trip)}`}` };
}

async function withValkey<T>(authos: Authos, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(authos.inventory().cacheUrl, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, enableReadyCheck: false });
  redis.on('error', () => {}); // the rejected promise says the same
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

function alert(authos: Authos, alertname: string, summary: string): AlertmanagerPayload {
  return alertmanagerPayload({
    labels: { alertname, severity: 'warning', store: 'redis', environment: authos.environment, instance: `${authos.name}:9121`, job: 'redis' },
    annotations: { summary, description: `${summary} on ${authos.name}` },
    startsAt: new Date(),
  });
}
