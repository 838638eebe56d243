import { setTimeout as delay } from 'node:timers/promises';

/** Looks every 100 ms until it holds; after `ms` an error that names what did not happen. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  for (const giveUpAt = Date.now() + ms; Date.now() < giveUpAt; await delay(100)) if (await holds()) return;
  throw new Error(`not so in time: ${what}`);
}
