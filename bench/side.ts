import { setTimeout as delay } from 'node:timers/promises';

/** POSTs at a time. */
export const width = 8;

/** Does something for 0 … count − 1, `wide` at a time. */
export async function side(count: number, wide: number, doing: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await doing(next++);
  };
  await Promise.all(Array.from({ length: wide }, worker));
}

/** How many a second that is, of `count` things from the start to the end of `doing`. */
export async function rateOf(count: number, doing: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await doing();
  return count / ((performance.now() - startedAt) / 1_000);
}

interface Patience {
  interrupted: AbortSignal;
  withinMs: number;
  /** Between looks. */
  everyMs?: number;
  /** What has come by then, for the error. */
  soFar?: () => string;
}

/** Waits for it. Throws an Error that says what did not come in time, or the interruption. */
export async function until(what: string, { interrupted, withinMs, everyMs = 20, soFar }: Patience, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await holds())) {
    interrupted.throwIfAborted();
    if (performance.now() > giveUpAt) throw new Error(`${what} did not come within ${withinMs / 1_000} s${soFar ? `: ${soFar()}` : ''}`);
    await delay(everyMs);
  }
}
