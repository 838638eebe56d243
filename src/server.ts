import { runbooks } from './catalogue.js';
import { automationNames, plainRunbook } from './catalogue/plain.js';
import { ConfigError, loadConfig } from './config.js';
import { serve } from './http/serve.js';
import { createLogger } from './log.js';
import { openTraces } from './telemetry/traces.js';

async function main(): Promise<void> {
  const config = loadConfig({ catalogue: automationNames(runbooks) });
  const logger = createLogger(config);
  const traces = await openTraces(config.traces, logger);
  const server = await serve({ config, runbooks: runbooks.map(plainRunbook), logger, traces });
  const stop = (signal: string): void => {
    logger.info({ signal }, 'closing');
    server.close().then(() => traces.close()).catch((error: unknown) => {
      logger.error({ err: error }, 'could not close');
      process.exitCode = 1;
    });
  };
  // On, not once: a second signal must not kill what the first one lets finish.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  // A wrong config is told in words; a stack would bury them.
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
});
