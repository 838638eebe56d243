import { z } from 'zod';

import type { Host } from '../domain/inventory.js';
import { tinkerJson } from './artisan-command.js';
import type { Condition } from './known-hosts.js';
import type { Shell } from './shell.js';

/*
 * Fixed code; what it prints has no password: of a Redis connection only host, port and database, and whether a URL, which
 * may hold one and overrides the rest, is set.
 */
const settings = `(function () {
  $redis = function ($name) {
    $c = config('database.redis.'.($name ?: 'default'));
    return is_array($c) ? ['host' => $c['host'] ?? null, 'port' => $c['port'] ?? null, 'database' => $c['database'] ?? null, 'url' => ! empty($c['url'])] : null;
  };
  $store = function ($name) use ($redis) {
    $s = config('cache.stores.'.$name);
    if (! is_array($s)) return null;
    $d = $s['driver'] ?? null;
    return ['name' => $name, 'driver' => $d, 'path' => $s['path'] ?? null, 'table' => $s['table'] ?? null,
      'redis' => $d === 'redis' ? $redis($s['connection'] ?? null) : null,
      'locks' => $d === 'redis' ? $redis($s['lock_connection'] ?? ($s['connection'] ?? null)) : null,
      'lockPath' => $s['lock_path'] ?? ($s['path'] ?? null)];
  };
  $queue = config('queue.connections.'.config('queue.default'));
  $session = config('session.driver');
  return [
    'cache' => $store(config('cache.default')),
    'session' => ['driver' => $session, 'store' => $session && ! in_array($session, ['file', 'cookie', 'database', 'array', 'null'])
      ? $store(config('session.store') ?: $session) : null,
      'redis' => $session === 'redis' && config('session.connection') ? $redis(config('session.connection')) : null,
      'path' => config('session.files')],
    'queue' => ['driver' => $queue['driver'] ?? null, 'redis' => ($queue['driver'] ?? null) === 'redis' ? $redis($queue['connection'] ?? null) : null],
  ];
})()`;

const redis = z.object({ host: z.unknown(), port: z.unknown(), database: z.unknown(), url: z.boolean() }).nullable();
const text = z.string().nullable();
const store = z
  .object({ name: z.string(), driver: text, path: text, table: text, redis, locks: redis, lockPath: text })
  .nullable();
const shape = z.object({
  cache: store,
  session: z.object({ driver: text, store, redis, path: text }),
  queue: z.object({ driver: text, redis }),
});
type Redis = z.infer<typeof redis>;
type Settings = z.infer<typeof shape>;

/**
 * Whether `cache:clear` would leave sessions, queue and locks alone because they are kept elsewhere, as the running
 * configuration says through tinker. What can't be read or compared is not safe. Whether a brute-force incident is open is
 * the caller's to know.
 */
export async function clearingCacheIsSafe(at: { host: Host; shell: Shell }): Promise<Condition> {
  const read = await tinkerJson(at, settings);
  if ('unknown' in read) return { holds: false, why: `the cache's settings can't be read: ${read.unknown}` };
  const parsed = shape.safeParse(read.value);
  if (!parsed.success) return { holds: false, why: "the cache's settings have an unknown shape" };
  return judgedStores(parsed.data);
}

function judgedStores({ cache, session, queue }: Settings): Condition {
  if (cache?.driver == null) return { holds: false, why: 'the default cache store is not configured' };
  const shared = [
    ...(sessionsShare(cache, session) ? [`sessions (${session.driver ?? 'unknown'})`] : []),
    ...(queueShares(cache, queue) ? [`the queue (${queue.driver ?? 'unknown'})`] : []),
    ...(locksShare(cache) ? ['locks'] : []),
  ];
  const what = `cache store ${cache.name} (${cache.driver})`;
  return shared.length === 0
    ? { holds: true, why: `sessions, queue and locks are not in the ${what}` }
    : { holds: false, why: `the ${what} may also hold ${shared.join(', ')}` };
}

function sessionsShare(cache: NonNullable<Settings['cache']>, session: Settings['session']): boolean {
  switch (session.driver) {
    case 'cookie':
    case 'array':
    case 'null':
    // A table of their own, which flushing the cache's table does not touch.
    case 'database':
      return false;
    case 'file':
      return cache.driver === 'file' && (cache.path === null || session.path === null || isWithin(session.path, cache.path));
    default:
      if (session.store === null) return true;
      if (session.store.driver !== cache.driver) return false;
      return cache.driver === 'redis' ? sameRedis(cache.redis, session.redis ?? session.store.redis) : true;
  }
}

function queueShares(cache: NonNullable<Settings['cache']>, queue: Settings['queue']): boolean {
  if (queue.driver === null) return true;
  return queue.driver === 'redis' && cache.driver === 'redis' && sameRedis(cache.redis, queue.redis);
}

/** Locks are in the cache store unless the store says otherwise; only a database store keeps them in a table of their own. */
function locksShare(cache: NonNullable<Settings['cache']>): boolean {
  if (cache.driver === 'database') return false;
  if (cache.driver === 'redis') return sameRedis(cache.redis, cache.locks);
  if (cache.driver === 'file') return cache.path === null || cache.lockPath === null || isWithin(cache.lockPath, cache.path);
  return true;
}

/** True unless two Redis databases are certainly different: a flush empties one database of one server. */
function sameRedis(one: Redis, other: Redis): boolean {
  if (one === null || other === null || one.url || other.url) return true;
  if (typeof one.host !== 'string' || typeof other.host !== 'string') return true;
  // Two names may be one server, so only another database or port of it counts.
  const isDifferent = (a: unknown, b: unknown) => a != null && b != null && String(a) !== String(b);
  return !isDifferent(one.database, other.database) && !isDifferent(one.port, other.port);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder.replace(/\/+$/, '')}/`);
}
