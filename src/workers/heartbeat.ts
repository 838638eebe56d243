import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import type { Context } from '@temporalio/activity';

/** So often within the heartbeat timeout that the workflow asked for (src/workflows/calling.ts). */
const timesWithinTimeout = 5;
/** For an activity without a timeout: a heartbeat's answer tells it of a cancellation. */
const timeoutOtherwiseMs = 20_000;

/**
 * Heartbeats for every activity, so that a dead worker is noticed in seconds and a cancellation arrives. What an activity
 * put into its own heartbeat stays in it: a retry reads it.
 */
export function heartbeating(context: Context): { inbound: ActivityInboundCallsInterceptor } {
  return {
    inbound: {
      async execute(input, next) {
        const send = context.heartbeat.bind(context);
        let details: unknown = context.info.heartbeatDetails;
        // The SDK calls it through the context, and declares it as a read-only property.
        Object.assign(context, {
          heartbeat: (own?: unknown): void => {
            details = own;
            send(own);
          },
        });
        const timer = setInterval(() => send(details), (context.info.heartbeatTimeoutMs ?? timeoutOtherwiseMs) / timesWithinTimeout);
        try {
          return await next(input);
        } finally {
          clearInterval(timer);
        }
      },
    },
  };
}
