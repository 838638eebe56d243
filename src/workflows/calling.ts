import { ActivityFailure, ApplicationFailure, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import { queues } from './names.js';
import type { Act, On } from './step.js';

/** A host's worker heartbeats every 5 s; one that is silent for this long has died. */
const heartbeatTimeout = '20s';
/** Nobody took it: the host's worker is down. Longer than a worker's restart. */
const scheduleToStartTimeout = '2 minutes';

/** Reading: tried again while it fails in passing, three times at most. */
export function reading(host: string, title: string, minutes: number): On {
  return proxyActivities<On>({
    taskQueue: queues.host(host),
    summary: title,
    startToCloseTimeout: minutes * 60_000,
    scheduleToStartTimeout,
    heartbeatTimeout,
    retry: { maximumAttempts: 3, initialInterval: '1s', backoffCoefficient: 2 },
  });
}

/** The longest that one call of an act may take in all, ms: its timeout, and as long again where it may be repeated. */
export function longest(act: Pick<Act, 'timeout' | 'ifWorkerDies'>): number {
  return act.timeout.minutes * 60_000 * (act.ifWorkerDies === 'repeat' ? 2 : 1) + 2 * 60_000;
}

/** Acting: once, unless a repeat is harmless (crash rule 'repeat'). */
export function acting(host: string, act: Pick<Act, 'name' | 'timeout' | 'ifWorkerDies'>): On {
  const repeatable = act.ifWorkerDies === 'repeat';
  return proxyActivities<On>({
    taskQueue: queues.host(host),
    summary: act.name,
    startToCloseTimeout: act.timeout.minutes * 60_000,
    scheduleToCloseTimeout: longest(act),
    scheduleToStartTimeout,
    heartbeatTimeout,
    retry: { maximumAttempts: repeatable ? 5 : 1, initialInterval: '1s', backoffCoefficient: 2 },
  });
}

/**
 * Waiting for something to hold: each look is one try, and waiting for the next one is a retry, which adds no events. It
 * ends at the latest after `within` ms.
 */
export function waiting(host: string, title: string, within: number): On {
  return proxyActivities<On>({
    taskQueue: queues.host(host),
    summary: title,
    startToCloseTimeout: '2 minutes',
    scheduleToCloseTimeout: within,
    heartbeatTimeout,
    retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '30s' },
  });
}

/** Whose fault it was that an activity failed, as far as an act needs to know. */
export type CallFailure = { kind: 'not taken' | 'answered' | 'died'; message: string };

/** Reads the failure of an activity call. Anything else is a bug and is thrown on. */
export function callFailure(error: unknown): CallFailure {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) {
    return cause.timeoutType === 'SCHEDULE_TO_START'
      ? { kind: 'not taken', message: 'no worker of this host took it within 2 minutes: is it up?' }
      : { kind: 'died', message: `the worker was not heard of again (${cause.timeoutType ?? 'timeout'})` };
  }
  if (cause instanceof ApplicationFailure) return { kind: 'answered', message: cause.message };
  throw error;
}
