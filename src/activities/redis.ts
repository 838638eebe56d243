import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding, SampleWindow, Verdict } from '../domain/step.js';
import { withCachesBuiltAgain } from './artisan.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import { clearingCacheIsSafe } from './cache-stores.js';
import type { EnvFileActivities, EnvReading } from './env-file.js';
import { readHealth } from './health-api.js';
import type { AuthosApi } from './health-api.js';
import { badInput, hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { redisFigures, redisTrip } from './redis-client.js';
import type { RedisTarget, RedisTrip } from './redis-client.js';
import { sampled } from './sampling.js';
import type { Scrub } from './scrub.js';
import type { Shell } from './shell.js';
import { topSizes } from './top-sizes.js';
import { bytesText, fitted } from './wording.js';

/** Hits and misses so far. `run` changes when the counters begin at zero again. */
export interface CacheCounters {
  hits: number;
  misses: number;
  run: string;
}

/** A round trip through the application; `unknown` if artisan itself does not run. */
export interface ApplicationTrip {
  kind: 'works' | 'fails' | 'unknown';
  words: string;
}

/** D2 and the conditions: both round trips, and the store that the application runs with. */
export interface CacheLook {
  application: ApplicationTrip;
  /** Absent where the config names no Redis. */
  redis?: RedisTrip;
  /** `cache.default` as it is in force; absent if it can't be read. */
  running?: string;
}

/** Fewer lookups than this since the step say nothing of the hit rate. */
const fewestLookups = 20;
const leastHitPercent = 50;

/** Activities that look at the cache of an AuthOS and cure it. `redisOf` gives the Redis that its cache is on. */
export function redisActivities({
  hosts,
  shellOf,
  apiOf,
  redisOf,
  env,
  scrub,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  redisOf: (place: Place) => RedisTarget | undefined;
  env: Pick<EnvFileActivities, 'restoreEnv' | 'readEnv'>;
  scrub: Scrub;
}) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  /** A value is put, read and forgotten by the application, in its default store or a named one of our own config; and which is in force. */
  async function applicationTrip(place: Place, store?: string): Promise<ApplicationTrip & { running?: string }> {
    const cache = store === undefined ? 'cache()' : `cache()->store('${storeName(store)}')`;
    const read = await tinkerJson(at(place), roundTrip(cache));
    if (!('unknown' in read)) {
      const { same, running } = (read.value ?? {}) as { same?: unknown; running?: unknown };
      return { kind: same === true ? 'works' : 'fails', words: same === true ? 'a value came back' : 'a value did not come back', ...named(running) };
    }
    const boots = await tinkerJson(at(place), "config('cache.default')");
    return 'unknown' in boots ? { kind: 'unknown', words: `artisan does not run: ${boots.unknown}` } : { kind: 'fails', words: read.unknown, ...named(boots.value) };
  }

  async function ourTrip(place: Place): Promise<RedisTrip | undefined> {
    const target = redisOf(place);
    return target && redisTrip(target);
  }

  async function look(place: Place): Promise<CacheLook> {
    const [{ running, ...application }, redis] = await Promise.all([applicationTrip(place), ourTrip(place)]);
    return { application, ...(redis ? { redis } : {}), ...named(running) };
  }

  async function counters(place: Place): Promise<CacheCounters | { unknown: string }> {
    const target = redisOf(place);
    if (target === undefined) return { unknown: 'the config names no Redis for this cache' };
    try {
      const { hits, misses, run } = await redisFigures(target);
      return Number.isFinite(hits + misses) && run !== '' ? { hits, misses, run } : { unknown: 'INFO stats has no hits and misses' };
    } catch (error) {
      return { unknown: (error as Error).message };
    }
  }

  const lookText = ({ application, redis, running: store }: CacheLook): string =>
    scrub(fitted(`store in force: ${store ?? 'unknown'}; the application: ${application.words}${redis ? `; Redis: ${redis.words}` : '; no Redis in the config'}`, 1_200));

  const scrubbedLook = (seen: CacheLook): CacheLook => ({
    ...seen,
    application: { ...seen.application, words: scrub(fitted(seen.application.words, 400)) },
    ...(seen.redis ? { redis: { ...seen.redis, words: scrub(seen.redis.words) } } : {}),
  });

  return {
    /** D2: a round trip through artisan and one of our own. What Redis answers (LOADING, OOM …) is the finding. A repeat is safe. */
    async testCacheOperations({ place }: { place: Place }): Promise<Finding<CacheLook>> {
      const seen = await look(place);
      const problem = seen.redis?.problem === undefined ? '' : `\n${answerMeans[seen.redis.problem] ?? 'Redis answers with an error'}`;
      return { evidence: `${lookText(seen)}${problem}`, data: scrubbedLook(seen) };
    },

    /** D3: CACHE_STORE in `.env`, the default in config/cache.php, and what is in force. A repeat is safe. */
    async checkCacheDriver({ place }: { place: Place }): Promise<Finding<EnvReading & { stores: string[] }>> {
      const { host, shell } = at(place);
      const [setting, php, stores] = await Promise.all([
        env.readEnv({ place, key: 'CACHE_STORE' }),
        readFile(join(host.root, 'config/cache.php'), 'utf8').catch(() => ''),
        tinkerJson({ host, shell }, "array_keys(config('cache.stores'))"),
      ]);
      const names = 'value' in stores && Array.isArray(stores.value) ? stores.value.map(String).slice(0, 30) : [];
      const line = /^\s*'default'\s*=>.*$/m.exec(php)?.[0].trim().slice(0, 120) ?? 'no default in config/cache.php';
      const stale = setting.file !== null && setting.running != null && setting.file !== setting.running ? '; the .env was changed since the config was cached' : '';
      return {
        evidence: scrub(`CACHE_STORE=${setting.file ?? '(not set)'}; ${line}; in force: ${setting.running ?? setting.because ?? 'unknown'}${stale}; stores: ${names.join(', ')}`),
        data: { ...setting, stores: names },
      };
    },

    /** R1, its first half: `config:clear`, with the config cache built again if there was one. A repeat is safe. */
    async configClear({ place }: { place: Place }): Promise<ActResult> {
      const on = at(place);
      return withCachesBuiltAgain(on, async () => artisanOutcome('config:clear', await artisan({ ...on, command: 'config:clear' })));
    },

    /** Whether R2 may restart Redis: it is the cache's, and does not answer at all. What it answers is no case for a restart. */
    async redisIsSilent({ place }: { place: Place }): Promise<Condition> {
      const target = redisOf(place);
      if (target === undefined) return { holds: false, why: 'the config names no Redis for this cache' };
      const trip = await redisTrip(target);
      if (trip.kind !== 'silent') return { holds: false, why: scrub(`Redis answers: ${trip.words}`) };
      const alone = await clearingCacheIsSafe(at(place));
      return { holds: true, why: scrub(`Redis does not answer: ${trip.words}; ${alone.why}`) };
    },

    /** Whether R3 may switch to the file store: the store in force fails its round trip, it is not file, and there is one host. */
    async fallbackNeeded({ place }: { place: Place }): Promise<Condition> {
      const seen = await look(place);
      const says = lookText(seen);
      if (seen.application.kind !== 'fails') return { holds: false, why: says };
      if (seen.running === undefined || seen.running === 'file') return { holds: false, why: `${says}; there is no other store to switch to` };
      if (place.hosts.length !== 1) return { holds: false, why: `${says}; ${place.hosts.length} hosts would each have a file cache of their own, with throttles and locks that don't know each other` };
      return { holds: true, why: says };
    },

    /** What the undo of R3 needs: the line as it is, and whether the store may be emptied on the way back. Reads only. */
    async beforeFallback({ place }: { place: Place }): Promise<{ old: string | null; store: string; clearable: boolean }> {
      const { raw, running: store } = await env.readEnv({ place, key: 'CACHE_STORE' });
      if (store == null) throw badInput('the cache store in force is not known');
      return { old: raw, store, clearable: (await clearingCacheIsSafe(at(place))).holds };
    },

    /**
     * Undo of R3: once the store passes its own round trip ('refused' until then), empties it of what is stale and writes the old
     * CACHE_STORE back, if ours is still there. A repeat is safe.
     */
    async restoreCacheStore({ place, old, store, clearable, ours }: { place: Place; old: string | null; store: string; clearable: boolean; ours: string }): Promise<ActResult> {
      const { file } = await env.readEnv({ place, key: 'CACHE_STORE' });
      if (file !== ours) return env.restoreEnv({ place, key: 'CACHE_STORE', ours, old });
      const [application, redis] = await Promise.all([applicationTrip(place, store), ourTrip(place)]);
      if (application.kind !== 'works' || (redis && redis.kind !== 'works')) {
        return { outcome: 'refused', evidence: scrub(fitted(`store ${store} does not work yet: ${application.words}${redis ? `; Redis: ${redis.words}` : ''}`, 800)) };
      }
      // What it held when it failed is older than what the fallback wrote since. Shared with sessions, it must stay.
      const cleared = clearable ? artisanOutcome('cache:clear', await artisan({ ...at(place), command: 'cache:clear', args: [storeName(store)] })) : undefined;
      if (cleared !== undefined && cleared.outcome !== 'done') return { ...cleared, outcome: 'refused' };
      const back = await env.restoreEnv({ place, key: 'CACHE_STORE', ours, old });
      return { ...back, evidence: fitted(`${cleared?.evidence ?? 'stale keys left, since the store holds more than the cache'}; ${back.evidence}`) };
    },

    /** R4: du of the file cache, and INFO memory of Redis: used, max, evictions, policy. A repeat is safe. */
    async checkCacheStorage({ place }: { place: Place }): Promise<ActResult> {
      const { host, shell } = at(place);
      const folder = join(host.root, 'storage/framework/cache');
      const files = await topSizes({ shell, path: folder, most: 3, timeoutMs: 60_000 }).then(
        ({ totalBytes, note }) => `storage/framework/cache: ${bytesText(totalBytes)}${note}`,
        (error: unknown) => `storage/framework/cache: ${(error as Error).message}`,
      );
      const target = redisOf(place);
      if (target === undefined) return { outcome: 'done', evidence: files };
      try {
        return { outcome: 'done', evidence: fitted(`${files}\n${memoryText(await redisFigures(target))}`) };
      } catch (error) {
        return { outcome: 'failed', evidence: scrub(fitted(`${files}\nRedis: ${(error as Error).message}`)) };
      }
    },

    /** R5: the default store and its settings as the application runs with them, passwords left out. A repeat is safe. */
    async verifyCacheConfiguration({ place }: { place: Place }): Promise<ActResult> {
      const read = await tinkerJson(at(place), configuration);
      if ('unknown' in read) return { outcome: 'failed', evidence: read.unknown };
      return { outcome: 'done', evidence: scrub(fitted(JSON.stringify(read.value))) };
    },

    /** Hits and misses so far, to count from; `unknown` says why there are none. Reads only. */
    async cacheCounters({ place }: { place: Place }): Promise<CacheCounters | { unknown: string }> {
      const read = await counters(place);
      return 'unknown' in read ? { unknown: scrub(fitted(read.unknown, 300)) } : read;
    },

    /**
     * Recovered: AuthOS calls its cache healthy, both round trips pass, the store's own too while a fallback is in force; and with
     * `hitRateSince`, at least half of the lookups since then were hits. 'Mitigated' while the fallback works and its store does
     * not. A repeat is safe.
     */
    async proveCache({ place, hitRateSince, window }: { place: Place; hitRateSince?: CacheCounters | { unknown: string }; window: SampleWindow }): Promise<Verdict> {
      return sampled(window, async () => {
        const [health, seen] = await Promise.all([readHealth(apiOf(place), 'cache'), look(place)]);
        const own = redisOf(place)?.store;
        const isFallback = own !== undefined && seen.running !== undefined && seen.running !== own;
        const ownTrip = isFallback ? await applicationTrip(place, own) : seen.application;
        const says = scrub(fitted(`AuthOS calls it ${health.status}; ${lookText(seen)}${isFallback ? `; store ${own}: ${ownTrip.words}` : ''}`, 1_500));
        const isHealthy = health.status === 'healthy';
        if (seen.application.kind === 'fails' || ownTrip.kind === 'fails' || (seen.redis && seen.redis.kind !== 'works') || ['unhealthy', 'critical', 'degraded'].includes(health.status)) {
          const mitigated = isFallback && seen.application.kind === 'works' && isHealthy;
          return { kind: 'not recovered', evidence: says, ...(mitigated ? { mitigated } : {}) };
        }
        if (!isHealthy || seen.application.kind !== 'works' || ownTrip.kind !== 'works') return { kind: 'unknown', evidence: says };
        return hitRateSince === undefined ? { kind: 'recovered', evidence: says } : judgedRate(hitRateSince, await counters(place), says);
      });
    },
  };
}

