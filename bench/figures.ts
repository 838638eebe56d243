import { setTimeout as delay } from 'node:timers/promises';

/** The value that `share` (0–1) of the values do not exceed; NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** `p50 41 ms, p95 63 ms`. */
export function spread(values: readonly number[]): string {
  return `p50 ${percentile(values, 0.5).toFixed(0)} ms, p95 ${percentile(values, 0.95).toFixed(0)} ms`;
}

/** What has to hold: each is printed as it is measured, and all of them again at the end. */
export function openBars() {
  const all: { measured: string; wanted: string; held: boolean }[] = [];
  const line = ({ measured, wanted, held }: (typeof all)[number]): string => `  ${held ? 'held    ' : 'NOT HELD'}  ${measured} (bar: ${wanted})`;
  return {
    bar(measured: string, held: boolean, wanted: string): void {
      all.push({ measured, wanted, held });
      console.log(line({ measured, wanted, held }));
    },
    /** Prints all; the exit code, 1 if one was missed. */
    conclude(): number {
      console.log('Bars');
      for (const one of all) console.log(line(one));
      return all.every(({ held }) => held) ? 0 : 1;
    },
  };
}
export type Bars = ReturnType<typeof openBars>;

/** Does something for 0 … count − 1, `width` at a time. */
export async function side(count: number, width: number, doing: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await doing(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** How many a second that is, of `count` things from the start to the end of `doing`. */
export async function rateOf(count: number, doing: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await doing();
  return count / ((performance.now() - startedAt) / 1_000);
}

/** Waits for it. Throws an Error that says what did not come in time, or the interruption. */
export async function until(what: string, { interrupted, withinMs }: { interrupted: AbortSignal; withinMs: number }, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await holds())) {
    interrupted.throwIfAborted();
    if (performance.now() > giveUpAt) throw new Error(`${what} did not come within ${withinMs / 1_000} s`);
    await delay(20);
  }
}
