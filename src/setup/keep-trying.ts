import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

const tryAgainAfterMs = 30_000;

/** Registers something with Temporal, again and again until it works or `signal` is aborted, and logs what became of it. Never throws. */
export async function keepTrying(what: string, { logger, signal, register }: { logger: Logger; signal: AbortSignal; register: () => Promise<string> }): Promise<void> {
  while (!signal.aborted) {
    try {
      logger.info({ what, became: await register() }, 'registered with Temporal');
      return;
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error, what }, 'could not be registered with Temporal; it is tried again');
    }
    await pause(tryAgainAfterMs, undefined, { signal }).catch(() => undefined);
  }
}
