import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Site } from '../../sandbox/drill/site.js';
import { webhookEndpointBack, webhookEndpointDown } from '../../sandbox/faults/webhooks.js';
import { climbsTo, endsUncured, failing, mitigates, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

const disable = 'Disable Problematic Webhook';
const retries = 'Set WEBHOOK_MAX_RETRIES to 3';
const down = webhookEndpointDown();

export const webhookDeliveryFailuresScenarios: Scenario[] = [
  { outcome: 'recovered', fault: webhookEndpointBack(), play: recovers() },
  { outcome: 'recovered-after-mitigation', fault: down, play: mitigates(down, { [disable]: 'approve' }) },
  { outcome: 'approval-expired', fault: webhookEndpointDown(), play: endsUncured() },
  { outcome: 'unrecovered', fault: webhookEndpointDown(), play: climbsTo(2, { [disable]: 'decline' }) },
  { outcome: 'failed-step', fault: webhookEndpointDown(), prepare: oneRetryAndNoRestart, play: endsUncured({ [retries]: 'approve', [disable]: 'decline' }) },
];

/** So the number of retries is worth a change, which then does not come into force. */
async function oneRetryAndNoRestart(site: Site): Promise<void> {
  const env = join(site.authos.root, '.env');
  await writeFile(env, (await readFile(env, 'utf8')).replace('WEBHOOK_MAX_RETRIES=3', 'WEBHOOK_MAX_RETRIES=1'));
  await failing('herd', 'PHP does not stop', 'restart')(site);
}
