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
import type { Traces } from '../telemetry/traces.js';
import { lazyConnection } from '../lazy-connection.js';
import { dataConverterOf } from '../payloads/encryption.js';
import type { Reports } from './incidents.js';
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
  /** Takes no new requests, finishes those in flight, then ends the connection to Temporal. A repeat is safe. */
  close(): Promise<void>;
}

/**
 * Builds the parts, listens, and resolves when requests are taken. Temporal need not be up: the connection is made on use
 * and again after every outage; until then alerts are answered 503 and /readyz says so. Throws if the port is taken.
 */
export async function serve({
  config,
  runbooks,
  logger,
  traces,
}: {
  config: Config;
  runbooks: readonly PlainRunbook[];
  logger: Logger;
  traces: Pick<Traces, 'client'>;
}): Promise<Serving> {
  const seed = await signingSeed(config);
  const temporal = lazyConnection(config.temporal.connection());
  const dataConverter = dataConverterOf(config.encryption.keys);
  const client = new Client({ connection: temporal.connection, namespace: config.temporal.namespace, interceptors: traces.client, ...(dataConverter && { dataConverter }) });
  const folder = reportsFolder(config);
  const reports: Reports = { read: (id, format) => readReport(folder, id, format), since: (moment) => reportsSince(folder, moment) };
  const { keeper, silences } = temporalSilences({ client, seed });
  const incidents = temporalIncidents({ client, config, seed, reports, keeper });
  const doctor = doctorOf({ client, config, runbooks, modes: () => incidents.modes() });
  const app = await buildServer({ config, runbooks, incidents, silences, reports, doctor, metrics: createMetrics(), logger, fetchText });
  try {
    const url = await app.listen({ host: config.http.host, port: config.http.port });
    let closing: Promise<void> | undefined;
    return { url, close: () => (closing ??= app.close().then(() => temporal.close())) };
  } catch (error) {
    await app.close();
    await temporal.close();
    throw error;
  }
}
