import { createServer } from 'node:http';
import { Runtime } from '@temporalio/worker';
import { ConfigError, loadConfig } from './config.js';
import { createLogger } from './log.js';
import { createMetrics } from './metrics.js';
import { openTraces } from './telemetry/traces.js';
import { UsageError } from './usage-error.js';
import { connect, TemporalUnreachable, workersOf } from './workers/of-role.js';
import { rolesFrom } from './workers/roles.js';
import { runtimeLogger } from './workers/runtime-logger.js';

const help = `Usage: worker [ROLE…]

Runs workers of AuthOS Responder until SIGTERM or SIGINT. Roles: incidents (pages people), runs (runbooks), host:NAME (acts
on that host; run it there, as a user that may). Without a role, all of the config's. RESPONDER_CONFIG names the config.

  worker incidents
  worker runs
  worker host:app-1`;

/** Without a listener of our own, execa's exit hook would end the process while the workers finish their work. */
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);

async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return console.log(help);
  const config = loadConfig();
  const roles = rolesFrom(args, config);
  const logger = createLogger(config).child({ roles });
  Runtime.install({
    logger: runtimeLogger(logger),
    shutdownSignals: ['SIGTERM', 'SIGINT'],
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
  });
  const metrics = createMetrics();
  const traces = await openTraces(config.traces, logger);
  const connections = await connect(config, traces);
  try {
    const workers = (await Promise.all(roles.map((role) => workersOf(role, { config, logger, metrics }, connections)))).flat();
    const scrape = await serveMetrics(metrics.registry, process.env['RESPONDER_METRICS_PORT'], process.env['RESPONDER_METRICS_HOST'] || '127.0.0.1');
    logger.info('workers run');
    await Promise.all(workers.map((worker) => worker.run()));
    scrape?.close();
  } finally {
    await connections.close();
    await traces.close();
  }
}

/** A scrape target of this process, if a port is given. Without a token: only Prometheus may reach `host`. */
async function serveMetrics(registry: { contentType: string; metrics(): Promise<string> }, port: string | undefined, host: string) {
  if (!port) return undefined;
  const server = createServer((_, response) => {
    registry.metrics().then(
      (text) => response.setHeader('content-type', registry.contentType).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(Number(port), host, resolve));
  return server;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const wrong = error instanceof ConfigError || error instanceof UsageError;
  console.error(wrong || error instanceof TemporalUnreachable ? error.message : error);
  process.exit(wrong ? 2 : 1);
});
