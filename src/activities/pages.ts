import { ApplicationFailure, Context } from '@temporalio/activity';
import type { PageRequest, PageResult } from '../domain/page.js';
import { pager } from './pager.js';
import type { Memory, PageParts } from './pager.js';
import { runPace } from './run-pace.js';

/** What workflows see of these activities. */
export type PageActivities = ReturnType<typeof pageActivities>;

/**
 * The activity that tells people. It needs a heartbeat timeout (10 s is right) and unlimited attempts; a retry sends only
 * what is missing, with the same keys. Its worker should set `maxHeartbeatThrottleInterval` to some 200 ms: a page accepted
 * since the last heartbeat that the SDK let through is sent again, and counted, if the worker is killed. Once some have been
 * reached for `partialAfterMs`, the request ends and names the others, so that one of them keeps nothing from being known.
 */
export function pageActivities({ partialAfterMs = 20_000, ...parts }: PageParts & { partialAfterMs?: number }) {
  const { attempt: tryOnce } = pager(parts);
  const runAfter = runPace();

  return {
    /**
     * Sends a page, question or notice to each of its people once, all at the same time. Resolves when every copy was
     * accepted, or 20 s after the first try with those who are `missing`; throws the retryable `NotEverybodyReached`, which
     * names them, until then, and for as long as nobody was reached. A repeat of the whole activity without its heartbeat
     * sends again under the same keys, and counts that in `repeats`.
     */
    async sendPage(request: PageRequest): Promise<PageResult> {
      const context = Context.current();
      const startedAt = performance.now();
      const { attempt, heartbeatDetails, scheduledTimestampMs, currentAttemptScheduledTimestampMs } = context.info;
      const remembers = isMemory(heartbeatDetails);
      const memory: Memory = remembers ? heartbeatDetails : { v: 1, copies: {} };
      // By Temporal's clock, which due times are of too.
      const serverNow = (): number => currentAttemptScheduledTimestampMs + (performance.now() - startedAt);
      const { inWords, ...result } = await tryOnce(request, memory, {
        askedAt: scheduledTimestampMs,
        // Without a memory, an earlier attempt died before it could say what it had sent.
        forgotten: attempt > 1 && !remembers ? attempt - 1 : 0,
        remember: () => context.heartbeat(memory),
        serverNow,
        signal: context.cancellationSignal,
      });
      if (context.cancellationSignal.aborted) await context.cancelled;
      const { deliveries, missing } = result;
      if (missing.length > 0 && (deliveries.length === 0 || serverNow() - scheduledTimestampMs < partialAfterMs)) {
        throw ApplicationFailure.create({
          message: `not reached yet: ${inWords.join(', ')}`,
          type: 'NotEverybodyReached',
          details: missing.map(({ person }) => person),
        });
      }
      const runFrom = runAfter(request, serverNow());
      return { ...result, ...(runFrom !== undefined && { runFrom }) };
    },
  };
}

function isMemory(details: unknown): details is Memory {
  return typeof details === 'object' && details !== null && 'v' in details && details.v === 1 && 'copies' in details;
}
