import { setTimeout as delay } from 'node:timers/promises';
import type { Authos } from '../authos/authos.js';

/** GET with the monitoring token: the status, or 0 without an answer. */
export async function request(authos: Authos, path: string): Promise<number> {
  try {
    const signal = AbortSignal.any([authos.closing, AbortSignal.timeout(10_000)]);
    const response = await fetch(authos.url + path, { headers: { authorization: `Bearer ${authos.inventory().api.token}` }, signal });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0; // a restart, or the end
  }
}

/** Users who keep asking for a path until the sandbox stops, each `perSecond` times at most. */
export function keepRequesting(authos: Authos, path: string, { users, perSecond }: { users: number; perSecond: number }): void {
  const loop = async (): Promise<void> => {
    while (!authos.closing.aborted) {
      await request(authos, path);
      await delay(1_000 / perSecond, undefined, { signal: authos.closing, ref: false }).catch(() => undefined);
    }
  };
  for (let user = 0; user < users; user += 1) loop().catch((error: unknown) => console.error(error));
}

/** How long GETs of a path took, in ms, the first one dropped. Throws if one does not answer 200. */
export async function timesOf(authos: Authos, path: string, requests: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n <= requests; n += 1) {
    const startedAt = performance.now();
    const status = await request(authos, path);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    if (n > 0) times.push(performance.now() - startedAt);
  }
  return times;
}
