import { afterAll, beforeAll, describe, it } from 'vitest';
import { cacheDown } from '../../sandbox/faults/index.js';
import { queueWorkersStopped } from '../../sandbox/faults/queue-jobs.js';
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
});
