import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { badDeployment } from '../../sandbox/faults/bad-deployment.js';
import { certificate } from '../../sandbox/faults/certificate.js';
import { failedJobs } from '../../sandbox/faults/queue-jobs.js';
import { failedDeliveries, openHook } from '../../sandbox/faults/webhooks.js';
import { failedQueueJobsProcedure } from '../../src/workflows/failed-queue-jobs.js';
import { highErrorRateProcedure } from '../../src/workflows/high-error-rate.js';
import { sslCertificateExpiryProcedure } from '../../src/workflows/ssl-certificate-expiry.js';
import { webhookDeliveryFailuresProcedure } from '../../src/workflows/webhook-delivery-failures.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';
import { hostNames, moments, playDeaths, type Death } from '../support/worker-death.js';

let world: RunbookWorld;
let reports: string;
beforeAll(async () => {
  world = await openRunbookWorld({ queueWorkers: 1, retryAfter: 1, webhookWindow: 500 }, { worker: false, moreHosts: hostNames });
  reports = join(world.authos.root, 'storage/app/reports');
  await mkdir(reports, { recursive: true });
  await world.authos.user.own(reports);
  await badDeployment().put(world.authos);
});
afterAll(() => world?.close());

const times = { minute: 3_000, settle: 1_500, settleRestart: 1_500, budgetWindow: 1 };
const restart = { runbook: highErrorRateProcedure, act: 'Restart the application', activity: 'restartApplication', effect: async () => world.authos.restarts, options: { place: { name: 'production' }, times } } satisfies Partial<Death>;
const renewal = { runbook: sslCertificateExpiryProcedure, act: 'Force the renewal', activity: 'renewCertificate', only: { force: true }, effect: () => readFile(world.authos.https.certificate.chainFile, 'utf8') } satisfies Partial<Death>;
const disabling = {
  runbook: webhookDeliveryFailuresProcedure, act: 'Disable Problematic Webhook', activity: 'disableWebhooks', options: { place: { name: 'all' } },
  effect: () => world.authos.sql('select is_active, disabled_at from webhooks'),
} satisfies Partial<Death>;
/** The first job goes back, and the others once it has passed. */
const retry = {
  runbook: failedQueueJobsProcedure, act: 'Retry older failed jobs', activity: 'retryJobs', options: { place: { name: 'default' } }, goesOn: true, ends: 'done',
  effect: async () => (await world.authos.sql("select 1 from failed_jobs where queue = 'default'")).length,
} satisfies Partial<Death>;

describe('the application and what it deals with, the worker killed', () => {
  it.each(moments)('%s a restart that no manager tells of, a forced renewal, a disabled webhook, and a first job that was retried', async (moment) => {
    const { authos } = world;
    for (const name of await readdir(reports)) await rm(join(reports, name));
    await certificate('certificate-wrong-name').put(authos);
    await authos.sql('truncate webhook_deliveries, webhooks cascade');
    const { id, endpoint } = await openHook(authos);
    onTestFinished(() => endpoint.close());
    endpoint.behaviour = { kind: 'answers', status: 503 };
    await failedDeliveries(authos, { id }, { count: 3, status: 503, error: 'HTTP 503' });
    await failedJobs(authos, { queue: 'default', count: 105, from: moment === 'before' ? 0 : 1_000, job: 'App\\Jobs\\WriteReport', exception: 'FileNotFoundException: no folder', age: '3 days' });

    await playDeaths(world, [{ ...restart, moment }, { ...renewal, moment }, { ...disabling, moment }, { ...retry, moment }]);
    const written = await Promise.all((await readdir(reports)).map((name) => readFile(join(reports, name), 'utf8')));
    expect(written).toEqual(Array.from({ length: 105 }, () => 'written\n'));
  });
});
