import type { Client } from '@temporalio/client';
import { isGrpcCancelledError, isGrpcDeadlineError, isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError, WorkflowNotFoundError } from '@temporalio/common';
import { ApiError } from './errors.js';

/** How long each kind of call may take, in ms. */
export interface Deadlines {
  /** Accepting an alert; an alert source gives up after 10 s or so. */
  accept: number;
  /** Telling whether an accepted alert opened or joined. */
  describe: number;
  /** What a person waits for. */
  person: number;
}

export const standardDeadlines: Deadlines = { accept: 3_000, describe: 1_000, person: 5_000 };

/** Thrown by `within` when time ran out: the server or a worker did not answer. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/**
 * Runs calls to Temporal with a deadline over all of their retries. Throws OutOfTime when it passes; ApiError
 * `temporal_unreachable` when the server refuses connections or is overloaded; anything else as it is.
 */
export async function within<Result>(client: Client, ms: number, calls: () => Promise<Result>): Promise<Result> {
  const abort = AbortSignal.timeout(ms);
  const late = new Promise<never>((_resolve, reject) => {
    abort.addEventListener('abort', () => reject(new OutOfTime(`no answer in ${ms} ms`)), { once: true });
  });
  try {
    // The deadline alone would leave the pauses between the client's own retries running.
    return await Promise.race([client.withDeadline(Date.now() + ms, () => client.withAbortSignal(abort, calls)), late]);
  } catch (error) {
    if (error instanceof OutOfTime || error instanceof ApiError || error instanceof WorkflowNotFoundError) throw error;
    if (isGrpcDeadlineError(error) || isGrpcCancelledError(error)) throw new OutOfTime(`no answer in ${ms} ms`, { cause: error });
    if (isOutage(error)) throw unreachable(error);
    throw error;
  }
}

/** The error that says that Temporal can't be reached, for any cause. */
export function unreachable(cause: unknown): ApiError {
  return new ApiError('temporal_unreachable', 'Temporal can not be reached; try again', { cause });
}

/** For `catch`: throws what `make` makes of OutOfTime, and any other error as it is. */
export function outOfTimeIs(make: (cause: unknown) => ApiError): (error: unknown) => never {
  return (error) => {
    throw error instanceof OutOfTime ? make(error) : error;
  };
}

// 8 RESOURCE_EXHAUSTED, 14 UNAVAILABLE: worth another try by the caller, later.
function isOutage(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return isGrpcServiceError(cause) && (cause.code === 8 || cause.code === 14);
}

/**
 * Why an alert was not taken: `away` if nothing gets through now, be it that the server is gone, that our namespace is, or that we
 * may not enter; `for ever` if this alert never will; undefined if another try may help it.
 */
export function refusalOf(error: unknown): 'away' | 'for ever' | undefined {
  // What is not found when an alert may also open its incident is the namespace.
  if (error instanceof ApiError || error instanceof OutOfTime || error instanceof NamespaceNotFoundError || error instanceof WorkflowNotFoundError) return 'away';
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!isGrpcServiceError(cause)) return undefined;
  // 5 NOT_FOUND, 7 PERMISSION_DENIED, 12 UNIMPLEMENTED, 16 UNAUTHENTICATED; 3 INVALID_ARGUMENT, 11 OUT_OF_RANGE.
  if ([5, 7, 12, 16].includes(cause.code)) return 'away';
  return [3, 11].includes(cause.code) ? 'for ever' : undefined;
}
