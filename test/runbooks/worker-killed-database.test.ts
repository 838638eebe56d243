import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
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

/** Process ids of the sessions that hold a transaction and do nothing, by one of the slots that PostgreSQL keeps for its administrator. */
async function idleTransactions(): Promise<number[]> {
  const admin = new pg.Client({ connectionString: world.authos.postgres.adminUrl });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ pid: number }>("select pid from pg_stat_activity where state = 'idle in transaction' order by pid");
    return rows.map(({ pid }) => pid);
  } finally {
    await admin.end();
  }
}

const options = { times: { budgetWindow: 1 } };
const server = { runbook, activity: 'restartDatabase', effect: async () => world.authos.postgres.pid, options } satisfies Partial<Death>;

describe('Database Connection Failures, its worker killed', () => {
  it.each(['before', 'after'] as const)('%s the restart of a dead server: it starts once', async (moment) => {
    await databaseDown().put(world.authos);
    await playDeaths(world, [{ ...server, act: 'Restart Database Service', moment }]);
  });

  it('after the idle transactions were ended: none is ended twice, and what nobody saw is not called done', async () => {
    await databaseExhausted({ agedMs: 1_500 }).put(world.authos);
    await playDeaths(world, [{ runbook, act: 'Kill Long-Running Queries', activity: 'killLongQueries', moment: 'after', effect: idleTransactions, options }]);
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
