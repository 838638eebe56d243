import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { runbooks } from './catalogue.js';
import { automationNames } from './catalogue/plain.js';
import { ConfigError, loadConfig } from './config.js';
import { createLogger } from './log.js';
import { UsageError } from './usage-error.js';
import { allRoles } from './workers/roles.js';

const help = `Usage: npm start

Runs the HTTP server and every worker of the config (RESPONDER_CONFIG, else ./responder.yaml), each as a process of its own,
until SIGTERM or SIGINT. One that ends is started again. In production each may run by itself: see docs/operations.md.`;

/** Longer than the workers' own grace time (src/workers/build.ts). */
const stopWithinMs = 150_000;
const startAgainAfterMs = 2_000;

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) return console.log(help);
  const [unknown] = process.argv.slice(2);
  if (unknown !== undefined) throw new UsageError(`npm start takes no ${unknown}: everything is in the config (--help says more)`);
  const config = loadConfig({ catalogue: automationNames(runbooks) });
  const logger = createLogger(config);
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort());
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const program = (name: string): string => fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));

  async function keep(name: string, args: string[]): Promise<void> {
    let first = true;
    while (!stopping.signal.aborted) {
      const child = execa(process.execPath, [...process.execArgv, ...args], {
        stdin: 'ignore',
        stdout: 'inherit',
        stderr: 'inherit',
        reject: false,
        // Its own listeners finish what it does; we only pass the signal on.
        cleanup: true,
        cancelSignal: stopping.signal,
        forceKillAfterDelay: stopWithinMs,
      });
      const { exitCode, signal } = await child;
      if (stopping.signal.aborted) return;
      // A wrong config or a taken port will not get better by itself.
      if (exitCode === 2 || (first && exitCode !== 0)) {
        process.exitCode = exitCode ?? 1;
        return stopping.abort();
      }
      first = false;
      logger.error({ name, exitCode, signal }, 'ended, and is started again');
      await new Promise((resolve) => setTimeout(resolve, startAgainAfterMs));
    }
  }

  await Promise.all([keep('server', [program('server')]), ...allRoles(config).map((role) => keep(role, [program('worker'), role]))]);
}

main().catch((error: unknown) => {
  const wrong = error instanceof ConfigError || error instanceof UsageError;
  console.error(wrong ? error.message : error);
  process.exit(wrong ? 2 : 1);
});
