import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { readReport, reportsSince } from '../activities/reports.js';
import type { PlainRunbook } from '../catalogue/plain.js';
import { signingSeed } from '../config.js';
import type { Config } from '../config.js';
import { doctorOf } from '../doctor/examine.js';
import { createMetrics } from '../metrics.js';
import { buildServer } from './build-server.js';
import { fetchText } from './fetch-text.js';
import type { Fetch } from '../alerts/sns.js';
import type { Traces } from '../telemetry/traces.js';
import { lazyConnection } from '../lazy-connection.js';
import { dataConverterOf, sealingOf } from '../payloads/encryption.js';
import { waysToTell } from '../workers/ways-to-tell.js';
import { registerCanary } from '../setup/canary.js';
import { patrolPlan, registerPatrol } from '../setup/patrol.js';
import { keepTrying } from '../setup/keep-trying.js';
import { publicKeyOf } from '../domain/signing.js';
import type { Incidents, Reports } from './incidents.js';
import { ownPages } from './own-pages.js';
import { silencing } from './silencing-intake.js';
import { openSpool } from './spool.js';
import { spooledIntake } from './spooled-intake.js';
import { temporalIncidents } from './temporal-incidents.js';
import { temporalSilences } from './temporal-silences.js';

/** Folder of the stored reports. */
export function reportsFolder({ state }: Pick<Config, 'state'>): string {
  return join(state, 'reports');
}

/** A running server. */
export interface Serving {
  /** `http://127.0.0.1:8080`. */
  url: string;
  /** Takes no new requests, finishes those in flight, closes the spool and ends the connection to Temporal. A repeat is safe. */
  close(): Promise<void>;
}

/**
 * Builds the parts, listens, and resolves when requests are taken. Temporal need not be up: the connection is made on use
 * and again after every outage; until then alerts are kept in the spool and /readyz says so. Throws if the port or the spool is taken.
 */
export async function serve({
  config,
  runbooks,
  logger,
  traces,
  fetchText: fetching = fetchText,
}: {
  config: Config;
  runbooks: readonly PlainRunbook[];
  logger: Logger;
  traces: Pick<Traces, 'client'>;
  /** For links of SNS. */
  fetchText?: Fetch;
}): Promise<Serving> {
  const seed = await signingSeed(config);
  const temporal = lazyConnection(config.temporal.connection());
  const dataConverter = dataConverterOf(config.encryption.keys);
  const client = new Client({ connection: temporal.connection, namespace: config.temporal.namespace, interceptors: traces.client, ...(dataConverter && { dataConverter }) });
  const folder = reportsFolder(config);
  const reports: Reports = { read: (id, format) => readReport(folder, id, format), since: (moment) => reportsSince(folder, moment) };
  const metrics = createMetrics();
  const { keeper, silences } = temporalSilences({ client, seed });
  const { handOver, ...inTemporal } = temporalIncidents({ client, config, seed, reports });
  const spool = await openSpool({ folder: config.spool.folder, sealing: sealingOf(config.encryption.keys) });
  const intake = spooledIntake({
    spool,
    intake: { handOver },
    page: ownPages({ config, ways: { ...waysToTell(config, logger), metrics: metrics.pages } }),
    times: config.times,
    atMost: config.spool.atMost,
    metrics,
    logger,
  });
  const incidents: Incidents = { ...inTemporal, ...silencing(intake, keeper) };
  const stopping = new AbortController();
  let registered: Promise<unknown> = Promise.resolve();
  const close = async (): Promise<void> => {
    stopping.abort();
    await app.close();
    await intake.close();
    await registered;
    await temporal.close();
  };
  const doctor = doctorOf({ client, config, runbooks, modes: () => incidents.modes() });
  const app = await buildServer({ config, runbooks, incidents, silences, reports, doctor, metrics, logger, fetchText: fetching });
  try {
    const url = await app.listen({ host: config.http.host, port: config.http.port });
    // The setup job has no config: so the server registers what depends on it, once Temporal answers.
    const register = (what: string, doing: () => Promise<string>): Promise<void> =>
      keepTrying(what, { logger, signal: stopping.signal, register: () => client.withAbortSignal(stopping.signal, () => client.withDeadline(Date.now() + 10_000, doing)) });
    registered = Promise.all([
      register('the schedule of the canary', () => registerCanary(client, config.canary)),
      register('the schedule of the patrol', () => registerPatrol(client, patrolPlan(config, [publicKeyOf(seed)]))),
    ]);
    let closing: Promise<void> | undefined;
    return { url, close: () => (closing ??= close()) };
  } catch (error) {
    await close();
    throw error;
  }
}
