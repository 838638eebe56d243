import { Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import { type OutgoingHttp, outgoingHttp } from '../channels/outgoing-http.js';
import type { Config } from '../config.js';
import type { CanaryResult } from '../domain/canary.js';

/** What the metrics page shows of canaries. */
export interface CanaryMetrics {
  /** How often one flies, in ms; called once, at the start. */
  expected(everyMs: number): void;
  ended(outcome: CanaryResult['outcome']): void;
}

/** What workflows see of these activities. */
export type CanaryActivities = ReturnType<typeof canaryActivities>;

/** What a canary needs besides its page. Without `canary` in the config none flies, and both are never asked for. */
export function canaryActivities({ canary, logger, metrics }: { canary: Config['canary']; logger: Logger; metrics: CanaryMetrics }) {
  if (canary) metrics.expected(canary.every);
  const url = canary?.ping?.reveal();
  const http: OutgoingHttp | undefined = url === undefined ? undefined : outgoingHttp({ name: 'the watch outside', secrets: [url] });

  return {
    /** POSTs to the address of the watch outside, if there is one; any 2xx counts. Its failures are retried; a repeat is harmless. */
    async pingOutside(): Promise<void> {
      if (http === undefined || url === undefined) return;
      await http.post({ url, body: {}, signal: Context.current().cancellationSignal });
    },

    /** Counts how a canary ended, and logs one that failed. */
    async countCanary({ outcome, because }: CanaryResult): Promise<void> {
      metrics.ended(outcome);
      if (outcome !== 'delivered') logger.error({ outcome, because }, 'canary failed');
    },
  };
}
