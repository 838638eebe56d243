import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { waiting } from './calling.js';
import { settingIsInForce } from './env-setting.js';
import { type Act, act, type Scene } from './step.js';
import { factsOf, failing } from './webhooks.js';

/** At most so many failed deliveries of all webhooks are sent again in one run: 20 minutes, at AuthOS's 10 a minute. */
const mostRetried = 200;
const minutes = (count: number, { times }: Scene): number => count * times.minute;

/** One delivery first, then the rest: each once, as fast as 10 a minute lets. A webhook whose first one does not arrive gets no more. */
export async function retryDeliveries(scene: Scene): Promise<ActResult> {
  const { place, times } = scene;
  const facts = factsOf(scene);
  const patient = waiting(place.host, 'Retry Failed Deliveries', 45 * 60_000);
  const lines: string[] = [];
  let room = mostRetried;
  let asked = 0;
  for (const { webhook } of (facts.tests ?? []).filter(({ passed }) => passed === true)) {
    if (room === 0) {
      lines.push(`${webhook}: left, one run sends no more than ${mostRetried}`);
      continue;
    }
    const { ids, all } = await patient.failedDeliveriesOf({ place, webhook, most: room });
    const [first, ...rest] = ids;
    if (first === undefined) continue;
    room -= ids.length;
    asked += ids.length;
    const sent = async (some: string[]): Promise<{ arrived: string[]; words: string }> => {
      const { retried, refused } = await patient.retryDeliveries({ place, ids: some });
      facts.retried = { ...facts.retried, [webhook]: [...(facts.retried?.[webhook] ?? []), ...retried] };
      if (retried.length === 0) return { arrived: [], words: `AuthOS sends none again: ${refused[0] ?? ''}` };
      const { arrived, failed, underWay } = await patient.followDeliveries({ place, ids: retried, until: Date.now() + minutes(5, scene), every: Math.max(200, Math.round(times.minute / 30)) });
      return { arrived, words: `${arrived.length} of ${some.length} arrived, ${failed.length} failed again, ${underWay.length} under way, ${refused.length} not taken` };
    };
    const one = await sent([first]);
    if (one.arrived.length === 0) lines.push(`${webhook}: the first one did not arrive, so the other ${rest.length} were left: ${one.words}`);
    else if (rest.length === 0) lines.push(`${webhook}: ${one.words}`);
    else lines.push(`${webhook}: the first one arrived; then ${(await sent(rest)).words}`);
    if (all > ids.length) lines.push(`${webhook}: ${all - ids.length} older ones are left: one run sends no more than ${mostRetried}`);
  }
  const arrivedAll = lines.every((line) => !line.includes('did not arrive'));
  if (asked === 0) return { outcome: 'refused', evidence: 'no failed deliveries of the last 24 h are left' };
  return { outcome: arrivedAll ? 'done' : 'failed', evidence: lines.join('\n').slice(0, 2_000) };
}

/** One line of `.env`, with the old one written back after the incident. */
export function adjust(key: 'WEBHOOK_MAX_RETRIES' | 'WEBHOOK_RETRY_DELAY', value: string): Act {
  const touches = ({ environment, host }: Place): string[] => [`env:${environment}`, `file:.env@${environment}`, `service:php@${host}`];
  return act({
    name: `Set ${key} to ${value}`,
    risk: 'disruptive',
    command: () => `${key}=${value} in .env, config:cache if there was one, a reload, queue:restart`,
    when: {
      says: `most failures are timeouts or 5xx, ${key} is not ${value}, and there is one host`,
      async holds(on, scene) {
        const { holds, why, old } = await on.retryLogicToAdjust({ place: scene.place, webhooks: await failing(scene), key });
        if (old !== undefined) scene.facts['before'] = { ...factsOf(scene).before, [key]: old };
        return { holds, why };
      },
    },
    touches,
    look: (on, { place }) => settingIsInForce(on, place, key, value),
    timeout: { minutes: 5, because: 'a reload finishes the requests it has, and the value is read back' },
    undo: {
      says: `writes ${key} back by itself, if it is still ours`,
      async entry(_, scene) {
        const { place } = scene;
        const old = factsOf(scene).before?.[key];
        if (old === undefined) return undefined;
        return {
          kind: 'automatic',
          title: old === null ? `Take ${key} out again` : `Write ${key}=${old} back`,
          host: place.host,
          activity: 'restoreEnv',
          argument: { place, key, ours: value, old },
          touches: touches(place),
        };
      },
    },
    do: (on, { place }) => on.setEnv({ place, key, value }),
  });
}
