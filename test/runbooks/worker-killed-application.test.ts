import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { badDeployment } from '../../sandbox/faults/bad-deployment.js';
import { certificate } from '../../sandbox/faults/certificate.js';
import { highErrorRateProcedure } from '../../src/workflows/high-error-rate.js';
import { sslCertificateExpiryProcedure } from '../../src/workflows/ssl-certificate-expiry.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';
import { type Death, hostNames, playDeaths } from '../support/worker-death.js';

let world: RunbookWorld;
beforeAll(async () => {
  world = await openRunbookWorld({}, { worker: false, moreHosts: hostNames });
  await badDeployment().put(world.authos);
});
afterAll(() => world?.close());

const times = { minute: 3_000, settle: 1_500, settleRestart: 1_500, budgetWindow: 1 };
const restart = { runbook: highErrorRateProcedure, act: 'Restart the application', activity: 'restartApplication', effect: async () => world.authos.restarts, options: { place: { name: 'production' }, times } } satisfies Partial<Death>;
const renewal = { runbook: sslCertificateExpiryProcedure, act: 'Force the renewal', activity: 'renewCertificate', only: { force: true }, effect: () => readFile(world.authos.https.certificate.chainFile, 'utf8') } satisfies Partial<Death>;

describe('the application and its certificate, their worker killed', () => {
  it.each(['before', 'after'] as const)('%s a restart that no manager tells of, and a forced renewal', async (moment) => {
    await certificate('certificate-wrong-name').put(world.authos);
    await playDeaths(world, [{ ...restart, moment }, { ...renewal, moment }]);
  });
});
