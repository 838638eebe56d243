import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { databaseDown, databaseExhausted } from '../../sandbox/faults/index.js';
import { databaseConnectionFailuresProcedure as runbook } from '../../src/workflows/database-connection-failures.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';
import { type Death, hostNames, playDeaths } from '../support/worker-death.js';

let world: RunbookWorld;
beforeAll(async () => {
  world = await openRunbookWorld({}, { worker: false, moreHosts: hostNames });
});
afterAll(() => world?.close());
afterEach(async () => {
  await writeFile(join(world.authos.postgres.dataFolder, 'postgresql.auto.conf'), '');
  await world.authos.postgres.restart(); // cuts every session that a fault has left
});

const options = { times: { budgetWindow: 1 } };
const server = { runbook, activity: 'restartDatabase', effect: async () => world.authos.postgres.pid, options } satisfies Partial<Death>;

describe('Database Connection Failures, its worker killed', () => {
  it.each(['before', 'after'] as const)('%s the restart of a dead server: it starts once', async (moment) => {
    await databaseDown().put(world.authos);
    await playDeaths(world, [{ ...server, act: 'Restart Database Service', moment }]);
  });

  it('after the restart that makes a setting count', async () => {
    await databaseExhausted({ agedMs: 1_500 }).put(world.authos);
    await playDeaths(world, [{ ...server, act: 'Restart the database, so that it counts', besides: ['Write a higher max_connections'], moment: 'after' }]);
  });

  it('before the restart that ends the pool', async () => {
    await databaseExhausted({ agedMs: 1_500 }).put(world.authos);
    await playDeaths(world, [{ runbook, act: 'Clear Connection Pool', activity: 'restartApplication', moment: 'before', effect: async () => world.authos.restarts, options }]);
  });
});
