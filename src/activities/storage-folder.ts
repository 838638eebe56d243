import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import { badInput, hostMisconfigured } from './known-hosts.js';
import { OpenFolder } from './open-folder.js';

const parts = {
  logs: ['storage', 'logs'],
  cache: ['storage', 'framework', 'cache', 'data'],
  views: ['storage', 'framework', 'views'],
  sessions: ['storage', 'framework', 'sessions'],
} as const;

/** The folders of AuthOS's storage that a disk step may clear. */
export type StorageFolder = keyof typeof parts;

/** Its path below the application root, for people: `storage/framework/views`. */
export function storagePath(what: StorageFolder): string {
  if (!Object.hasOwn(parts, what)) throw badInput(`no folder of the storage is called ${JSON.stringify(what)}`);
  return parts[what].join('/');
}

/**
 * Opens a folder of the storage for deleting, if every rule of "Disk Space Critical" holds: a real folder really inside the
 * root's storage, no link on the way, on the target mount, no database's directory. Else says why not. The root itself may
 * be reached by links: it is the config's. Close what you get.
 */
export async function openStorageFolder({
  host,
  mount,
  what,
}: {
  host: Host;
  mount: string;
  what: StorageFolder;
}): Promise<OpenFolder | { refused: string }> {
  storagePath(what);
  const root = await realpath(host.root).catch(() => undefined);
  if (root === undefined) throw hostMisconfigured(`the root of host ${host.name} does not exist: ${host.root}`);
  const mounted = await stat(mount).catch(() => undefined);
  if (mounted === undefined) throw hostMisconfigured(`mount ${mount} of host ${host.name} does not exist`);
  let folder = await OpenFolder.at(root);
  for (const [index, name] of parts[what].entries()) {
    const shown = parts[what].slice(0, index + 1).join('/');
    const inner = await folder.folder(name).catch((error: NodeJS.ErrnoException) => ({ refused: whyNot(shown, error) }));
    await folder.close();
    if ('refused' in inner) return inner;
    folder = inner;
  }
  const refused = await whyNotHere(folder, mounted.dev, mount);
  if (refused === undefined) return folder;
  await folder.close();
  return { refused };
}

async function whyNotHere(folder: OpenFolder, dev: number, mount: string): Promise<string | undefined> {
  if (folder.dev !== dev) return `${folder.path.toString()} is not on the mount ${mount}`;
  const database = await databaseAbove(folder);
  return database === undefined ? undefined : `${database} is a database's directory`;
}

function whyNot(shown: string, error: NodeJS.ErrnoException): string {
  // Linux gives ENOTDIR for a link where a folder was asked for, others ELOOP.
  if (error.code === 'ENOTDIR' || error.code === 'ELOOP') return `${shown} is a link or no folder`;
  if (error.code === 'ENOENT') return `${shown} does not exist`;
  return `${shown} can't be opened: ${error.code ?? error.message}`;
}

/** True if these names are those of a database's files: PostgreSQL, MySQL or MariaDB. */
export function looksLikeDatabase(names: readonly (Buffer | string)[]): boolean {
  return names.some((name) => isDatabaseFile(typeof name === 'string' ? name : name.toString('latin1')));
}

function isDatabaseFile(name: string): boolean {
  return name === 'PG_VERSION' || name === 'postmaster.pid' || name.startsWith('ibdata') || name.endsWith('.ibd');
}

/** The folder itself or the first one up the tree that is a database's directory. */
async function databaseAbove(folder: OpenFolder): Promise<string | undefined> {
  if (looksLikeDatabase(await folder.names())) return folder.path.toString();
  for (let path = dirname(folder.path.toString()); ; path = dirname(path)) {
    const names = await readdir(path).catch(() => undefined);
    // A folder that can be passed but not listed can still be asked for the two names that every PostgreSQL has.
    if (names === undefined ? await hasDatabaseFile(path) : looksLikeDatabase(names)) return path;
    if (path === dirname(path)) return undefined;
  }
}

async function hasDatabaseFile(path: string): Promise<boolean> {
  const found = await Promise.all(
    ['PG_VERSION', 'postmaster.pid', 'ibdata1'].map(async (name) => lstat(join(path, name)).catch(() => undefined)),
  );
  return found.some((entry) => entry !== undefined);
}
