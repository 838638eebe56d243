import { setTimeout as pause } from 'node:timers/promises';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';

/** A connection to Temporal that is made on first use and made again after every outage. */
export interface LazyConnection {
  connection: Connection;
  /** Ends the connection. Call it once nothing uses it any more; takes up to a second while Temporal is away. */
  close(): Promise<void>;
}

/** Connects nothing yet. Short pauses between retries: the callers have deadlines of seconds. */
export function lazyConnection(options: ConnectionOptions): LazyConnection {
  const retries = defaultGrpcRetryOptions({ maxIntervalMs: () => 500 });
  let nextRetryAt = 0;
  let closing = false;
  const interceptor = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !closing && retries.retryableDecider(attempt, status),
    delayFunction(attempt, status) {
      const delay = retries.delayFunction(attempt, status);
      nextRetryAt = Math.max(nextRetryAt, performance.now() + delay);
      return delay;
    },
  });
  const connection = Connection.lazy({
    ...options,
    interceptors: [interceptor],
    // After a long outage the next try is within seconds, where gRPC's own pauses grow to two minutes.
    channelArgs: { 'grpc.max_reconnect_backoff_ms': 5_000, ...options.channelArgs },
  });
  return {
    connection,
    async close() {
      closing = true;
      // The client's retries outlive the calls that gave up on them; one on a closed channel would end the process.
      const left = nextRetryAt - performance.now();
      if (left > 0) await pause(left + 50);
      await connection.close();
    },
  };
}