/** The share of hits among the lookups since `before`; a restart begins the counters at zero. */
function judgedRate(before: CacheCounters | { unknown: string }, now: CacheCounters | { unknown: string }, says: string): Verdict {
  const unknown = 'unknown' in before ? before.unknown : 'unknown' in now ? now.unknown : undefined;
  if (unknown !== undefined || 'unknown' in before || 'unknown' in now) return { kind: 'unknown', evidence: `the hit rate can't be judged: ${unknown}; ${says}` };
  const isSame = before.run === now.run && now.hits >= before.hits && now.misses >= before.misses;
  const hits = now.hits - (isSame ? before.hits : 0);
  const lookups = hits + now.misses - (isSame ? before.misses : 0);
  if (lookups < fewestLookups) return { kind: 'unknown', evidence: `only ${lookups} lookups since: too few to judge the hit rate; ${says}` };
  const percent = Math.floor((hits * 100) / lookups);
  const evidence = `${percent} % hits of ${lookups} lookups since the last step; ${says}`;
  return { kind: percent >= leastHitPercent ? 'recovered' : 'not recovered', evidence };
}

function memoryText({ usedBytes, maxBytes, policy, evicted, hits, misses }: Awaited<ReturnType<typeof redisFigures>>): string {
  const lookups = hits + misses;
  const rate = lookups > 0 ? `, ${Math.floor((hits * 100) / lookups)} % hits since it started` : '';
  const max = maxBytes > 0 ? `of ${bytesText(maxBytes)} (${Math.round((usedBytes * 100) / maxBytes)} %)` : 'without a limit';
  const isStuck = maxBytes > 0 && policy === 'noeviction' && usedBytes > maxBytes * 0.95;
  return `Redis: ${bytesText(usedBytes)} used ${max}, policy ${policy}, ${evicted} evicted${rate}${isStuck ? '\nIt is full and evicts nothing: every write is refused until something is deleted' : ''}`;
}

