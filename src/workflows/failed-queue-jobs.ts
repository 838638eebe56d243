import type { RunInput } from '../domain/messages.js';
import { waiting } from './calling.js';
import { clear, factsOf, failedJobs, lookEvery, minutes, queue, queueName, retry } from './queue-jobs.js';
import { queueRecovered } from './queue-proof.js';
import { queueRestartAct } from './queue-restart.js';
import { openRun } from './run.js';
import { act, diagnostic, type Procedure, step } from './step.js';
import { increaseWorkerProcesses } from './queue-workers.js';

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
  recovered: queueRecovered,
};

/** Failed Queue Jobs: docs/runbooks.md#failed-queue-jobs. */
export async function failedQueueJobs(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...failedQueueJobsProcedure.diagnose);
  await run.resolveUntil(queueRecovered, failedQueueJobsProcedure.resolve);
  await run.end();
}
