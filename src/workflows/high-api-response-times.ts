import type { HitRate } from '../activities/performance.js';
import type { SlowEndpoints } from '../activities/timed-requests.js';
import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { clearCacheActs } from './cache-clear.js';
import { openRun } from './run.js';
import { type Act, act, diagnostic, type Procedure, type Proof, type Scene, step } from './step.js';

interface Facts {
  'Identify Slow Endpoints'?: SlowEndpoints;
  hitRate?: HitRate;
  /** When the run began, as the first proof sees it. */
  began?: number;
}

const factsOf = ({ facts }: Pick<Scene, 'facts'>): Facts => facts;
const application = ({ environment }: Place): string[] => [`env:${environment}`];
const oneCommand = { minutes: 3, because: 'artisan boots, and again for each cache that is built again' };

/** An observing act: what it found, as its evidence. */
function look(name: string, command: string, find: (on: Parameters<Act['do']>[0], scene: Scene) => Promise<Finding>): Act {
  return act({
    name,
    risk: 'observe',
    command: () => command,
    touches: () => [],
    timeout: { minutes: 2, because: 'it only reads, with time limits of its own' },
    async do(on, scene): Promise<ActResult> {
      const { evidence, file } = await find(on, scene);
      return { outcome: 'done', evidence, ...(file === undefined ? {} : { file }) };
    },
  });
}

const checkPerformanceMetrics = diagnostic({
  title: 'Check Performance Metrics',
  command: () => 'curl https://<authos>/api/v1/monitoring/metrics/performance',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkFigures({ place, what: 'performance' }),
});

const identifySlowEndpoints = diagnostic({
  title: 'Identify Slow Endpoints',
  // The metrics give only counts, so the most requested endpoints are timed with our own requests.
  command: () => 'curl https://<authos>/api/v1/monitoring/metrics/api; 23 GETs of each of the 10 most requested endpoints',
  timeout: { minutes: 5, because: 'ten endpoints, which may answer slowly: that is what it is about' },
  find: (on, { place }) => on.identifySlowEndpoints({ place }),
});

const checkQueryPerformance = diagnostic({
  title: 'Check Database Query Performance',
  // The text follows the log with `tail -f`; nobody would watch here, so it reads the last lines and stops.
  command: () => 'tail -n 1000 storage/logs/performance.log | grep "slow query"',
  timeout: { minutes: 1, because: 'the end of one file' },
  find: (on, { place }) => on.slowQueryLines({ place, most: 1_000 }),
});

const checkSystemResources = diagnostic({
  title: 'Check System Resources',
  command: () => 'top -bn1 | grep php; free; df <root>',
  timeout: { minutes: 1, because: 'three quick commands' },
  find: (on, { place }) => on.checkSystemResources({ place }),
});

function clearCompiled(what: 'config' | 'route' | 'view'): Act {
  return act({
    name: `Clear the ${what} cache`,
    risk: 'safe',
    command: () => `php artisan ${what}:clear; built again where it was cached`,
    touches: application,
    timeout: oneCommand,
    do: (on, { place }) => on.clearCompiled({ place, what }),
  });
}

// The text begins with cache:clear; what nobody notices comes first.
const clearApplicationCache = step({
  title: 'Clear Application Cache',
  acts: [clearCompiled('config'), clearCompiled('route'), clearCompiled('view'), ...clearCacheActs()],
});

const optimizeDatabase = step({
  title: 'Optimize Database',
  acts: [
    look('Analyse slow queries', 'php artisan db:monitor --slow; pg_stat_activity', (on, { place }) => on.analyseSlowQueries({ place })),
    look('Check for missing indexes', 'php artisan db:show --counts; pg_stat_user_tables', (on, { place }) => on.findMissingIndexes({ place })),
  ],
  byHand: 'add an index where the run found a large table read by sequential scans',
});

const enableQueryCaching = step({
  title: 'Enable Query Caching',
  acts: [
    look('Check the cache hit rate', 'curl https://<authos>/api/v1/monitoring/metrics/performance', async (on, { place, times, facts }) => {
      const found = await on.cacheHitRate({ place, figureAge: times.figureAge });
      facts['hitRate'] = found.data;
      return found;
    }),
    act({
      name: 'Warm the cache',
      risk: 'safe',
      command: () => 'php artisan cache:warm',
      touches: application,
      timeout: { minutes: 6, because: 'it reads what requests read most' },
      do: (on, { place }) => on.warmCache({ place }),
    }),
    look('Check the hit rate again', 'curl https://<authos>/api/v1/monitoring/metrics/performance', (on, scene) => {
      const { place, times } = scene;
      const before = factsOf(scene).hitRate;
      return on.cacheHitRate({ place, figureAge: times.figureAge, ...(before ? { before } : {}) });
    }),
  ],
});

const optimizeCode = step({
  title: 'Optimize Code',
  acts: [
    look('Check OPcache', 'php -i | grep opcache', (on, { place }) => on.phpSettings({ place, prefix: 'opcache' })),
    act({
      name: 'Optimize the autoloader',
      risk: 'safe',
      command: () => 'composer dump-autoload --optimize',
      touches: application,
      timeout: { minutes: 12, because: 'a large class map on a slow disk' },
      do: (on, { place }) => on.dumpAutoload({ place }),
    }),
  ],
});

const scaleResources = step({
  title: 'Scale Resources',
  acts: [look('Numbers for scaling', 'top -bn1; free; pg_stat_activity against max_connections', (on, { place }) => on.scalingNumbers({ place }))],
  byHand: 'if the numbers of the run call for it: more PHP workers, more database connections, read replicas',
});

const recovered: Proof = {
  says: 'own GETs of the slow endpoints, 20 a sample over one connection, have p95 ≤ 100 ms and max ≤ 500 ms; no new slow-query lines',
  check(on, scene, window) {
    const facts = factsOf(scene);
    facts.began ??= window.since;
    const { slow = [], fast = [] } = facts['Identify Slow Endpoints'] ?? {};
    const { place, times } = scene;
    return on.proveResponseTimes({ place, endpoints: slow.length > 0 ? slow : fast, minute: times.minute, lookBack: window.since === facts.began, window });
  },
};

/** "High API Response Times" of RUNBOOKS.md. */
export const highApiResponseTimesProcedure: Procedure = {
  type: 'highApiResponseTimes',
  title: 'High API Response Times',
  severity: 'Medium',
  target: 'environment',
  triggers: ['Avg response time > 100ms (95th percentile)', 'Max response time > 500ms', 'Multiple slow query warnings'],
  impact: ['Poor user experience', 'Potential timeouts', 'Increased server load'],
  prevention: ['Implement query result caching', 'Add database indexes', 'Use eager loading for relationships', 'Monitor slow query log daily'],
  ladder: {
    besides: [],
    told: [],
    levels: [
      { afterMinutes: 60, role: 'Performance Engineer' },
      { afterMinutes: 120, role: 'Infrastructure Team' },
    ],
  },
  diagnose: [checkPerformanceMetrics, identifySlowEndpoints, checkQueryPerformance, checkSystemResources],
  resolve: [clearApplicationCache, optimizeDatabase, enableQueryCaching, optimizeCode, scaleResources],
  recovered,
};

/** High API Response Times: docs/runbooks.md#high-api-response-times. */
export async function highApiResponseTimes(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...highApiResponseTimesProcedure.diagnose);
  await run.resolveUntil(recovered, highApiResponseTimesProcedure.resolve);
  await run.end();
}
