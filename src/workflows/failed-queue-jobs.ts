import type { RetryResult } from '../activities/queue-jobs.js';
import type { QueueCounts } from '../activities/queue-tables.js';
import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { reading, waiting } from './calling.js';
import { queueRestartAct } from './queue-restart.js';
import { openRun } from './run.js';
import { act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

/** What steps of this runbook leave for later ones. */
interface Facts {
  /** The queue when the run began, and at the end of the last act. */
  began?: Mark;
  mark?: Mark;
  /** When `queue:restart` was called, by the host's clock, ms since the epoch. */
  restartedAt?: number;
  /** Jobs that were put back and that nobody has cleared. */
  retried?: string[];
  retriedAt?: number;
  retryAfterMs?: number;
  failedAgain?: string[];
  /** What the database says about more workers. */
  workers?: { from: number; to: number };
}

interface Mark extends Pick<QueueCounts, 'newestId' | 'pending' | 'failed'> {
  /** The `since` of the window it is for. */
  since: number;
  at: number;
}

const factsOf = ({ facts }: Pick<Scene, 'facts'>): Facts => facts;
const queueName = ({ queue }: Place): string => queue ?? '<queue>';
const queue = (place: Place): string[] => [`queue:${place.environment}:${queueName(place)}`];
const failedJobs = ({ database, environment }: Place): string[] => [`table:failed_jobs@${database ?? environment}`];
const tooMany = 100;
const minutes = (count: number, { times }: Scene): number => count * times.minute;
/** How often a job that was put back is looked for. */
const lookEvery = (scene: Scene): number => Math.max(200, Math.round(minutes(1, scene) / 30));

const checkQueueHealth = diagnostic({
  title: 'Check Queue Health',
  command: () => 'curl https://<authos>/api/health/queue',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkHealth({ place, component: 'queue' }),
});

const countFailedJobs = diagnostic({
  title: 'Count Failed Jobs',
  command: (place) => `select count(*) from failed_jobs where queue = '${queueName(place)}', as queue:failed lists them; jobs that wait`,
  timeout: { minutes: 1, because: 'two queries with their own time limit' },
  find: (on, { place }) => on.countFailedJobs({ place }),
});

const inspectFailedJob = diagnostic({
  title: 'Inspect Failed Job',
  // The text shows one; which one says little. By exception they show how many causes there are.
  command: (place) => `select count(*) from failed_jobs where queue = '${queueName(place)}' group by job and exception`,
  timeout: { minutes: 1, because: 'one query with its own time limit' },
  find: (on, { place }) => on.inspectFailedJobs({ place }),
});

const checkQueueWorkers = diagnostic({
  title: 'Check Queue Workers',
  command: () => 'ps aux | grep queue:work; supervisorctl status',
  timeout: { minutes: 1, because: 'two commands' },
  find: (on, { place }) => on.checkQueueWorkers({ place }),
});

const askWorkersToRestart = queueRestartAct();

const restartQueueWorkers = step({
  title: 'Restart Queue Workers',
  acts: [
    {
      ...askWorkersToRestart,
      async do(on, scene, onHost) {
        // By the host's clock, which tells the age of its processes.
        const { data } = await on.checkQueueWorkers({ place: scene.place });
        const result = await askWorkersToRestart.do(on, scene, onHost);
        if (result.outcome === 'done') scene.facts['restartedAt'] = data.at;
        return result;
      },
    },
    act({
      name: 'Restart the workers through their supervisor',
      risk: 'disruptive',
      command: ({ host }) => `sudo supervisorctl restart <workers of ${host}>, as the config says`,
      when: {
        says: 'the workers do not all run, or did not start anew after queue:restart',
        holds: (on, scene) => on.workersNeedSupervisor({ place: scene.place, since: factsOf(scene).restartedAt ?? 0 }),
      },
      touches: (place) => [...queue(place), `service:workers@${place.host}`],
      budget: ({ host }) => `restart:${host}/workers`,
      settle: 'restart',
      timeout: { minutes: 4, because: 'supervisor lets each worker end its job first' },
      async look(on, { place, lastActAt }) {
        const { done, evidence } = await on.serviceStartedSince({ place, service: 'workers', since: lastActAt });
        return done ? { outcome: 'done', evidence } : undefined;
      },
      do: (on, { place }) => on.restartWorkers({ place }),
    }),
  ],
});

/** Ids of one call of artisan, as the activity bounds them. */
const batch = 50;

/**
 * One job of each kind first; the rest of a kind only if its first one passed. By queue and id: `queue:retry all` would take other
 * queues' jobs along. A kind whose first one fails again is left as it is, and is a case for the Backend Engineer.
 */
async function retry(on: On, scene: Scene, age: 'young' | 'old'): Promise<ActResult> {
  const { place } = scene;
  const facts = factsOf(scene);
  const failedAgain = [...(facts.failedAgain ?? [])];
  const plan = await on.planRetry({ place, age, except: failedAgain });
  if (plan.groups.length === 0) return { outcome: 'refused', evidence: `no failed jobs ${age === 'young' ? 'of the last 24 h' : 'older than 24 h'} to retry` };
  facts.retryAfterMs = plan.retryAfterMs;
  const given = Math.max(plan.retryAfterMs, minutes(5, scene));
  const retried: string[] = [];
  const note = (result: RetryResult): string[] => {
    retried.push(...result.retried);
    facts.retried = [...new Set([...(facts.retried ?? []), ...result.retried])];
    facts.retriedAt = Date.now();
    return result.retried;
  };

  const firsts = await on.retryJobs({ place, ids: plan.groups.map(({ first }) => first) });
  if (note(firsts).length === 0) return firsts;
  const patient = waiting(place.host, 'Do the first ones pass?', given + minutes(10, scene) + 10 * 60_000);
  const seen = await patient.followJobs({ place, ids: firsts.retried, until: Date.now() + given, every: lookEvery(scene) });
  failedAgain.push(...seen.failedAgain);
  const passing = plan.groups.filter(({ first }) => firsts.retried.includes(first) && !seen.failedAgain.includes(first) && !seen.waiting.includes(first));
  const rest = passing.flatMap((group) => group.rest);
  for (let from = 0; from < rest.length; from += batch) {
    const before = retried.slice(-batch);
    note(await on.retryJobs({ place, ids: rest.slice(from, from + batch) }));
    // What went back before has had some time: more of it failing than not means that the first one was an exception.
    const { failedAgain: again } = from === 0 ? { failedAgain: [] } : await on.followJobs({ place, ids: before, until: 0, every: lookEvery(scene) });
    failedAgain.push(...again.filter((id) => !failedAgain.includes(id)));
    if (again.length > before.length / 2) break;
  }
  facts.failedAgain = failedAgain;

  const failing = plan.groups.filter(({ first }) => seen.failedAgain.includes(first)).map(({ what }) => what);
  const lines = [
    `${retried.length} jobs of ${queueName(place)} retried: one of each of ${plan.groups.length} kinds first, ${passing.length} passed`,
    ...(failing.length > 0 ? [`failed again: ${failing.join('; ')}`] : []),
    ...(seen.waiting.length > 0 ? [`${seen.waiting.length} first ones were not done within ${Math.round(given / 1_000)} s: no worker takes them`] : []),
    ...(plan.left > 0 ? [`${plan.left} more than one run retries are left`] : []),
  ];
  const evidence = lines.join('\n').slice(0, 2_000);
  if (failedAgain.length === 0) return { outcome: 'done', evidence };
  return { outcome: passing.length > 0 ? 'done' : 'failed', evidence, pageEarly: `retried jobs of ${queueName(place)} failed again: ${failing.join('; ') || `${failedAgain.length} jobs`}`.slice(0, 500) };
}

const retryTimeout = { minutes: 30, because: 'one of each kind is waited for, then up to 1 000 go back in batches of 50' };

const retryFailedJobs = step({
  title: 'Retry Failed Jobs',
  acts: [
    act({
      name: 'Retry the jobs that failed in the last 24 h',
      risk: 'safe',
      command: (place) => `php artisan queue:retry <ids of ${queueName(place)}>: one of each kind first, then the rest of those that pass, 50 at a time`,
      when: { says: 'jobs of this queue failed in the last 24 h' },
      touches: (place) => [...queue(place), ...failedJobs(place)],
      timeout: retryTimeout,
      do: (on, scene) => retry(on, scene, 'young'),
    }),
    act({
      name: 'Retry older failed jobs',
      // What they send is late by days, and can't be called back: a person is asked.
      risk: 'disruptive',
      command: (place) => `php artisan queue:retry <ids of ${queueName(place)} that failed more than 24 h ago>, in the same way`,
      when: {
        says: 'jobs of this queue failed more than 24 h ago',
        async holds(on, { place }) {
          const { data, evidence } = await on.countFailedJobs({ place });
          return { holds: data.olderThanADay > 0, why: evidence };
        },
      },
      touches: (place) => [...queue(place), ...failedJobs(place)],
      timeout: retryTimeout,
      do: (on, scene) => retry(on, scene, 'old'),
    }),
  ],
});

/** Exported, then deleted by queue and row. A cleared job has not passed: it is not followed any more, and the report says so. */
async function clear(on: On, scene: Scene, olderThanHours: number): Promise<ActResult> {
  const { place } = scene;
  const facts = factsOf(scene);
  const name = queueName(place);
  const kept = await on.exportFailedJobs({ place, queue: name });
  if (!kept.exported) return kept;
  const { cleared, ...result } = await on.clearFailedJobs({ place, queue: name, exported: kept.exported, olderThanHours, followed: facts.retried ?? [] });
  facts.retried = (facts.retried ?? []).filter((id) => !cleared.includes(id));
  return result;
}

const clearTimeout = { minutes: 10, because: 'an export of all failed jobs, read back, then one statement' };

const clearFailedJobs = step({
  title: 'Clear Failed Jobs',
  acts: [
    act({
      name: 'Clear failed jobs older than 24 hours',
      risk: 'destructive',
      // `queue:prune-failed`, as the text has it, knows no queue.
      command: (place) => `delete from failed_jobs where queue = '${queueName(place)}' and failed more than 24 hours ago (after an export to the archive)`,
      when: {
        says: 'there are such jobs',
        async holds(on, { place }) {
          const { data, evidence } = await on.countFailedJobs({ place });
          return { holds: data.olderThanADay > 0, why: evidence };
        },
      },
      touches: failedJobs,
      timeout: clearTimeout,
      do: (on, scene) => clear(on, scene, 24),
    }),
    act({
      name: 'Clear all failed jobs of the queue',
      risk: 'destructive',
      offeredLast: true, // what is left may still be cured by somebody
      command: (place) => `delete from failed_jobs where queue = '${queueName(place)}' (after an export to the archive)`,
      when: {
        says: 'jobs failed again when they were retried, and are still there',
        async holds(on, scene) {
          const { data, evidence } = await on.countFailedJobs({ place: scene.place });
          const again = factsOf(scene).failedAgain?.length ?? 0;
          return { holds: data.failed > 0 && again > 0, why: `${again} retried jobs failed again; ${evidence}` };
        },
      },
      touches: failedJobs,
      timeout: clearTimeout,
      do: (on, scene) => clear(on, scene, 0),
    }),
  ],
});

const investigateRootCause = step({
  title: 'Investigate Root Cause',
  acts: [
    act({
      name: 'Check job logs',
      risk: 'observe',
      command: () => 'tail -n 200 storage/logs/laravel.log, errors and warnings',
      touches: () => [],
      timeout: { minutes: 1, because: 'the end of one file' },
      async do(on, { place }) {
        const { evidence } = await on.checkErrorLogs({ place, channel: 'laravel', most: 200 });
        return { outcome: 'done', evidence };
      },
    }),
    act({
      name: 'Test a job',
      risk: 'safe',
      command: () => 'php artisan tinker: dispatch(new TestJob()), on this queue; then wait for a worker to do it',
      touches: queue,
      settle: 'none',
      timeout: { minutes: 8, because: 'artisan boots, and the job waits for its turn' },
      async do(on, scene) {
        const { place } = scene;
        const { data } = await on.countFailedJobs({ place });
        const { id, ...dispatched } = await on.dispatchTestJob({ place });
        if (id === undefined) return dispatched;
        const given = minutes(5, scene);
        const patient = waiting(place.host, 'Is the test job done?', given + 5 * 60_000);
        return patient.followTestJob({ place, id, newestId: data.newestId, until: Date.now() + given, every: lookEvery(scene) });
      },
    }),
  ],
});

const increaseWorkerProcesses = step({
  title: 'Increase Worker Processes',
  risk: 'disruptive',
  command: ({ host }) => `numprocs in supervisor's config on ${host}, doubled and bounded by the config; supervisorctl reread; supervisorctl update`,
  when: {
    says: 'pending jobs have grown since the run began, one waits for over a minute, and client connections of the database are under 60 %',
    async holds(on, scene) {
      const { began } = factsOf(scene);
      if (!began) return { holds: false, why: 'how many were pending when the run began is not known' };
      const { holds, why, from, to } = await on.moreWorkersHelp({ place: scene.place, pendingBefore: began.pending, minute: minutes(1, scene) });
      if (from !== undefined && to !== undefined) scene.facts['workers'] = { from, to };
      return { holds, why };
    },
  },
  touches: (place) => [...queue(place), `service:workers@${place.host}`],
  settle: 'restart', // supervisor's update starts the whole group anew
  timeout: { minutes: 4, because: 'supervisor lets each worker end its job first' },
  async look(on, scene) {
    const { workers } = factsOf(scene);
    if (!workers) return undefined;
    const { done, evidence } = await on.workerCountIs({ place: scene.place, count: workers.to });
    return done ? { outcome: 'done', evidence } : undefined;
  },
  undo: {
    says: 'writes the old number of workers back by itself, if it is still ours',
    async entry(_, scene) {
      const { place } = scene;
      const { workers } = factsOf(scene);
      if (!workers) return undefined;
      return {
        kind: 'automatic',
        title: `Write numprocs = ${workers.from} back`,
        host: place.host,
        activity: 'restoreWorkerCount',
        argument: { place, ours: workers.to, old: workers.from },
        touches: [...queue(place), `service:workers@${place.host}`],
      };
    },
  },
  async do(on, scene) {
    const { workers } = factsOf(scene);
    if (!workers) return { outcome: 'refused', evidence: 'how many workers there are is not known' };
    return on.setWorkerCount({ place: scene.place, count: workers.to });
  },
});

const recovered: Proof = {
  says:
    'the retried jobs are in neither jobs nor failed_jobs after the longer of retry_after and 5 min; at most 100 failed jobs, and none more; ' +
    'pending jobs do not grow, and somebody works them off',
  async check(on, scene, window) {
    const { place } = scene;
    const facts = factsOf(scene);
    // Taken right after the act: growth is what comes after it. A retry by itself lowers the failed count, and proves nothing.
    if (facts.mark?.since !== window.since) {
      // Three tries, not as long as the proof may wait: without the database nothing is proven.
      const { data } = await reading(place.host, 'The queue at this moment', 1).countFailedJobs({ place });
      facts.mark = { since: window.since, at: Date.now(), newestId: data.newestId, pending: data.pending, failed: data.failed };
      facts.began ??= facts.mark;
    }
    const { mark, began, retried = [], retriedAt = 0, retryAfterMs = 0 } = facts;
    const isFirst = began?.since === window.since;
    const followUntil = retried.length > 0 ? retriedAt + Math.max(retryAfterMs, minutes(5, scene)) : 0;
    const judgedFrom = Math.max(followUntil, mark.at + scene.times.settle);
    // A single look does not wait: before anything can have grown it says nothing.
    if (window.samples === 1 && window.every === 0 && Date.now() < judgedFrom) {
      return { kind: 'unknown', evidence: `too early to tell: growth is judged from ${new Date(judgedFrom).toISOString()} on` };
    }
    // Waiting makes no failed jobs fewer.
    const notBefore = isFirst && mark.failed > tooMany ? window.notBefore : Math.max(window.notBefore, judgedFrom);
    return on.proveQueue({
      place,
      failedAtMost: tooMany,
      before: { newestId: mark.newestId, pending: mark.pending },
      retried,
      minute: minutes(1, scene),
      ...(isFirst ? { lookBack: minutes(5, scene) } : {}),
      window: { ...window, notBefore },
    });
  },
};

/** "Failed Queue Jobs" as data, with what RUNBOOKS.md says around its steps. */
export const failedQueueJobsProcedure: Procedure = {
  type: 'failedQueueJobs',
  title: 'Failed Queue Jobs',
  severity: 'Medium',
  target: 'queue',
  triggers: ['>100 failed jobs in queue', 'Queue health check degraded', 'Critical jobs failing repeatedly'],
  impact: ['Delayed email notifications', 'Delayed webhook deliveries', 'Delayed data processing', 'Potential data loss'],
  prevention: ['Monitor queue length', 'Set up job timeout handling', 'Implement job retry logic', 'Use dedicated queue workers'],
  ladder: { besides: [], told: [], levels: [{ afterMinutes: 60, role: 'Backend Engineer' }] },
  diagnose: [checkQueueHealth, countFailedJobs, inspectFailedJob, checkQueueWorkers],
  resolve: [restartQueueWorkers, retryFailedJobs, clearFailedJobs, investigateRootCause, increaseWorkerProcesses],
  recovered,
};

/** Failed Queue Jobs: docs/runbooks.md#failed-queue-jobs. */
export async function failedQueueJobs(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...failedQueueJobsProcedure.diagnose);
  await run.resolveUntil(recovered, failedQueueJobsProcedure.resolve);
  await run.end();
}
