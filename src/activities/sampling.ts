import { ApplicationFailure, Context } from '@temporalio/activity';

import type { SampleWindow, Verdict } from '../domain/step.js';
import { badInput } from './known-hosts.js';

/** What survives from attempt to attempt, in the heartbeat's details. */
interface Progress {
  /** Samples in a row that said recovered. */
  recovered: number;
  /** The server's time before which this attempt can't have begun, ms since the epoch. */
  now: number;
  /** What an unfinished sample wants to know when it goes on. */
  kept?: unknown;
}

/** Where a probe is. */
export interface Sample {
  /** Samples in a row before this one. */
  number: number;
  /** What `LookAgain` kept of this very sample. */
  kept?: unknown;
}

/** Thrown by a probe that has to wait in the middle of its sample, for a rate limit: it is called again, with `kept`, after that time. */
export class LookAgain extends Error {
  readonly afterMs: number;
  readonly kept: unknown;

  constructor(message: string, afterMs: number, kept: unknown) {
    super(message);
    this.afterMs = afterMs;
    this.kept = kept;
  }
}

/**
 * Probes until `window.samples` samples in a row, `window.every` ms apart and none before `window.notBefore`, have said
 * recovered; the first other verdict ends it at once, except 'mitigated' under `window.whileMitigated`. A probe that throws
 * is 'unknown' in the error's words.
 *
 * It waits by failing: each wait is a retryable failure with its own delay, which costs no events and no worker slot and
 * is skipped by a test server's clock. So the activity needs unlimited attempts and a heartbeat timeout, and its time is
 * bounded by schedule-to-close alone. A worker that dies loses at most the count of samples: they begin again.
 */
export async function sampled(window: SampleWindow, probe: (sample: Sample) => Promise<Verdict>): Promise<Verdict> {
  if (!(window.samples >= 1) || !(window.every >= 0)) {
    throw badInput(`a window of ${window.samples} samples, ${window.every} ms apart, can't be judged`);
  }
  const context = Context.current();
  const progress = progressIn(context.info.heartbeatDetails);
  // The server's clock, not Date.now(): the window was made by a workflow, whose clock a test server skips. The time in
  // `info` is this attempt's on a real server, but the last attempt's end on a test server: so the promise of the last
  // attempt counts too. Both may only be too early, which waits longer and judges nothing too soon.
  const now = Math.max(context.info.currentAttemptScheduledTimestampMs, progress.now);
  const again = (message: string, delay: number, recovered: number, kept?: unknown): ApplicationFailure => {
    context.heartbeat({ recovered, now: now + delay, ...(kept === undefined ? {} : { kept }) } satisfies Progress);
    // Benign: waiting is no problem of the worker's, and no line in its log.
    return ApplicationFailure.create({
      message,
      type: 'NextSample',
      nonRetryable: false,
      nextRetryDelay: Math.max(1, delay),
      category: 'BENIGN',
    });
  };
  if (now < window.notBefore) {
    const until = new Date(window.notBefore).toISOString();
    throw again(`waits until ${until}, so that things have settled`, window.notBefore - now, progress.recovered);
  }
  const verdict = await judged(() => probe({ number: progress.recovered, kept: progress.kept }));
  if (verdict instanceof LookAgain) throw again(verdict.message, verdict.afterMs, progress.recovered, verdict.kept);
  if (window.whileMitigated === true && verdict.kind === 'not recovered' && verdict.mitigated === true) {
    throw again(`still mitigated: ${verdict.evidence}`, window.every, 0);
  }
  if (verdict.kind !== 'recovered') return verdict;
  const recovered = progress.recovered + 1;
  if (recovered < window.samples) {
    throw again(`sample ${recovered} of ${window.samples}: ${verdict.evidence}`, window.every, recovered);
  }
  const count = window.samples === 1 ? '1 sample' : `${window.samples} samples in a row, ${window.every / 1000} s apart`;
  return { kind: 'recovered', evidence: `${count}; the last: ${verdict.evidence}` };
}

async function judged(probe: () => Promise<Verdict>): Promise<Verdict | LookAgain> {
  try {
    return await probe();
  } catch (error) {
    if (error instanceof LookAgain) return error;
    // A cancelled activity has no verdict: its run has been stopped.
    if (Context.current().cancellationSignal.aborted) throw error;
    // A wrong inventory stays wrong: it ends the activity rather than being reported as a probe's answer.
    if (error instanceof ApplicationFailure && error.nonRetryable === true) throw error;
    return { kind: 'unknown', evidence: error instanceof Error ? error.message : String(error) };
  }
}

function progressIn(details: unknown): Progress {
  const before: Partial<Record<keyof Progress, unknown>> = typeof details === 'object' && details !== null ? details : {};
  const figure = (value: unknown) => (typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0);
  return { recovered: figure(before.recovered), now: figure(before.now), kept: before.kept };
}