/** What an answer of Redis means, for people. None of them is cured by a restart. */
const answerMeans: Record<string, string> = {
  LOADING: 'It is loading its data: wait.',
  MISCONF: 'It refuses writes because it can no longer save to disk: look at its disk.',
  OOM: 'It is full and its policy evicts nothing.',
  NOAUTH: 'It wants a password, and was given none.',
  WRONGPASS: 'The password is wrong: it and REDIS_PASSWORD differ.',
  READONLY: 'It is a replica: the application writes to the wrong server.',
};

/** Names of stores come from our config or the application's; as part of code they are only ever such names. */
function storeName(store: string): string {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(store)) throw badInput(`no name of a cache store: ${JSON.stringify(store.slice(0, 60))}`);
  return store;
}

const roundTrip = (cache: string): string => `(function () {
  $k = 'responder:probe:'.bin2hex(random_bytes(8));
  ${cache}->put($k, $k, 60);
  $v = ${cache}->get($k);
  ${cache}->forget($k);
  return ['same' => $v === $k, 'running' => config('cache.default')];
})()`;

/** The store in force, where the application says it. */
function named(running: unknown): { running?: string } {
  return typeof running === 'string' ? { running } : {};
}

/* Fixed code; of the store only what holds no password. */
const configuration = `(function () {
  $n = config('cache.default');
  $s = config('cache.stores.'.$n);
  $d = config('cache.stores.database');
  return ['default' => $n, 'prefix' => config('cache.prefix'), 'store' => is_array($s) ? ['driver' => $s['driver'] ?? null,
    'connection' => $s['connection'] ?? null, 'path' => $s['path'] ?? null, 'table' => $s['table'] ?? null] : null,
    'stores.database' => is_array($d) ? ['driver' => $d['driver'] ?? null, 'table' => $d['table'] ?? null] : null];
})()`;

export type RedisActivities = ReturnType<typeof redisActivities>;
