import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDown } from '../../sandbox/faults/index.js';
import { queueOverwhelmed, queueWorkersStopped } from '../../sandbox/faults/queue-jobs.js';
import { cacheSystemFailureProcedure } from '../../src/workflows/cache-system-failure.js';
import { failedQueueJobsProcedure } from '../../src/workflows/failed-queue-jobs.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';
import { hostNames, moments, playDeaths, type Death } from '../support/worker-death.js';

let world: RunbookWorld;
beforeAll(async () => {
  world = await openRunbookWorld({ queueWorkers: 1, retryAfter: 1 }, { worker: false, moreHosts: hostNames });
});
afterAll(() => world?.close());

const pids = async (): Promise<unknown> => [...(world.authos.supervisor?.pids ?? [])];
const queue = { runbook: failedQueueJobsProcedure, options: { place: { name: 'default' }, times: { budgetWindow: 1 } } } satisfies Partial<Death>;
const cache = { runbook: cacheSystemFailureProcedure, act: 'Restart Cache Service', activity: 'restartService', options: { place: { name: 'redis' }, times: { budgetWindow: 1 } }, effect: async () => world.authos.valkey.pid } satisfies Partial<Death>;
const workers = { ...queue, act: 'Restart the workers through their supervisor', activity: 'restartWorkers', effect: pids } satisfies Partial<Death>;

describe('services, their worker killed', () => {
  it.each(moments)('%s a restart of the cache, and of the queue workers: each has started once', async (moment) => {
    await Promise.all([cacheDown().put(world.authos), queueWorkersStopped({ jobs: 10 }).put(world.authos)]);
    await playDeaths(world, [{ ...cache, moment }, { ...workers, moment }]);
  });

  it.each(moments)('%s more workers were started: there are two, not four, and their number is taken back', async (moment) => {
    await queueOverwhelmed({ jobs: 8 }).put(world.authos);
    // Real jobs need more of a minute than 60 ms.
    const times = { minute: 1_000, settle: 2_500, settleRestart: 5_000, budgetWindow: 1 };
    const [view] = await playDeaths(world, [{ ...queue, act: 'Increase Worker Processes', activity: 'setWorkerCount', moment, goesOn: true, effect: pids, options: { ...queue.options, times } }]);
    expect(view?.undos).toMatchObject([{ title: 'Write numprocs = 1 back' }]);
  });
});
