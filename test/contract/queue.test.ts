import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { queueSettings } from '../../src/activities/queue-tables.js';
import { inActivity, patiently } from '../activities/support.js';
import { type Application, type Applications, openApplications } from './applications.js';
import { describeWith } from './programs.js';
import { compare, onHost, type Scenario } from './scenario.js';

type Case = Scenario<Application>;

const soon = () => ({ until: Date.now() + 20_000, every: 50 });
const exitOf = async (app: Application, ...args: string[]): Promise<number> => (await app.artisan(...args)).exitCode;
const failedIds = async (app: Application): Promise<string[]> => (await app.sql<{ uuid: string }>('select uuid from failed_jobs order by id')).map(({ uuid }) => uuid);
const countsOf = async (app: Application) => ({ failed: (await failedIds(app)).length, pending: (await app.sql('select 1 from jobs')).length });
const poisonOf = ({ host }: Application): string => join(host.root, 'storage/poison');

/** Rows as a worker of the past has left them, on one queue. */
async function failedBefore(app: Application, count: number, { queue = 'default', hoursAgo = 1 } = {}): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const uuid of ids) {
    const payload = JSON.stringify({ uuid, displayName: 'App\\Jobs\\TestJob', attempts: 1, data: {} });
    await app.sql("insert into failed_jobs (uuid, connection, queue, payload, exception, failed_at) values ($1, 'database', $2, $3, 'RuntimeException: x', localtimestamp - make_interval(hours => $4))", [uuid, queue, payload, hoursAgo]);
  }
  return ids;
}

async function withWorker<T>(app: Application, act: () => Promise<T>): Promise<T> {
  const worker = await app.startWorker();
  try {
    return await act();
  } finally {
    await worker.stop();
  }
}

/** Jobs that a worker has just failed, while there was poison. */
async function poisoned(app: Application, count: number): Promise<string[]> {
  await writeFile(poisonOf(app), '');
  for (let one = 0; one < count; one += 1) await inActivity(() => app.activities.dispatchTestJob(app));
  await expect.poll(() => countsOf(app), { timeout: 20_000 }).toEqual({ failed: count, pending: 0 });
  return failedIds(app);
}

const worked: Case[] = [
  [
    'a worker does the test job and leaves nothing',
    (app) =>
      withWorker(app, async () => {
        const { outcome, id } = await inActivity(() => app.activities.dispatchTestJob(app));
        const followed = await patiently(() => app.activities.followTestJob({ ...app, id: id ?? '', newestId: '0', ...soon() }));
        return { dispatched: outcome, followed: followed.outcome, ...(await countsOf(app)) };
      }),
    { dispatched: 'done', followed: 'done', failed: 0, pending: 0 },
  ],
  [
    'a test job that fails is found by its row',
    async (app) => {
      const { newestId } = (await inActivity(() => app.activities.countFailedJobs(app))).data;
      return withWorker(app, async () => {
        await writeFile(poisonOf(app), '');
        const { id } = await inActivity(() => app.activities.dispatchTestJob(app));
        return patiently(() => app.activities.followTestJob({ ...app, id: id ?? '', newestId, ...soon() }));
      });
    },
    { outcome: 'failed', evidence: expect.stringContaining('the test job failed: RuntimeException: Poison in the storage') as string },
  ],
  [
    'what a worker fails is grouped by class and exception, and counted',
    (app) =>
      withWorker(app, async () => {
        await poisoned(app, 2);
        // Shown as outsiders' text is: with backslashes doubled.
        const { failed, othersFailed, pending } = (await inActivity(() => app.activities.countFailedJobs(app))).data;
        return { failed, othersFailed, pending, ...(await inActivity(() => app.activities.inspectFailedJobs(app))).data };
      }),
    { failed: 2, othersFailed: 0, pending: 0, groups: [{ job: 'App\\\\Jobs\\\\TestJob', exception: 'RuntimeException', count: 2 }] },
  ],
  [
    'poison jobs fail again when they are retried, under the same ids, and pass once they can',
    (app) =>
      withWorker(app, async () => {
        const ids = await poisoned(app, 2);
        const { groups } = await inActivity(() => app.activities.planRetry({ ...app, age: 'young', except: [] }));
        const retry = () => inActivity(() => app.activities.retryJobs({ ...app, ids }));
        const first = await retry();
        const again = await patiently(() => app.activities.followJobs({ ...app, ids, ...soon() }));
        await rm(poisonOf(app));
        const second = await retry();
        const cured = await patiently(() => app.activities.followJobs({ ...app, ids, ...soon() }));
        return { planned: groups.map(({ rest }) => 1 + rest.length), retried: [first.outcome, second.outcome], failedAgain: again.failedAgain.length, passed: cured.passed, ...(await countsOf(app)) };
      }),
    { planned: [2], retried: ['done', 'done'], failedAgain: 2, passed: 2, failed: 0, pending: 0 },
  ],
  [
    'workers are seen among the processes',
    (app) =>
      withWorker(app, async () => {
        await expect.poll(async () => (await inActivity(() => app.activities.checkQueueWorkers(app))).data.running, { timeout: 5_000 }).toBe(1);
        return true;
      }),
    true,
  ],
  [
    'queue:restart ends a worker, which its supervisor would start again',
    async (app) => {
      const worker = await app.startWorker();
      try {
        // It hears only of restarts after its own start, which a job that it does proves.
        const { id } = await inActivity(() => app.activities.dispatchTestJob(app));
        await patiently(() => app.activities.followTestJob({ ...app, id: id ?? '', newestId: '0', ...soon() }));
        return [await exitOf(app, 'queue:restart'), await worker.exited];
      } finally {
        await worker.stop();
      }
    },
    [0, 'exited with 0'],
  ],
  [
    'a worker that is asked to stop ends by itself',
    async (app) => {
      const worker = await app.startWorker();
      const { id } = await inActivity(() => app.activities.dispatchTestJob(app));
      await patiently(() => app.activities.followTestJob({ ...app, id: id ?? '', newestId: '0', ...soon() }));
      await worker.stop();
      return worker.exited;
    },
    'exited with 0',
  ],
];

