import type { KeysData } from '../activities/oauth-key-reading.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { actOnHosts, readOnHosts } from './on-hosts.js';
import { phpOnAllHosts, restartApplicationAct, restartedEverywhere, restartEverywhere } from './restart.js';
import { act, type Act, type Condition, type On, type Scene, step } from './step.js';

const keyFiles = ({ hosts }: Place): string[] => hosts.map((host) => `file:oauth-keys@${host}`);
const filesAndPhp = (place: Place): string[] => [...keyFiles(place), ...phpOnAllHosts(place)];
const derived = 'the public key was derived';
const { budget } = restartApplicationAct();

/** What the keys of the first host are for which it holds, as a sentence; undefined if there is no such host. */
export async function somewhere(place: Place, holds: (keys: KeysData) => boolean): Promise<string | undefined> {
  return (await keysOnHosts(place)).find(holds)?.said;
}

async function keysOnHosts(place: Place): Promise<KeysData[]> {
  return (await readOnHosts(place, 'Keys', (on, there) => on.checkOauthKeys({ place: there }))).map(({ data }) => data);
}

function onSomeHost(says: string, holds: (keys: KeysData) => boolean): Condition {
  return {
    says,
    async holds(_, { place }) {
      const said = await somewhere(place, holds);
      return said === undefined ? { holds: false, why: `not so: ${says}` } : { holds: true, why: said };
    },
  };
}

const noPrivateKey = ({ private: key }: KeysData): boolean => key === 'missing' || key === 'corrupt';

/** Crash rule 'check': the effect is there once every host has one pair, and was restarted for it. */
async function allPairAndRestarted(_: On, { place, lastActAt }: Scene): Promise<ActResult | undefined> {
  const found = await keysOnHosts(place);
  if (!found.every(({ pair }) => pair === 'one pair')) return undefined;
  const restarted = await restartedEverywhere(place, lastActAt);
  return restarted && { ...restarted, evidence: [...found.map(({ said }) => said), restarted.evidence].join('\n') };
}

/** The act, then a restart of all hosts, since a process may keep the old keys in memory: as the text has it. */
async function thenRestart(result: ActResult, place: Place, onHost: (host: string) => On): Promise<ActResult> {
  if (result.outcome !== 'done') return result;
  const restarted = await restartEverywhere(place, onHost);
  return { ...restarted, evidence: `${result.evidence}\n${restarted.evidence}` };
}

const derive = (evenIfOther: boolean): Act['do'] =>
  async (_, { place, facts }, onHost) => {
    const result = await actOnHosts(place.hosts, place, onHost, (on, there) => on.derivePublicKey({ place: there, evenIfOther }));
    if (result.outcome === 'done') facts[derived] = true;
    return result;
  };

const command = 'the public key of storage/oauth-private.key into storage/oauth-public.key; chmod 600, chown';
const timeout = { minutes: 10, because: 'a key on every host, and a restart that waits for the health check of each' };

/**
 * Regenerate OAuth Keys. The text runs `passport:keys --force`, which ends every session; so the keys that exist come first, and
 * a present, valid private key is never overwritten.
 */
export const regenerateOauthKeys = step({
  title: 'Regenerate OAuth Keys',
  acts: [
    act({
      name: 'Derive the missing public key',
      risk: 'safe', // the same key that was there
      command: () => command,
      when: onSomeHost('the private key is valid and the public key missing or corrupt', ({ private: key, public: other }) => key === 'valid' && (other === 'missing' || other === 'corrupt')),
      touches: keyFiles,
      timeout: { minutes: 3, because: 'two files and two starts of PHP' },
      do: derive(false),
    }),
    act({
      name: 'Derive the public key in place of one that does not pair',
      // Whoever holds a token of the other pair is logged out, and a person may know that the private key is the wrong one.
      risk: 'destructive',
      command: ({ hosts }) => `${command} (the old one is kept in the archive); then herd restart, on ${hosts.join(', then ')}`,
      when: onSomeHost('private and public key are valid and not a pair', ({ pair, from }) => pair === 'not a pair' && from === 'files'),
      touches: filesAndPhp,
      budget,
      settle: 'restart',
      timeout,
      do: async (on, scene, onHost) => thenRestart(await derive(true)(on, scene, onHost), scene.place, onHost),
    }),
    act({
      name: 'Restore the private key',
      risk: 'disruptive',
      command: ({ hosts }) => `cp <oauthKeySources>/oauth-private.key storage/ (only if it pairs); chmod 600, chown; then herd restart, on ${hosts.join(', then ')}`,
      when: {
        says: 'the private key is missing or corrupt, and a configured source has one that pairs',
        async holds(_, { place }) {
          const lacking = (await keysOnHosts(place)).filter(noPrivateKey);
          const one = lacking.find(({ canRestore }) => canRestore);
          if (one) return { holds: true, why: `${one.said}; ${one.sourceWhy ?? ''}` };
          return { holds: false, why: lacking[0]?.sourceWhy ?? 'the private key is there' };
        },
      },
      touches: filesAndPhp,
      budget,
      settle: 'restart',
      look: allPairAndRestarted,
      isDown: (on, { place }) => on.tokensAreDown({ place }),
      timeout,
      do: async (_, { place }, onHost) =>
        thenRestart(await actOnHosts(place.hosts, place, onHost, (on, there) => on.restoreOauthKeys({ place: there })), place, onHost),
    }),
    act({
      name: 'Make a new pair of keys',
      risk: 'destructive', // ends every session
      command: ({ hosts }) => `php artisan passport:keys --force, to ${hosts.join(', ')}; chmod 600, chown; then herd restart. Ends every session`,
      when: {
        says: 'no host has a private key, and no configured source has one that pairs',
        async holds(_, { place }) {
          const found = await keysOnHosts(place);
          const said = found.map(({ said: keys, sourceWhy }) => [keys, sourceWhy].filter(Boolean).join('; ')).join('\n');
          return { holds: found.length > 0 && found.every((keys) => noPrivateKey(keys) && keys.from === 'files' && !keys.canRestore), why: said };
        },
      },
      touches: filesAndPhp,
      budget,
      settle: 'restart',
      timeout,
      do: makeEverywhere,
    }),
    {
      ...restartApplicationAct({
        name: 'Restart the application for the derived key',
        when: {
          says: 'the public key was derived by this step, and OAuth still does not work',
          async holds(on, { place, facts }) {
            if (facts[derived] !== true) return { holds: false, why: 'no key was derived' };
            const { works, why } = await on.oauthWorks({ place });
            return { holds: works === 'no', why };
          },
        },
      }),
      isDown: (on, { place }) => on.tokensAreDown({ place }),
    },
  ],
});

/** One host makes the pair, the others take it from where it was shared: keys never travel through a workflow. */
async function makeEverywhere(_: On, { place }: Scene, onHost: (host: string) => On): Promise<ActResult> {
  const [first = place.host, ...others] = place.hosts;
  const made = await actOnHosts([first], place, onHost, (on, there) => on.makeOauthKeys({ place: there, share: others.length > 0 }));
  if (made.outcome !== 'done') return made;
  const taken = await actOnHosts(others, place, onHost, (on, there) => on.restoreOauthKeys({ place: there, publicMayDiffer: true }));
  const evidence = [made.evidence, taken.evidence].filter(Boolean).join('\n');
  if (others.length > 0 && taken.outcome !== 'done') return { outcome: 'failed', evidence: `${evidence}\nthe hosts have different keys now` };
  return thenRestart({ ...made, evidence }, place, onHost);
}
