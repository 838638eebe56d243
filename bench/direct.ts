import { Client } from '@temporalio/client';
import { runbooks } from '../src/catalogue.js';
import { plainRunbook } from '../src/catalogue/plain.js';
import { loadConfig, signingSeed } from '../src/config.js';
import { doctorOf } from '../src/doctor/examine.js';
import { buildServer } from '../src/http/build-server.js';
import { fetchText } from '../src/http/fetch-text.js';
import { temporalIncidents } from '../src/http/temporal-incidents.js';
import { temporalSilences } from '../src/http/temporal-silences.js';
import { lazyConnection } from '../src/lazy-connection.js';
import { createLogger } from '../src/log.js';
import { createMetrics } from '../src/metrics.js';

/*
 * The floor of the spool, `direct.ts <port>`: the product's HTTP server, whose alerts go to Temporal by signalWithStart while the
 * sender waits, without a spool, silences or coalescing.
 */

const config = loadConfig();
const seed = await signingSeed(config);
const client = new Client({ connection: lazyConnection(config.temporal.connection()).connection, namespace: config.temporal.namespace });
const reports = { read: async () => undefined, async *since() {} };
const incidents = temporalIncidents({ client, config, seed, reports });
const plain = runbooks.map(plainRunbook);
const app = await buildServer({
  config,
  runbooks: plain,
  incidents,
  reports,
  silences: temporalSilences({ client, seed }).silences,
  doctor: doctorOf({ client, config, runbooks: plain, modes: () => incidents.modes() }),
  metrics: createMetrics(),
  logger: createLogger(config),
  fetchText,
});
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
