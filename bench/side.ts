import { setTimeout as delay } from 'node:timers/promises';

/** POSTs at a time. */
export const width = 8;

/** Does something for 0 … count − 1, a few at a time. */
export async function side(count: number, doing: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await doing(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Waits for what `holds`; throws after `withinMs`, with `soFar` in its words. */
export async function until(interrupted: AbortSignal, withinMs: number, holds: () => boolean, soFar: () => string): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!holds()) {
    interrupted.throwIfAborted();
    if (performance.now() > giveUpAt) throw new Error(`not all mail came within ${withinMs / 1_000} s: ${soFar()}`);
    await delay(20);
  }
}
