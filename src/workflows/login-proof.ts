import { stillAttackedFrom } from '../domain/login-attack.js';
import type { SampleWindow, Verdict } from '../domain/step.js';
import { reading, waiting } from './calling.js';
import { factsOf, quietOf } from './logins.js';
import { from } from './on-hosts.js';
import type { On, Proof, Scene } from './step.js';

/** Holds if the attack was quiet for long enough, and every block is in force. */
export const attackIsOver: Proof = {
  says: `for 15 min since the last block and act, no address outside the allow-list and no account has ${stillAttackedFrom} failed logins, and every block is read back`,
  async check(_, scene, window) {
    const facts = factsOf(scene);
    facts.began ??= window.since;
    const lookBack = window.since === facts.began;
    // A question without a wait: after an answer, and before the act.
    if (window.notBefore === 0) return proveEverywhere(scene, window, { lookBack, soFar: false });
    if (lookBack) return proveEverywhere(scene, window, { lookBack, soFar: false });
    // An attack that goes on need not be watched for a quarter of an hour first.
    const soFar = await proveEverywhere(scene, { ...window, samples: 1, every: 0 }, { lookBack, soFar: true });
    if (soFar.kind !== 'recovered') return soFar;
    const notBefore = Math.max(window.notBefore, window.since + quietOf(scene.times) + 1_000);
    return proveEverywhere(scene, { ...window, notBefore }, { lookBack, soFar: false });
  },
};

/** On all hosts; the worst of their verdicts counts. */
async function proveEverywhere({ place, times }: Scene, window: SampleWindow, how: { lookBack: boolean; soFar: boolean }): Promise<Verdict> {
  const within = Math.max(0, window.notBefore - Date.now()) + window.samples * window.every + 10 * 60_000;
  const ask = (host: string): On => (window.notBefore === 0 ? reading(host, 'Recovered by now?', 2) : waiting(host, how.soFar ? 'Quiet so far?' : 'Quiet for 15 min?', within));
  const verdicts = await Promise.all(place.hosts.map((host) => ask(host).proveNoAttack({ place: from(place, host), quiet: quietOf(times), ...how, window })));
  const worst = verdicts.find(({ kind }) => kind === 'not recovered') ?? verdicts.find(({ kind }) => kind === 'unknown') ?? verdicts[0];
  return worst ?? { kind: 'unknown', evidence: 'there is no host' };
}
