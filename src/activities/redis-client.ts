import { randomBytes } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { Redis } from 'ioredis';

/** How the Redis of a place's cache is reached, and the store in config/cache.php that is on it; undefined if there is none. */
export interface RedisTarget {
  /** `redis://…`. Holds a password: never in results. */
  url: string;
  store: string;
}

/**
 * What Redis says to a write, a read and a delete. `answers` is a Redis that is there and says no: what it says is the finding,
 * and a restart would not cure it. `silent` is one that does not answer at all.
 */
export interface RedisTrip {
  kind: 'works' | 'answers' | 'silent';
  words: string;
  /** `LOADING`, `MISCONF`, `OOM`, `NOAUTH`, `WRONGPASS` …, where it answers with one. */
  problem?: string;
}

export interface RedisFigures {
  usedBytes: number;
  /** 0: no limit. */
  maxBytes: number;
  policy: string;
  evicted: number;
  hits: number;
  misses: number;
  /** Changes with every start, and the counters with it. */
  run: string;
}

const patienceMs = 5_000;

/** Connects once, runs `use` and disconnects, without any retry. Throws what Redis or the network says. */
export async function withRedis<T>({ url }: RedisTarget, use: (redis: Redis) => Promise<T>): Promise<T> {
  const { cancellationSignal } = Context.current();
  cancellationSignal.throwIfAborted();
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: patienceMs,
    commandTimeout: patienceMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    connectionName: 'authos-responder',
  });
  let reason: Error | undefined;
  redis.on('error', (error: Error) => {
    reason ??= error;
  });
  const drop = (): void => redis.disconnect();
  cancellationSignal.addEventListener('abort', drop, { once: true });
  try {
    await redis.connect();
    return await use(redis);
  } catch (error) {
    if (cancellationSignal.aborted) return await Context.current().cancelled;
    // ioredis says "Connection is closed" here; why is in the event.
    throw reason ?? error;
  } finally {
    cancellationSignal.removeEventListener('abort', drop);
    redis.disconnect();
  }
}

/** Our own round trip: a key of ours is written, read and deleted. It is gone by itself after a minute at the latest. */
export async function redisTrip(target: RedisTarget): Promise<RedisTrip> {
  const key = `responder:probe:${randomBytes(8).toString('hex')}`;
  try {
    const back = await withRedis(target, async (redis) => {
      await redis.set(key, key, 'EX', 60);
      const value = await redis.get(key);
      await redis.del(key);
      return value;
    });
    return back === key ? { kind: 'works', words: 'a value came back as it was given' } : { kind: 'answers', words: 'another value came back than was given' };
  } catch (error) {
    if ((error as Error).name === 'CancelledFailure') throw error;
    return tripFrom(error);
  }
}

/** Reads the state from what an attempt threw: words of Redis begin with a word in capitals. */
export function tripFrom(error: unknown): RedisTrip {
  const { message, code } = error as { message?: string; code?: string };
  const words = (message || code || String(error)).slice(0, 300);
  const problem = /^(LOADING|MISCONF|OOM|NOAUTH|WRONGPASS|NOPERM|READONLY|MASTERDOWN|BUSY|CLUSTERDOWN|ERR)\b/.exec(words)?.[1];
  return problem === undefined ? { kind: 'silent', words } : { kind: 'answers', words, problem };
}

/** Memory, policy, evictions, hits and misses, by INFO. Throws what Redis says. */
export async function redisFigures(target: RedisTarget): Promise<RedisFigures> {
  const text = await withRedis(target, async (redis) => (await Promise.all([redis.info('server'), redis.info('memory'), redis.info('stats')])).join('\n'));
  const said = new Map([...text.matchAll(/^([a-z_]+):([^\r\n]*)/gm)].map(([, name = '', value = '']) => [name, value]));
  const figure = (name: string): number => Number(said.get(name) ?? Number.NaN);
  return {
    usedBytes: figure('used_memory'),
    maxBytes: figure('maxmemory'),
    policy: said.get('maxmemory_policy') ?? 'unknown',
    evicted: figure('evicted_keys'),
    hits: figure('keyspace_hits'),
    misses: figure('keyspace_misses'),
    run: said.get('run_id') ?? '',
  };
}
