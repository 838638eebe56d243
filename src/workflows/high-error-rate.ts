import type { DatabaseCause } from '../activities/database-cause.js';
import type { RollbackPlan } from '../activities/deployment.js';
import type { ErrorPattern } from '../activities/error-pattern.js';
import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { clearCacheActs } from './cache-clear.js';
import { openIncident } from './opening.js';
import { queueRestartAct } from './queue-restart.js';
import { phpOnAllHosts, restartApplicationAct, restartEverywhere } from './restart.js';
import { openRun } from './run.js';
import { act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

/** What steps of this runbook leave for later ones. */
interface Facts {
  pattern?: ErrorPattern;
  database?: DatabaseCause;
  /** The database has its own incident by now. */
  databaseIsOpen?: boolean;
  rollback?: RollbackPlan;
  /** When the run began, as the first proof sees it. */
  began?: number;
}

const factsOf = ({ facts }: Pick<Scene, 'facts'>): Facts => facts;
const application = ({ environment }: Place): string[] => [`env:${environment}`];

const checkErrorStatistics = diagnostic({
  title: 'Check Error Statistics',
  command: () => 'curl https://<authos>/api/v1/monitoring/errors',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkFigures({ place, what: 'errors' }),
});

const reviewRecentErrors = diagnostic({
  title: 'Review Recent Errors',
  command: () => 'curl https://<authos>/api/v1/monitoring/errors/recent?limit=20',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.reviewRecentErrors({ place, most: 20 }),
});

const checkErrorLogs = diagnostic({
  title: 'Check Error Logs',
  command: () => 'tail -n 100 storage/logs/monitoring.log',
  timeout: { minutes: 1, because: 'the end of one file' },
  find: (on, { place }) => on.checkErrorLogs({ place, channel: 'monitoring', most: 100 }),
});

const checkSystemHealth = diagnostic({
  title: 'Check System Health',
  command: () => 'curl https://<authos>/api/health/detailed',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkHealth({ place, component: 'detailed' }),
});

const identifyErrorPattern = step({
  title: 'Identify Error Pattern',
  risk: 'observe',
  command: () => 'share of the errors by endpoint, user, organisation and exception; HEAD and its time from git reflog',
  touches: () => [],
  timeout: { minutes: 5, because: 'it reads the logs of two hours' },
  async do(on, { place, facts }) {
    const { evidence, data } = await on.identifyErrorPattern({ place });
    facts['pattern'] = data;
    return { outcome: 'done', evidence };
  },
});

// The text restarts first. Here what nobody notices comes first, and the cache before the queue: clearing it would take the
// workers' restart signal away again.
const quickFixes = step({
  title: 'Quick Fixes',
  acts: [...clearCacheActs(), queueRestartAct(), restartApplicationAct()],
});

const databaseIssues = step({
  title: 'Database Issues',
  acts: [
    act({
      name: 'Check the database',
      risk: 'observe',
      command: () => 'php artisan db:show; php artisan db:monitor; pg_stat_activity against max_connections',
      touches: () => [],
      timeout: { minutes: 3, because: 'two artisan commands, which may wait for a database that is stuck' },
      async do(on, { place, facts }) {
        const { evidence, data } = await on.checkDatabaseAsCause({ place });
        facts['database'] = data;
        return { outcome: 'done', evidence };
      },
    }),
    act({
      name: 'Open Database Connection Failures',
      risk: 'safe',
      command: ({ environment }) => `an alert for Database Connection Failures in ${environment}`,
      when: {
        says: 'the database shows by its own signs that it is the cause',
        async holds(_, scene) {
          const { database } = factsOf(scene);
          if (!database?.isCause) return { holds: false, why: database?.why ?? 'the database could not be looked at' };
          return { holds: database.database !== undefined, why: database.database === undefined ? `${database.why}; the config names no database` : database.why };
        },
      },
      touches: () => [],
      settle: 'none',
      timeout: { minutes: 2, because: 'one signal' },
      async do(_, scene) {
        const { environment } = scene.place;
        const { database, why } = factsOf(scene).database ?? { database: undefined, why: '' };
        if (database === undefined) return { outcome: 'refused', evidence: 'the config names no database' };
        const labels = { environment, database };
        const opened = await openIncident(scene, { runbook: 'databaseConnectionFailures', target: `${environment}:${database}`, labels, title: `High error rate: ${why}` });
        scene.facts['databaseIsOpen'] = true;
        return opened;
      },
    }),
  ],
});

const memoryIssues = step({
  title: 'Memory Issues',
  acts: [
    act({
      name: 'Check the memory limit',
      risk: 'observe',
      command: () => 'php -i | grep memory_limit',
      touches: () => [],
      timeout: { minutes: 1, because: 'PHP prints its settings' },
      async do(on, { place }) {
        const { evidence } = await on.phpSettings({ place, prefix: 'memory_limit' });
        return { outcome: 'done', evidence };
      },
    }),
    act({
      name: 'Clear the compiled caches with 512 MB',
      risk: 'safe',
      // `optimize:clear` would empty the cache too, which has its own act, rule and limit in Quick Fixes.
      command: () => 'php -d memory_limit=512M artisan optimize:clear --except=cache; config, route and view caches built again',
      when: {
        says: 'errors name exhausted memory',
        async holds(_, scene) {
          const exhausted = factsOf(scene).pattern?.memoryExhausted ?? 0;
          return { holds: exhausted > 0, why: `${exhausted} errors name exhausted memory` };
        },
      },
      touches: application,
      timeout: { minutes: 5, because: 'artisan boots for each cache that is built again' },
      do: (on, { place }) => on.optimizeClear({ place, memoryLimit: '512M' }),
    }),
  ],
});

const rollback = step({
  title: 'Rollback if Recent Deployment',
  acts: [
    act({
      name: 'Roll back the deployment',
      risk: 'destructive',
      // The text reverts first; then the files of the migrations are gone and `migrate:rollback` says nothing to do.
      command: ({ hosts }) =>
        `php artisan migrate:rollback --step=<its migrations> --force; then on ${hosts.join(', ')}: git revert --no-edit <each of its commits>, ` +
        'composer install --no-dev --no-interaction, restart',
      when: {
        says: 'the errors began right after a deployment of the last 2 h, and git can take it back: clean tree, the deployment before is known',
        holds: async (on, scene) => {
          const { pattern } = factsOf(scene);
          if (!pattern?.followsDeployment) return { holds: false, why: pattern?.why ?? 'the pattern of the errors is not known' };
          const { holds, why, plan } = await on.deploymentToRollBack({ place: scene.place });
          if (plan) scene.facts['rollback'] = plan;
          else delete scene.facts['rollback'];
          return { holds, why: `${pattern.why}\n${why}` };
        },
      },
      touches: (place) => [...application(place), ...phpOnAllHosts(place), ...place.hosts.map((host) => `host:${host}`), `database:${place.database ?? place.environment}`],
      onceAnIncident: true, // "never repeated"
      settle: 'restart',
      timeout: { minutes: 12, because: 'composer on a slow network; migrations of large tables' },
      do: (on, scene, onHost) => rollBack(on, scene, onHost),
    }),
  ],
});

/** All hosts are looked at before the first change. What fails in the middle stops there, and says how far it came. */
async function rollBack(on: On, scene: Scene, onHost: (host: string) => On): Promise<ActResult> {
  const { place } = scene;
  const plan = factsOf(scene).rollback;
  if (!plan) return { outcome: 'refused', evidence: 'there is no plan of what to roll back' };
  for (const host of place.hosts) {
    const { holds, why } = await onHost(host).readyToRevert({ place: { ...place, host }, plan });
    if (!holds) return { outcome: 'refused', evidence: `nothing rolled back: ${why}` };
  }
  const migrations = await on.rollBackMigrations({ place, plan });
  if (migrations.outcome !== 'done') return migrations;
  const said = [migrations.evidence];
  const so = (result: ActResult): ActResult => ({ ...result, evidence: [...said, result.evidence].join('\n').slice(0, 2_000) });
  let installed = true;
  for (const host of place.hosts) {
    const there = { ...place, host };
    const reverted = await onHost(host).revertDeployment({ place: there, plan });
    // The migrations are back by now: it is no longer true that nothing was done.
    if (reverted.outcome !== 'done') return so({ ...reverted, outcome: 'failed' });
    const dependencies = await onHost(host).installDependencies({ place: there });
    installed &&= dependencies.outcome === 'done';
    said.push(reverted.evidence, dependencies.evidence);
  }
  // Also without its dependencies: PHP would go on with the code that it has compiled.
  const restarted = await restartEverywhere(place, onHost);
  return so(installed ? restarted : { ...restarted, outcome: 'failed' });
}

const recovered: Proof = {
  says: 'at most 10 errors a minute and fewer than 3 critical ones in 5 minutes, in log lines and recent errors newer than the last act; health neither unhealthy nor critical',
  check(on, scene, window) {
    const facts = factsOf(scene);
    facts.began ??= window.since;
    const { place, times } = scene;
    return on.proveErrorRate({ place, perMinute: 10, criticalBelow: 3, minute: times.minute, lookBack: window.since === facts.began, window });
  },
};

/** "High Error Rate" of RUNBOOKS.md. */
export const highErrorRateProcedure: Procedure = {
  type: 'highErrorRate',
  title: 'High Error Rate',
  severity: 'High',
  target: 'environment',
  triggers: ['Error rate > 10 errors per minute', 'Multiple critical errors in short period'], // 3 in 5 min
  impact: ['Poor user experience', 'Potential service unavailability', 'Data integrity concerns'],
  prevention: ['Implement comprehensive error handling', 'Add input validation', 'Monitor deployment impacts', 'Use feature flags for risky changes'],
  ladder: {
    besides: [],
    told: [],
    levels: [
      { afterMinutes: 30, role: 'Senior Backend Engineer' },
      { afterMinutes: 60, role: 'Engineering Manager' },
    ],
  },
  diagnose: [checkErrorStatistics, reviewRecentErrors, checkErrorLogs, checkSystemHealth],
  resolve: [identifyErrorPattern, quickFixes, databaseIssues, memoryIssues, rollback],
  recovered,
};

/** High Error Rate: docs/runbooks.md#high-error-rate. */
export async function highErrorRate(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...highErrorRateProcedure.diagnose);
  await run.resolveUntil(recovered, highErrorRateProcedure.resolve);
  const { database, databaseIsOpen } = factsOf(run.conduct.scene);
  if (database?.isCause && !databaseIsOpen) run.conduct.followUps.push(`Database Issues: open "Database Connection Failures": ${database.why}`);
  await run.end();
}
