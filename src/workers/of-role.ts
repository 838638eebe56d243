import { Client } from '@temporalio/client';
import { NativeConnection, TransportError, type Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { canaryActivities } from '../activities/canary.js';
import { controlActivities } from '../activities/control.js';
import { doctorChannelActivities } from '../activities/doctor-channels.js';
import { neighbourActivities } from '../activities/neighbours.js';
import { openingActivities } from '../activities/opening.js';
import { pageActivities } from '../activities/pages.js';
import { patrolAlertActivities } from '../activities/patrol-alerts.js';
import { reportActivities } from '../activities/reports.js';
import { silenceActivities } from '../activities/silences.js';
import { runbooks } from '../catalogue.js';
import type { Config } from '../config.js';
import { lazyConnection } from '../lazy-connection.js';
import { handshakeProblem } from '../temporal-handshake.js';
import type { Metrics } from '../metrics.js';
import { dataConverterOf } from '../payloads/encryption.js';
import { reportsFolder } from '../http/serve.js';
import type { Traces } from '../telemetry/traces.js';
import { workflowBundle } from './bundle.js';
import { hostWorker, incidentWorker, pageWorker, runWorker, type WorkerParts } from './build.js';
import { activitiesOfHost } from './host-activities.js';
import type { WorkerRole } from './roles.js';
import { waysToTell } from './ways-to-tell.js';

export interface RoleParts {
  config: Config;
  logger: Logger;
  metrics: Pick<Metrics, 'pages' | 'closes' | 'canary'>;
}

/** The connections of one worker process. */
export interface Connections {
  worker: WorkerParts;
  client: Client;
  close(): Promise<void>;
}

/** Temporal is not where config and environment say. Whoever started the worker starts it again, or sets them right. */
export class TemporalUnreachable extends Error {
  override readonly name = 'TemporalUnreachable';
}

/** Connects to Temporal as the config says; what goes through is traced by `traces`. Throws `TemporalUnreachable`. */
export async function connect(config: Config, traces: Traces): Promise<Connections> {
  const { namespace, address } = config.temporal;
  const native = await NativeConnection.connect(config.temporal.connection()).catch(async (error: unknown) => {
    if (!(error instanceof TransportError)) throw error;
    const why = (await handshakeProblem(config.temporal.connection())) ?? /message: "([^"]+)"/.exec(error.message)?.[1] ?? error.message;
    throw new TemporalUnreachable(`Temporal can't be reached at ${address}: ${why}. TEMPORAL_ADDRESS, TEMPORAL_PROFILE or temporal.address of the config says where it is.`, { cause: error });
  });
  const { connection, close } = lazyConnection(config.temporal.connection());
  const dataConverter = dataConverterOf(config.encryption.keys);
  return {
    worker: { connection: native, namespace, traces, ...(dataConverter && { dataConverter }) },
    client: new Client({ connection, namespace, interceptors: traces.client, ...(dataConverter && { dataConverter }) }),
    async close() {
      await close();
      await native.close();
    },
  };
}

/** The workers of one role, ready to run. */
export async function workersOf(role: WorkerRole, { config, logger, metrics }: RoleParts, { worker, client }: Connections): Promise<Worker[]> {
  const control = controlActivities({ client });
  const failures = worker.dataConverter ? 'encoded' : 'plain';
  if (role === 'incidents') {
    const parts = waysToTell(config, logger);
    const pages = pageActivities({ ...parts, metrics: metrics.pages });
    const canary = canaryActivities({ canary: config.canary, logger, metrics: metrics.canary });
    const reports = reportActivities({ folder: reportsFolder(config), metrics: metrics.closes });
    const neighbours = neighbourActivities({ client });
    const { bar, holdRisky, letIn } = control;
    return Promise.all([
      workflowBundle('incidents', failures).then((bundle) => incidentWorker(worker, bundle, neighbours)),
      pageWorker(worker, { ...pages, ...canary, ...doctorChannelActivities(parts), ...reports, ...neighbours, ...silenceActivities({ client, config, runbooks }), ...patrolAlertActivities({ client, config, runbooks }), bar, holdRisky, letIn }),
    ]);
  }
  if (role === 'runs') return [await runWorker(worker, await workflowBundle('runs', failures), { ...control, ...openingActivities({ client, config, runbooks }) })];
  return [await hostWorker(worker, role.slice('host:'.length), activitiesOfHost(config))];
}
