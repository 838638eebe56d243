import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import { controlActivities } from '../../src/activities/control.js';
import { doctorChannelActivities } from '../../src/activities/doctor-channels.js';
import { neighbourActivities } from '../../src/activities/neighbours.js';
import { pageActivities } from '../../src/activities/pages.js';
import { logChannel } from '../../src/channels/log.js';
import { webhookChannel } from '../../src/channels/webhook.js';
import { holders, standardRoles } from '../../src/roster/roster.js';
import { incidentWorker, pageWorker } from '../../src/workers/build.js';
import { workflowBundle } from '../../src/workers/bundle.js';
import { dieWithParent } from './die-with-parent.js';

/*
 * A process of its own with the workers of incidents and pages, to be killed: `node paging-worker.ts <address of Temporal>
 * <address of a webhook>`. Everybody on call is told there. Says `ready` when it begins to look for work.
 */
dieWithParent();
Runtime.install({ logger: new DefaultLogger('ERROR') });
const [address = '', url = ''] = process.argv.slice(2);
const connection = await NativeConnection.connect({ address });
const client = new Client({ connection: await Connection.connect({ address }) });
const webhook = webhookChannel({ receivers: { everybody: { url, secrets: [`whsec_${Buffer.alloc(32, 'k').toString('base64')}`] } } });
const roles = { ...standardRoles, '24/7 Hotline': ['hotline'] };
const people = Object.fromEntries(Object.values(roles).flat().map((id) => [id, { name: id, contacts: [{ webhook: 'everybody' }] }]));
const paging = { people, channels: [webhook], log: logChannel({ logger: pino({ enabled: false }) }), holders: (role: Parameters<typeof holders>[1], at: number) => holders({ roles }, role, at) };
const nowhere = async (): Promise<never> => Promise.reject(new Error('not here'));
const { bar, holdRisky, letIn } = controlActivities({ client });
const neighbours = neighbourActivities({ client });
// In this thread: a process that is killed so often should start soon.
const parts = { connection, namespace: 'default', inThisThread: true as const };
const workers = await Promise.all([
  incidentWorker(parts, await workflowBundle('incidents'), neighbours),
  pageWorker(parts, { ...pageActivities(paging), ...doctorChannelActivities(paging), ...neighbours, pingOutside: nowhere, countCanary: nowhere, storeReport: nowhere, pageHeld: nowhere, handOn: nowhere, bar, holdRisky, letIn }),
]);
process.stdout.write('ready\n');
await Promise.all(workers.map((worker) => worker.run()));
