import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import { archiveWithRoom } from './archive.js';
import { hostMisconfigured } from './known-hosts.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';

export type KeyState = 'valid' | 'missing' | 'corrupt' | 'unreadable';

/** A key file as it is. `pem` is for the activity that read it: it is never a result, an evidence or a log line. */
export interface KeyFile {
  name: string;
  state: KeyState;
  /** Why it is corrupt or unreadable, for people; never a part of its text. */
  why: string;
  /** SHA-256 of the public key (SPKI, PEM) that it is or belongs to: the same for both of a pair, and no secret. */
  fingerprint?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  pem?: string;
}

/** No key is near this size: what is bigger is no key, and not read. */
const longestKey = 64 * 1024;

/** Reads the key `name` in `folder`, links not followed. `kind` is what it must be. Throws nothing: what is wrong is its state. */
export async function readKey(folder: string, name: string, kind: 'private' | 'public'): Promise<KeyFile> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a pipe in its place would hold us for ever.
    file = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { mode, uid, gid, size, nlink } = await file.stat().then((found) => (found.isFile() ? found : Promise.reject(new Error('no file'))));
    const facts = { name, mode: mode & 0o7777, uid, gid };
    if (nlink > 1) return { ...facts, state: 'unreadable', why: 'it has a second hard link' };
    if (size > longestKey) return { ...facts, state: 'corrupt', why: `${size} bytes are no key` };
    const pem = await file.readFile('utf8');
    const fingerprint = kind === 'private' ? fingerprintOfPrivate(pem) : fingerprintOfPublic(pem);
    return fingerprint === undefined
      ? { ...facts, state: 'corrupt', why: size === 0 ? 'it is empty' : `it holds no ${kind} key`, pem }
      : { ...facts, state: 'valid', why: '', fingerprint, pem };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { name, state: 'missing', why: 'it is missing' };
    return { name, state: 'unreadable', why: code === 'ELOOP' ? 'it is a link, which is not followed' : `it can't be read (${code ?? 'no file'})` };
  } finally {
    await file?.close();
  }
}

/** The fingerprint of a private key's public half; undefined if the text is no private key. */
export function fingerprintOfPrivate(pem: string): string | undefined {
  try {
    return sha256(spki(createPublicKey(createPrivateKey(pem))));
  } catch {
    return undefined;
  }
}

function fingerprintOfPublic(pem: string): string | undefined {
  // createPublicKey takes a private key as well, which must not lie where the public one belongs.
  if (/PRIVATE KEY-----/.test(pem)) return undefined;
  try {
    return sha256(spki(createPublicKey(pem)));
  } catch {
    return undefined;
  }
}

/** The public key (PEM) of a private one. Throws if it is none, without showing it. */
export function publicOf(pem: string): string {
  try {
    return spki(createPublicKey(createPrivateKey(pem)));
  } catch {
    throw new Error('the private key is no key');
  }
}

function spki(key: ReturnType<typeof createPublicKey>): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A fingerprint as people compare it. */
export const short = (fingerprint: string | undefined): string => (fingerprint ?? 'unknown').slice(0, 16);

/** Who owns a file after it was written. */
export interface Owner {
  uid: number;
  gid: number;
}

/** The ids of the application's user. Throws `HostMisconfigured`, not retried, if the system has no such user. */
export async function ownerOf(host: Host, shell: Shell): Promise<Owner> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => shell.run('id', [flag, '--', host.user])));
  const number = (result: typeof uid): number => {
    if (result?.exitCode !== 0) throw hostMisconfigured(`no user ${JSON.stringify(host.user)} on ${host.name}: ${result ? commandsWords('id', result) : ''}`);
    return Number(result.stdout.trim());
  };
  return { uid: number(uid), gid: number(gid) };
}

/**
 * Puts a file in place whole, with owner and mode from its first moment: written beside, synced, then linked or renamed.
 * With `over: false` it fails with EEXIST rather than overwrite. A repeat is safe.
 */
export async function placeFile(
  folder: string,
  { name, text, mode, owner, over }: { name: string; text: string; mode: number; owner: Owner; over: boolean },
): Promise<void> {
  const beside = join(folder, `.${name}.${process.pid}.responder`);
  await rm(beside, { force: true });
  const file = await open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
    const { uid, gid } = await file.stat();
    if (uid !== owner.uid || gid !== owner.gid) await file.chown(owner.uid, owner.gid);
    await file.chmod(mode);
    await file.sync();
    await file.close();
    if (over) await rename(beside, join(folder, name));
    else await link(beside, join(folder, name));
  } finally {
    await file.close().catch(() => undefined);
    await rm(beside, { force: true });
  }
}

/** Sets owner and mode of a regular file with one name, links not followed. Throws why it could not. A repeat is safe. */
export async function setOwnerAndMode(path: string, owner: Owner, mode: number): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    // Root would otherwise give away whatever the application's user could link to.
    if (!found.isFile() || found.nlink > 1) throw new Error('it is no file with a single name');
    if (found.uid !== owner.uid || found.gid !== owner.gid) await file.chown(owner.uid, owner.gid);
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

/** Keeps a copy in the archive below `below`, 0600, under a name that the same text always gets. Gives its name there, or why not. */
export async function keepCopy(host: Host, below: string, name: string, text: string): Promise<{ kept: string } | { refused: string }> {
  const room = await archiveWithRoom(host, Buffer.byteLength(text));
  if ('refused' in room) return room;
  const folder = join(room.path, below);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = `${host.name.replace(/[^\w.-]/g, '_')}-${name}-${sha256(text).slice(0, 12)}`;
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await placeFile(folder, { name: kept, text, mode: 0o600, owner: self, over: true });
  return { kept: join(below, kept) };
}
