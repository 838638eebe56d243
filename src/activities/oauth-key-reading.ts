import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import { tinkerJson } from './artisan-command.js';
import { readKey, short } from './key-files.js';
import type { KeyFile, KeyState, Owner } from './key-files.js';
import { hostMisconfigured } from './known-hosts.js';
import type { Shell } from './shell.js';

export const privateName = 'oauth-private.key';
export const publicName = 'oauth-public.key';
export const files = [privateName, publicName] as const;

/** The keys of one host as they are. Holds the keys themselves: never a result. */
export interface OauthKeys {
  /** Where Passport takes them from, as the running config says; 'unknown' if the application can't say. */
  from: 'files' | 'environment' | 'unknown';
  fromWhy: string;
  private: KeyFile;
  public: KeyFile;
  pair: 'one pair' | 'not a pair' | 'unknown';
}

/** The same without keys, for people and conditions. */
export interface KeysData {
  from: OauthKeys['from'];
  private: KeyState;
  public: KeyState;
  pair: OauthKeys['pair'];
  /** What is wrong with owner and mode; empty if nothing is. */
  wrong: string[];
  said: string;
  /** True if a configured source has a private key that pairs; with why or why not. */
  canRestore?: boolean;
  sourceWhy?: string;
}

/**
 * Fixed code. A key in the environment wins over the files (`PASSPORT_PRIVATE_KEY`); only fingerprints of public keys are
 * printed, made as key-files.ts makes them.
 */
const fromEnvironment = `(function () {
  $of = function ($key) { $found = $key ? openssl_pkey_get_details($key) : false; return $found ? hash('sha256', $found['key']) : 'no key'; };
  $private = str_replace('\\\\n', PHP_EOL, config('passport.private_key') ?? '');
  $public = str_replace('\\\\n', PHP_EOL, config('passport.public_key') ?? '');
  return ['private' => empty($private) ? null : $of(openssl_pkey_get_private($private)), 'public' => empty($public) ? null : $of(openssl_pkey_get_public($public))];
})()`;

/** The folder of the keys, its own links resolved. Throws `HostMisconfigured`, not retried, without one. */
export async function keyFolder(host: Host): Promise<string> {
  return realpath(join(host.root, 'storage')).catch((error: NodeJS.ErrnoException) => {
    throw hostMisconfigured(`no storage in ${host.root} on host ${host.name} (${error.code ?? error.message})`);
  });
}

/** Reads the keys that the application of this host runs with. */
export async function readOauthKeys(host: Host, shell: Shell): Promise<OauthKeys> {
  const folder = await keyFolder(host);
  const [privateFile, publicFile, environment] = await Promise.all([
    readKey(folder, privateName, 'private'),
    readKey(folder, publicName, 'public'),
    tinkerJson({ host, shell }, fromEnvironment),
  ]);
  const said = 'unknown' in environment ? undefined : (environment.value as { private?: unknown; public?: unknown } | null);
  const because = 'unknown' in environment ? environment.unknown : 'its answer has an unknown shape';
  const inEnvironment = [keyIn('private key in the environment', said?.private), keyIn('public key in the environment', said?.public)] as const;
  const keys = { private: inEnvironment[0] ?? privateFile, public: inEnvironment[1] ?? publicFile };
  const known = typeof said === 'object' && said !== null;
  return {
    from: !known ? 'unknown' : inEnvironment.some(Boolean) ? 'environment' : 'files',
    fromWhy: known ? '' : `whether the environment holds the keys can't be known: ${because}`,
    ...keys,
    pair: pairOf(keys.private, keys.public),
  };
}

function keyIn(name: string, fingerprint: unknown): KeyFile | undefined {
  if (typeof fingerprint !== 'string') return undefined;
  return /^[0-9a-f]{64}$/.test(fingerprint) ? { name, state: 'valid', why: '', fingerprint } : { name, state: 'corrupt', why: 'it holds no key' };
}

function pairOf(one: KeyFile, other: KeyFile): OauthKeys['pair'] {
  if (one.state !== 'valid' || other.state !== 'valid') return 'unknown';
  return one.fingerprint === other.fingerprint ? 'one pair' : 'not a pair';
}

/** What is wrong with owner and mode of the key files that are there; group only where it may read a private key. */
export function wrongPermissions(keys: OauthKeys, owner: Owner): { name: string; why: string }[] {
  return [keys.private, keys.public].flatMap((key) => {
    if (key.mode === undefined) return [];
    const problems = [
      ...(key.uid === owner.uid ? [] : [`owned by ${key.uid ?? '?'}`]),
      ...(key.gid === owner.gid ? [] : [`of group ${key.gid ?? '?'}`]),
      // Passport takes a private key of mode 600 or 660 only; the public one must be readable, and nobody else's to write.
      ...(key.name === privateName ? (key.mode === 0o600 || key.mode === 0o660 ? [] : [`mode ${octal(key.mode)}`]) : (key.mode & 0o400) !== 0 && (key.mode & 0o002) === 0 ? [] : [`mode ${octal(key.mode)}`]),
    ];
    return problems.length === 0 ? [] : [{ name: key.name, why: problems.join(', ') }];
  });
}

/** The reading in one sentence and as figures. */
export function dataOf(keys: OauthKeys, owner: Owner): KeysData {
  const wrong = wrongPermissions(keys, owner).map(({ name, why }) => `${name} ${why}`);
  const said = [
    ...[keys.private, keys.public].map((key) => `${key.name}: ${key.state === 'valid' ? `valid (${short(key.fingerprint)}${key.mode === undefined ? '' : `, ${octal(key.mode)}`})` : key.why}`),
    ...(keys.pair === 'unknown' ? [] : [keys.pair]),
    ...(wrong.length === 0 ? [] : [`wrong: ${wrong.join(', ')}`]),
    ...(keys.from === 'files' ? [] : [keys.from === 'environment' ? 'the keys come from the environment' : keys.fromWhy]),
  ].join('; ');
  return { from: keys.from, private: keys.private.state, public: keys.public.state, pair: keys.pair, wrong, said };
}

const octal = (mode: number): string => mode.toString(8).padStart(3, '0');

/** The first configured source with a private key that pairs with the public key here, or else with the one beside it. */
export async function sourceThatPairs(
  host: Host,
  keys: OauthKeys,
  publicMayDiffer = false,
): Promise<{ found?: { folder: string; key: KeyFile }; why: string }> {
  const folders = host.oauthKeySources ?? [];
  if (folders.length === 0) return { why: 'no source of the keys is configured (oauthKeySources)' };
  const reasons: string[] = [];
  for (const folder of folders) {
    const [key, beside] = [await readKey(folder, privateName, 'private'), await readKey(folder, publicName, 'public')];
    const here = publicMayDiffer ? undefined : keys.public.fingerprint;
    const wanted = here ?? beside.fingerprint;
    if (key.state !== 'valid') reasons.push(`${folder}: ${privateName}: ${key.why}`);
    else if (wanted === undefined) reasons.push(`${folder}: no public key shows that its private key is ours`);
    else if (wanted !== key.fingerprint) reasons.push(`${folder}: its private key (${short(key.fingerprint)}) does not pair with ${here ? 'our' : 'its'} public key (${short(wanted)})`);
    else return { found: { folder, key }, why: `${folder} has a private key that pairs (${short(key.fingerprint)})` };
  }
  return { why: reasons.join('; ') };
}
