import type { CacheLook } from '../activities/redis.js';
import type { Alert } from '../domain/alert.js';
import type { Place } from '../domain/place.js';
import type { RunInput } from '../domain/messages.js';
import { clearCacheActs } from './cache-clear.js';
import { openRun } from './run.js';
import { settingIsInForce } from './env-setting.js';
import { type Act, act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

const env = ({ environment }: Place): string[] => [`env:${environment}`];

const checkCacheHealth = diagnostic({
  title: 'Check Cache Health',
  command: () => 'curl https://<authos>/api/health/cache',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkHealth({ place, component: 'cache' }),
});

const testCacheOperations = diagnostic({
  title: 'Test Cache Operations',
  command: () => "php artisan tinker --execute 'Cache::put, Cache::get, Cache::forget'; and a round trip of our own",
  timeout: { minutes: 2, because: 'artisan boots, and a dead Redis is waited for' },
  async find(on, scene) {
    if (isAboutHitRate(scene.alert)) await countFrom(on, scene);
    return on.testCacheOperations({ place: scene.place });
  },
});

const checkCacheDriver = diagnostic({
  title: 'Check Cache Driver',
  command: () => "grep CACHE_STORE .env; grep -A 10 default config/cache.php; config('cache.default')",
  timeout: { minutes: 2, because: 'artisan boots' },
  find: (on, { place }) => on.checkCacheDriver({ place }),
});

/** A poor hit rate has its own proof, and is never answered with an emptier cache. Only ever makes the run more careful. */
function isAboutHitRate({ labels, title }: Alert): boolean {
  return /hit[\s_-]?(rate|ratio)/i.test(`${labels['alertname'] ?? ''} ${title}`);
}

const countedFrom = 'hits and misses counted from';
const countedAt = 'time of that count';

/** What the cache has counted by now: the hit rate is judged by what comes after, never by a total. */
async function countFrom(on: On, { place, facts }: Scene): Promise<void> {
  facts[countedFrom] = await on.cacheCounters({ place });
  facts[countedAt] = Date.now();
}

/** The clearing acts with two more reasons not to: they would make a poor hit rate worse, or fail on a store that takes no command. */
function whereItHelps(original: Act): Act {
  const { when } = original;
  return {
    ...original,
    when: {
      ...when,
      says: `${when?.says ?? 'always'}; the store takes commands; never for a hit-rate alert`,
      async holds(on, scene) {
        if (isAboutHitRate(scene.alert)) return { holds: false, why: 'the alert is about the hit rate, and an empty cache hits nothing' };
        const { redis } = (scene.facts[testCacheOperations.title] ?? {}) as Partial<CacheLook>;
        // A full Redis still takes FLUSHDB: that is what cures it.
        if (redis && redis.kind !== 'works' && redis.problem !== 'OOM') return { holds: false, why: `the store takes no commands: ${redis.words}` };
        return when?.holds ? when.holds(on, scene) : { holds: true, why: when?.says ?? '' };
      },
    },
  };
}

const clearCache = step({
  title: 'Clear Cache',
  acts: [
    ...clearCacheActs().map(whereItHelps),
    act({
      name: 'Clear the config cache',
      risk: 'safe',
      command: () => 'php artisan config:clear, and config:cache if there was one',
      touches: env,
      timeout: { minutes: 3, because: 'artisan boots twice' },
      do: (on, { place }) => on.configClear({ place }),
    }),
  ],
});

const restartCacheService = step({
  title: 'Restart Cache Service',
  // If it holds queues or sessions an approval is a must; disruptive acts are never without one. The question says what it holds.
  risk: 'disruptive',
  command: ({ host }) => `sudo systemctl restart redis, or docker restart authos-redis, as the config of ${host} says`,
  when: {
    says: 'the cache is on Redis, and it does not answer; LOADING, MISCONF, OOM and NOAUTH are answers',
    holds: (on, { place }) => on.redisIsSilent({ place }),
  },
  touches: ({ host }) => [`service:redis@${host}`],
  budget: ({ host }) => `restart:${host}/redis`,
  settle: 'restart',
  timeout: { minutes: 4, because: 'Redis writes its data before it ends, and loads it when it starts' },
  async look(on, { place, lastActAt }) {
    const { done, evidence } = await on.serviceStartedSince({ place, service: 'redis', since: lastActAt });
    return done ? { outcome: 'done', evidence } : undefined;
  },
  do: (on, { place }) => on.restartService({ place, service: 'redis' }),
});

const fallback = 'file'; // the text also names `array`, which forgets throttles and locks with every request

const switchToFallbackDriver = step({
  title: 'Switch to Fallback Driver',
  risk: 'disruptive',
  command: () => `CACHE_STORE=${fallback} in .env, config:cache if there was one, a reload, queue:restart`,
  when: {
    says: 'the store fails its round trip after the restart; and there is one host, for each would have files of its own',
    holds: (on, { place }) => on.fallbackNeeded({ place }),
  },
  touches: ({ environment, host }) => [`env:${environment}`, `file:.env@${environment}`, `service:php@${host}`],
  look: (on, { place }) => settingIsInForce(on, place, 'CACHE_STORE', fallback),
  timeout: { minutes: 5, because: 'a reload finishes the requests it has, and the value is read back' },
  undo: {
    says: 'writes CACHE_STORE back by itself, once its own store passes the round trip, stale keys cleared before',
    async entry(on, { place }) {
      const { old, store, clearable } = await on.beforeFallback({ place });
      return {
        kind: 'automatic',
        title: `Write CACHE_STORE=${old ?? store} back`,
        host: place.host,
        activity: 'restoreCacheStore',
        argument: { place, old, store, clearable, ours: fallback },
        touches: [`env:${place.environment}`, `file:.env@${place.environment}`, `service:php@${place.host}`],
      };
    },
  },
  do: (on, { place }) => on.setEnv({ place, key: 'CACHE_STORE', value: fallback }),
});

const checkCacheStorage = step({
  title: 'Check Cache Storage',
  risk: 'observe',
  command: () => 'du -sh storage/framework/cache; redis-cli INFO memory',
  touches: () => [],
  timeout: { minutes: 2, because: 'du of many small files' },
  do: (on, { place }) => on.checkCacheStorage({ place }),
});

const verifyCacheConfiguration = step({
  title: 'Verify Cache Configuration',
  risk: 'observe',
  command: () => "config('cache.default'), config('cache.stores.database')",
  touches: () => [],
  timeout: { minutes: 1, because: 'artisan boots' },
  // RUNBOOKS.md pages its level 2 "if unresolved"; RUNBOOK-SPEC says when: unhealthy after all steps, and this is the last.
  async do(on, { place }) {
    const result = await on.verifyCacheConfiguration({ place });
    const { data, evidence } = await on.checkHealth({ place, component: 'cache' });
    return data.status === 'unhealthy' || data.status === 'critical' ? { ...result, pageEarly: `the cache is unhealthy after all steps: ${evidence.split('\n')[0] ?? ''}` } : result;
  },
});

const recovered: Proof = {
  says: 'cache health is healthy, and a value makes the round trip through the application and through us; for a hit-rate alert, ≥ 50 % of the lookups since the step are hits',
  async check(on, scene, window) {
    const { place, facts, alert, times } = scene;
    if (!isAboutHitRate(alert)) return on.proveCache({ place, window });
    if (facts[countedFrom] === undefined) await countFrom(on, scene);
    // Time for lookups to happen, before they are judged.
    const notBefore = window.samples > 1 ? Math.max(window.notBefore, Number(facts[countedAt]) + times.settle) : window.notBefore;
    return on.proveCache({ place, hitRateSince: facts[countedFrom] as Awaited<ReturnType<On['cacheCounters']>>, window: { ...window, notBefore } });
  },
};

/** "Cache System Failure" as data, with what RUNBOOKS.md says around its steps. */
export const cacheSystemFailureProcedure: Procedure = {
  type: 'cacheSystemFailure',
  title: 'Cache System Failure',
  severity: 'Medium',
  target: 'cache store',
  triggers: ['Cache health check returns "unhealthy"', 'Cache hit rate < 50%', 'Cache connection errors'],
  impact: ['Increased database load', 'Slower response times', 'Potential service degradation'],
  prevention: ['Monitor cache hit rate', 'Set up cache driver redundancy', 'Implement cache warming', 'Regular cache maintenance'],
  ladder: { besides: [], told: [], levels: [{ afterMinutes: 60, role: 'Infrastructure Engineer' }] },
  diagnose: [checkCacheHealth, testCacheOperations, checkCacheDriver],
  resolve: [clearCache, restartCacheService, switchToFallbackDriver, checkCacheStorage, verifyCacheConfiguration],
  recovered,
};

/** Cache System Failure: docs/runbooks.md#cache-system-failure. */
export async function cacheSystemFailure(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...cacheSystemFailureProcedure.diagnose);
  await run.resolveUntil(recovered, cacheSystemFailureProcedure.resolve);
  await run.end();
}
