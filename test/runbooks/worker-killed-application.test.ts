import { afterAll, beforeAll, describe, it } from 'vitest';
import { badDeployment } from '../../sandbox/faults/bad-deployment.js';
import { highErrorRateProcedure } from '../../src/workflows/high-error-rate.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';
import { playDeaths } from '../support/worker-death.js';

let world: RunbookWorld;
beforeAll(async () => {
  world = await openRunbookWorld({}, { worker: false });
});
afterAll(() => world?.close());

describe('the application, its worker killed', () => {
  it('after the application was restarted, where no manager says when PHP started: nobody knows, so it is not restarted again', async () => {
    await badDeployment().put(world.authos);
    const times = { minute: 6_000, settle: 1_500, settleRestart: 1_500 };
    await playDeaths(world, [
      { runbook: highErrorRateProcedure, act: 'Restart the application', activity: 'restartApplication', moment: 'after', ends: 'unknown', effect: async () => world.authos.restarts, options: { place: { name: 'production' }, times } },
    ]);
  });
});
