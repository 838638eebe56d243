import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failedJobs, queueOverwhelmed, queuePoisonJobs, queueStaleWorkers } from '../../sandbox/faults/queue-jobs.js';
import { failedQueueJobsProcedure as runbook } from '../../src/workflows/failed-queue-jobs.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld, type RunOptions } from '../support/runbook-world.js';

let world: RunbookWorld;
const young = 'Retry the jobs that failed in the last 24 h';
const old = 'Retry older failed jobs';
const clearAll = 'Clear all failed jobs of the queue';

beforeAll(async () => {
  world = await openRunbookWorld({ queueWorkers: 1, retryAfter: 1 });
});
afterAll(() => world?.close());
afterEach(async () => {
  // An open incident goes on with its checks and its next run, and would meet the next test.
  await world.world.endIncidents();
  await world.setMode('automatic', 'global');
  await world.authos.sql('truncate jobs, failed_jobs');
});

const run = (options: RunOptions = {}) => world.run(runbook, { place: { name: 'default' }, ...options });

const failed = async (queue = 'default'): Promise<number> => (await world.authos.sql('select 1 from failed_jobs where queue = $1', [queue])).length;
const exports = (): Promise<string[]> => readdir(join(world.authos.archive, 'failed-jobs')).catch(() => []);

describe('failed queue jobs', () => {
  it('restarts workers that run with an old config, and retries what failed: each job once, the old ones only if a person wants it', async () => {
    const fault = queueStaleWorkers({ jobs: 105 });
    await fault.put(world.authos);
    const { view } = await run({ answers: (act) => (act === old ? 'approve' : 'decline') });
    expect(view.runs[0]?.end).toBe('recovered');
    expect(outcomeOf(view, young)).toContain('105 jobs of default retried: one of each of 1 kinds first, 1 passed');
    expect(outcomeOf(view, old)).toContain('3 jobs of default retried');
    expect(view.asks.map(({ act }) => act)).toEqual([old]);
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it('pages the Backend Engineer early when retried jobs fail again, and deletes nothing without an answer', async () => {
    await queuePoisonJobs({ jobs: 103 }).put(world.authos);
    await failedJobs(world.authos, { queue: 'default', count: 2, job: 'App\\Jobs\\TestJob', exception: 'RuntimeException: gone', age: '30 hours' });
    const before = (await exports()).length;
    const { view } = await run({
      answers: (act) => (act === clearAll ? undefined : 'decline'),
      times: { approvalExpires: 1_500 },
      until: ({ level, runs }) => level >= 2 && runs[0]?.endedAt !== undefined,
    });
    expect(outcomeOf(view, young)).toContain('failed: 1 jobs of default retried');
    expect(outcomeOf(view, old)).toContain('skipped declined');
    expect(outcomeOf(view, 'Clear failed jobs older than 24 hours')).toContain('skipped declined');
    expect(outcomeOf(view, 'Test a job')).toContain('a worker has done the test job');
    expect(outcomeOf(view, clearAll)).toContain('skipped expired');
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(view.timeline.filter(({ what }) => what === 'escalate').map(({ text }) => text).join()).toContain('failed again');
    expect([await failed(), await failed('mail'), (await exports()).length]).toEqual([105, 4, before]);
  });

  it('clears what fails for good on approval, by queue and after an export, and is recovered by what comes after', async () => {
    const fault = queuePoisonJobs({ jobs: 103 });
    await fault.put(world.authos);
    const { view } = await run({ answers: (act) => (act === clearAll ? 'approve' : 'decline') });
    expect(outcomeOf(view, clearAll)).toContain('103 failed jobs of default deleted, exported before');
    expect(view.runs[0]?.end).toBe('recovered');
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it('adds workers for a backlog that grows, and takes their number back before the watch', async () => {
    const fault = queueOverwhelmed({ jobs: 8 });
    await fault.put(world.authos);
    // Real jobs need more of a minute than 60 ms.
    const { view } = await run({
      answers: (act) => (act === 'Increase Worker Processes' ? 'approve' : 'decline'),
      times: { minute: 1_000, settle: 2_500, settleRestart: 10_000 },
      until: ({ runs, undos }) => runs[0]?.endedAt !== undefined && undos.every(({ state }) => state === 'done' || state === 'failed'),
    });
    expect(outcomeOf(view, 'Increase Worker Processes')).toContain('numprocs of authos-workers: 1 → 2; 2 run');
    expect(view.undos).toMatchObject([{ title: 'Write numprocs = 1 back', state: 'done' }]);
    expect(view.runs[0]?.end).toBe('recovered');
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it.each(['observe-only', 'dry-run'] as const)('%s: looks, says what it would do, and changes nothing', async (mode) => {
    await queuePoisonJobs({ jobs: 101 }).put(world.authos);
    const { newest } = (await world.authos.sql<{ newest: string }>('select max(id)::text as newest from failed_jobs'))[0]!;
    await world.setMode(mode, 'global');
    const { view } = await run();
    expect(view.runs[0]?.end).toBe('observed');
    expect(view.asks).toEqual([]);
    expect(outcomeOf(view, young)).toContain('would run php artisan queue:retry');
    expect(outcomeOf(view, 'Test a job')).toContain('skipped mode');
    expect(await world.authos.sql('select max(id)::text as newest from failed_jobs')).toEqual([{ newest }]);
    expect(await failed()).toBe(101);
  });

  it('claims nothing while the database is down', async () => {
    await world.authos.supervisor?.stop();
    await world.authos.postgres.stop();
    try {
      const { view } = await run({ answers: () => 'decline' });
      expect(view.runs[0]?.end).toBe('unrecovered');
      expect(outcomeOf(view, young)).toContain('failed');
      expect(outcomeOf(view, 'Increase Worker Processes')).toContain('skipped condition does not hold');
    } finally {
      await world.authos.postgres.restart();
      await world.authos.supervisor?.start();
    }
  });
});