const retried: Case[] = [
  ['queue:retry puts one back', async (app) => { const [one] = await failedBefore(app, 2); return { exit: await exitOf(app, 'queue:retry', one ?? ''), ...(await countsOf(app)) }; }, { exit: 0, failed: 1, pending: 1 }],
  ['queue:retry all puts all back, those of other queues too', async (app) => { await failedBefore(app, 2); await failedBefore(app, 1, { queue: 'mail' }); return { exit: await exitOf(app, 'queue:retry', 'all'), ...(await countsOf(app)) }; }, { exit: 0, failed: 0, pending: 3 }],
  ['queue:retry all of none exits 0', (app) => exitOf(app, 'queue:retry', 'all'), 0],
  ['queue:retry of an id that nobody knows exits 0 and does nothing', async (app) => { await failedBefore(app, 1); return { exit: await exitOf(app, 'queue:retry', randomUUID()), ...(await countsOf(app)) }; }, { exit: 0, failed: 1, pending: 0 }],
  [
    'the step retries by id, and is refused for what has not failed',
    async (app) => {
      const ids = await failedBefore(app, 2);
      const other = await failedBefore(app, 1, { queue: 'mail' });
      const ours = await inActivity(() => app.activities.retryJobs({ ...app, ids }));
      const theirs = await inActivity(() => app.activities.retryJobs({ ...app, ids: other }));
      return { ours: ours.evidence, theirs: theirs.outcome, ...(await countsOf(app)) };
    },
    { ours: 'queue:retry: 2 of 2 jobs are on default again', theirs: 'refused', failed: 1, pending: 2 },
  ],
  ['a job that is on the queue again has its attempts counted from zero', async (app) => { const ids = await failedBefore(app, 1); await inActivity(() => app.activities.retryJobs({ ...app, ids })); return app.sql('select queue, attempts, reserved_at from jobs'); }, [{ queue: 'default', attempts: 0, reserved_at: null }]],
];

const cleared: Case[] = [
  [
    'queue:prune-failed as a step deletes what is old and exported',
    async (app) => {
      await failedBefore(app, 1, { hoursAgo: 48 });
      const [young] = await failedBefore(app, 1);
      const { exported } = await inActivity(() => app.activities.exportFailedJobs(app));
      const { outcome } = await inActivity(() => app.activities.pruneFailedJobs({ ...app, hours: 24, exported: exported ?? '' }));
      return { outcome, isYoungLeft: (await failedIds(app)).join() === young };
    },
    { outcome: 'done', isYoungLeft: true },
  ],
  [
    'queue:flush as a step deletes all',
    async (app) => {
      await failedBefore(app, 3);
      const { exported } = await inActivity(() => app.activities.exportFailedJobs(app));
      return { outcome: (await inActivity(() => app.activities.flushFailedJobs({ ...app, exported: exported ?? '' }))).outcome, ...(await countsOf(app)) };
    },
    { outcome: 'done', failed: 0, pending: 0 },
  ],
  ['queue:failed exits 0 with and without failed jobs', async (app) => { const none = await exitOf(app, 'queue:failed'); await failedBefore(app, 1); return [none, await exitOf(app, 'queue:failed')]; }, [0, 0]],
  [
    'without their table nothing is listed, retried, flushed or pruned: each exits 1',
    async (app) => {
      await app.sql('alter table failed_jobs rename to away');
      try {
        return [await exitOf(app, 'queue:failed'), await exitOf(app, 'queue:retry', 'all'), await exitOf(app, 'queue:flush'), await exitOf(app, 'queue:prune-failed')];
      } finally {
        await app.sql('alter table away rename to failed_jobs');
      }
    },
    [1, 1, 1, 1],
  ],
  ['the settings of the queue are what its config says', (app) => inActivity(() => queueSettings(onHost(app.host))), { driver: 'database', retryAfterMs: 90_000, failedDriver: 'database-uuids' }],
];

describeWith(['php-cli', 'php-laravel-framework', 'php-pgsql', 'php-redis', 'postgresql', 'redis-server'], 'queue workers and failed jobs, stood in for and real', () => {
  let apps: Applications;
  beforeAll(async () => {
    apps = await openApplications();
  });
  afterAll(() => apps?.close());
  beforeEach(async () => {
    for (const app of [apps.standIn, apps.real]) {
      await app.sql('truncate jobs, failed_jobs');
      await rm(poisonOf(app), { force: true });
    }
  });

  it.each([...worked, ...retried, ...cleared])('%s', (_, act, both) => compare(apps, act, both));
});
