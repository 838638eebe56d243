import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { link, mkdir, open, realpath, stat, statfs, unlink, utimes } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { OpenFolder } from './open-folder.js';
import { bytesText, shownName } from './wording.js';

/** Whether the archive may take something, or why not. */
export type Room = { path: string } | { refused: string };

/**
 * The archive's real path if it is off the given file system and can take so many bytes with 1 % of it left free. A missing
 * archive is refused, never made: a volume that is not mounted would be filled into the folder below it.
 */
export async function archiveWithRoom(host: Host, bytes: number, notOnDevice?: number): Promise<Room> {
  try {
    const path = await realpath(host.archive);
    const folder = await stat(path);
    if (!folder.isDirectory()) return { refused: `the archive ${host.archive} is no folder` };
    if (folder.dev === notOnDevice) return { refused: `the archive ${host.archive} is on the same mount` };
    const { bavail, blocks, bsize } = await statfs(path);
    const free = (bavail - blocks / 100) * bsize;
    if (free < bytes)
      return { refused: `the archive ${host.archive} has no room for ${bytesText(bytes)} (${bytesText(bavail * bsize)} free)` };
    return { path };
  } catch (error) {
    return { refused: `the archive ${host.archive} can't be used: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  }
}

/**
 * Moves a file into the archive: copies, syncs, reads the copy back, compares size and SHA-256, and only then deletes. Gives
 * the copy's path, or why the file was left where it is. An earlier copy is never overwritten; a repeat after a crash finds a
 * whole earlier copy and only deletes.
 */
export async function moveToArchive({
  folder,
  name,
  found,
  destination,
}: {
  folder: OpenFolder;
  name: Buffer;
  /** The file as it was chosen: another one under its name by now is left alone. */
  found: Stats;
  destination: string;
}): Promise<{ movedTo: string } | { left: string }> {
  await mkdir(dirname(destination), { recursive: true, mode: 0o700 });
  const source = await folder.read(name);
  try {
    const before = await source.stat();
    if (!before.isFile() || before.ino !== found.ino || before.dev !== found.dev)
      return { left: 'replaced while it was looked at' };
    const partial = `${destination}.partial`;
    const hash = await copied(source, partial, before);
    const again = await hashOf(partial);
    const [after, current] = [await source.stat(), await folder.stat(name)];
    const changed = after.size !== before.size || after.mtimeMs !== before.mtimeMs || current.ino !== before.ino;
    if (changed || again !== hash) {
      await unlink(partial);
      return { left: changed ? 'written to while it was copied' : 'its copy differs' };
    }
    const movedTo = await placed(partial, destination, hash);
    await folder.unlink(name);
    return { movedTo };
  } finally {
    await source.close();
  }
}

async function copied(source: FileHandle, partial: string, { atime, mtime }: Stats): Promise<string> {
  const hash = createHash('sha256');
  const copy = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    for await (const chunk of source.createReadStream({ autoClose: false, start: 0 }) as AsyncIterable<Buffer>) {
      Context.current().cancellationSignal.throwIfAborted();
      hash.update(chunk);
      await copy.writeFile(chunk);
    }
    await copy.sync();
  } finally {
    await copy.close();
  }
  await utimes(partial, atime, mtime);
  return hash.digest('hex');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) hash.update(chunk);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** Gives the copy its name, or the next free one (`audit.log.2`). By link, which fails where rename would overwrite. */
async function placed(partial: string, destination: string, hash: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const path = n === 1 ? destination : `${destination}.${n}`;
    try {
      await link(partial, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if ((await hashOf(path)) !== hash) continue;
    }
    await unlink(partial);
    await syncFolder(dirname(path));
    return path;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Where a log goes in the archive, by host and by its place below `storage/logs`; odd bytes in names as escapes. */
export function archivedLogPath(archive: string, host: Host, parts: readonly Buffer[]): string {
  return join(archive, 'logs', host.name.replace(/[^\w.-]/g, '_'), ...parts.map((part) => shownName(part)));
}
