import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { keepCopy, ownerOf, placeFile, publicOf, readKey, setOwnerAndMode, short } from './key-files.js';
import type { KeyFile, Owner } from './key-files.js';
import { hostNamed } from './known-hosts.js';
import { dataOf, files, keyFolder, privateName, publicName, readOauthKeys, sourceThatPairs, wrongPermissions } from './oauth-key-reading.js';
import type { KeysData, OauthKeys } from './oauth-key-reading.js';
import type { Shell } from './shell.js';
import { fitted } from './wording.js';

/** What an act on keys works with: a host, and its keys as they were read right before. */
interface Scene {
  host: Host;
  shell: Shell;
  keys: OauthKeys;
  owner: Owner;
}

/** As the text sets them. Passport refuses a private key that others may read. */
const keyMode = 0o600;

/**
 * Activities on the OAuth keys of one host, `place.host`. A present, valid private key is never overwritten. The keys never
 * leave them: results hold fingerprints of public keys only. Each looks again right before it acts, and answers 'refused' if
 * there is nothing for it to do.
 */
export function oauthKeyActivities({ hosts, shellOf }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell }) {
  async function at(place: Place): Promise<Scene> {
    const host = hostNamed(hosts, place.host);
    const shell = shellOf(host);
    return { host, shell, keys: await readOauthKeys(host, shell), owner: await ownerOf(host, shell) };
  }

  /** Why files are not to be written on this host at all. */
  function notFiles({ keys }: Scene): ActResult | undefined {
    if (keys.from === 'files') return undefined;
    return refused(keys.from === 'environment' ? 'the keys come from the environment, not from files: a person must look there' : keys.fromWhy);
  }

  async function put(scene: Scene, name: string, text: string, over: boolean): Promise<void> {
    await placeFile(await keyFolder(scene.host), { name, text, mode: keyMode, owner: scene.owner, over });
  }

  /** Keeps what is about to be replaced, or says why it can't: then it is not replaced. */
  async function kept(scene: Scene, key: KeyFile): Promise<{ said: string } | ActResult> {
    if (key.pem === undefined) return { said: '' };
    const copy = await keepCopy(scene.host, 'oauth-keys', key.name, key.pem);
    return 'refused' in copy ? refused(`${key.name} not replaced, since it can't be kept: ${copy.refused}`) : { said: `; the old ${key.name} is kept as ${copy.kept} in the archive` };
  }

  async function readBack(scene: Scene, said: string, written: readonly string[] = files): Promise<ActResult> {
    const after = await readOauthKeys(scene.host, scene.shell);
    const isGood = after.pair === 'one pair' && !wrongPermissions(after, scene.owner).some(({ name }) => written.includes(name));
    return { outcome: isGood ? 'done' : 'failed', evidence: fitted(`${said}; read back: ${dataOf(after, scene.owner).said}`) };
  }

  return {
    /** D2: keys in files or environment, mode, owner, one pair or not, and where a copy could come from. Reads only. */
    async checkOauthKeys({ place }: { place: Place }): Promise<Finding<KeysData>> {
      const { host, keys, owner } = await at(place);
      const data = dataOf(keys, owner);
      if (keys.private.state === 'valid') return { evidence: fitted(`${host.name}: ${data.said}`), data };
      const source = await sourceThatPairs(host, keys);
      return { evidence: fitted(`${host.name}: ${data.said}; ${source.why}`), data: { ...data, canRestore: keys.from === 'files' && source.found !== undefined, sourceWhy: source.why } };
    },

    /**
     * Writes the public key that belongs to the private one, where it is missing or corrupt; with `evenIfOther`, over one that
     * belongs to another private key, of which a copy is kept. A repeat is refused.
     */
    async derivePublicKey({ place, evenIfOther }: { place: Place; evenIfOther: boolean }): Promise<ActResult> {
      const scene = await at(place);
      const { keys } = scene;
      const problem = notFiles(scene);
      if (problem) return problem;
      if (keys.private.state !== 'valid') return refused(`${privateName}: ${keys.private.why}`);
      if (keys.pair === 'one pair') return refused('the keys are one pair');
      if (keys.public.state === 'unreadable') return refused(`${publicName}: ${keys.public.why}`);
      if (keys.public.state === 'valid' && !evenIfOther) return refused('the public key is there, and belongs to another private key');
      const old = await kept(scene, keys.public);
      if ('outcome' in old) return old;
      await put(scene, publicName, publicOf(keys.private.pem ?? ''), keys.public.state !== 'missing');
      return readBack(scene, `${publicName} derived from ${privateName} (${short(keys.private.fingerprint)})${old.said}`, [publicName]);
    },

    /**
     * Restores the private key from the first configured source that pairs, and the public key with it. Only where the private
     * key is missing or corrupt. `publicMayDiffer`: the pair is new, so the public key that is there need not fit. A repeat
     * writes nothing, and is 'done': whoever made it may still have to restart the application.
     */
    async restoreOauthKeys({ place, publicMayDiffer = false }: { place: Place; publicMayDiffer?: boolean }): Promise<ActResult> {
      const scene = await at(place);
      const { host, keys } = scene;
      const notHere = notFiles(scene);
      if (notHere) return notHere;
      const { found, why } = await sourceThatPairs(host, keys, publicMayDiffer);
      if (found && keys.pair === 'one pair' && keys.private.fingerprint === found.key.fingerprint) {
        return { outcome: 'done', evidence: `${privateName} is that of ${found.folder} already (${short(found.key.fingerprint)})` };
      }
      const problem = privateInTheWay(keys);
      if (problem) return problem;
      if (!found) return refused(why);
      const text = found.key.pem ?? '';
      const olds = [keys.private, ...(keys.public.fingerprint === found.key.fingerprint ? [] : [keys.public])];
      let said = `${privateName} restored from ${found.folder} (${short(found.key.fingerprint)})`;
      for (const key of olds) {
        const old = await kept(scene, key);
        if ('outcome' in old) return old;
        said += old.said;
      }
      await put(scene, privateName, text, keys.private.state === 'corrupt');
      if (olds.includes(keys.public)) await put(scene, publicName, publicOf(text), keys.public.state !== 'missing');
      for (const name of files) await setOwnerAndMode(join(await keyFolder(host), name), scene.owner, keyMode);
      return readBack(scene, said);
    },

    /**
     * `passport:keys`: a new pair, which ends every session. Only where the private key is missing or corrupt and no source has
     * one that pairs. With `share` it is copied to the first source, from where the other hosts take it. Not for repeating
     * blindly: another pair ends the sessions of the first.
     */
    async makeOauthKeys({ place, share }: { place: Place; share: boolean }): Promise<ActResult> {
      const scene = await at(place);
      const { host, shell, keys } = scene;
      const problem = notFiles(scene) ?? privateInTheWay(keys);
      if (problem) return problem;
      const source = await sourceThatPairs(host, keys);
      if (source.found) return refused(`no new pair: ${source.why}`);
      const shared = host.oauthKeySources?.[0];
      if (share && shared === undefined) return refused(`no new pair: the hosts would end with different keys, since ${host.name} has no oauthKeySources to share it through`);
      let said = '';
      for (const key of [keys.private, keys.public]) {
        const old = await kept(scene, key);
        if ('outcome' in old) return old;
        said += old.said;
      }
      // --force only where it must write over a public key without a private one, or over what is no key.
      const args = keys.private.state === 'missing' && keys.public.state === 'missing' ? [] : ['--force'];
      const made = artisanOutcome('passport:keys', await artisan({ host, shell, command: 'passport:keys', args }));
      if (made.outcome !== 'done') return { ...made, evidence: fitted(`${made.evidence}${said}`) };
      const folder = await keyFolder(host);
      const after = await readOauthKeys(host, shell);
      if (after.private.state !== 'valid') return { outcome: 'failed', evidence: fitted(`${made.evidence}; but ${privateName}: ${after.private.why}${said}`) };
      for (const name of files) await setOwnerAndMode(join(folder, name), scene.owner, keyMode);
      if (shared !== undefined && after.private.pem !== undefined) said += await sharedTo(host, shared, after);
      return readBack(scene, `a new pair (${short(after.private.fingerprint)}); everybody has to log in again${said}`);
    },

    /** R3: owner and group of the application and mode 600, on keys where they are wrong. A repeat is refused: nothing is wrong. */
    async fixKeyPermissions({ place }: { place: Place }): Promise<ActResult> {
      const { host, keys, owner } = await at(place);
      const wrong = wrongPermissions(keys, owner);
      if (wrong.length === 0) return refused(`owner and mode of the keys are right: ${dataOf(keys, owner).said}`);
      const folder = await keyFolder(host);
      const lines: string[] = [];
      let failed = false;
      for (const { name, why } of wrong) {
        try {
          await setOwnerAndMode(join(folder, name), owner, keyMode);
          lines.push(`${name}: ${why}; now ${host.user}, 600`);
        } catch (error) {
          failed = true;
          lines.push(`${name}: ${why}; not changed: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      return { outcome: failed ? 'failed' : 'done', evidence: fitted(lines.join('\n')) };
    },
  };
}

/** A private key that must stay as it is. */
function privateInTheWay({ private: key }: OauthKeys): ActResult | undefined {
  if (key.state === 'valid') return refused('there is a valid private key, which is never overwritten');
  return key.state === 'unreadable' ? refused(`${privateName}: ${key.why}; whether it is valid can't be known`) : undefined;
}

/** Copies a new pair to where other hosts and the next incident find it; what lies there already stays under another name. */
async function sharedTo(host: Host, folder: string, keys: OauthKeys): Promise<string> {
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  try {
    for (const { name, pem } of [keys.private, keys.public]) {
      if (pem === undefined) continue;
      const there = await keepOld(host, folder, name);
      if (there !== undefined) return `; not copied to ${folder}: ${there}`;
      await placeFile(folder, { name, text: pem, mode: keyMode, owner: self, over: true });
    }
    return `; copied to ${folder}`;
  } catch (error) {
    return `; not copied to ${folder}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

async function keepOld(host: Host, folder: string, name: string): Promise<string | undefined> {
  const old = await readKey(folder, name, name === privateName ? 'private' : 'public');
  if (old.pem === undefined) return old.state === 'missing' ? undefined : old.why;
  const copy = await keepCopy(host, 'oauth-keys', `source-${name}`, old.pem);
  return 'refused' in copy ? copy.refused : undefined;
}

function refused(evidence: string): ActResult {
  return { outcome: 'refused', evidence };
}

export type OauthKeyActivities = ReturnType<typeof oauthKeyActivities>;
