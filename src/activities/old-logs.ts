import type { Stats } from 'node:fs';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import { archivedLogPath, archiveWithRoom, moveToArchive } from './archive.js';
import type { Clearing } from './clearing.js';
import { heldBecause } from './evidence.js';
import type { Holds } from './evidence.js';
import type { OpenFolder } from './open-folder.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { looksLikeDatabase } from './storage-folder.js';

/**
 * True if a log, by its name or that of a folder it is in, belongs to a protected channel: `audit.log`, `audit-2026-01-27.log`,
 * `audit.log.3.gz`, `audit/x.log`. Deliberately wide (`audit_old.log` too): a log moved for nothing costs less than one lost.
 */
export function isProtectedLog(parts: readonly Buffer[], channels: readonly string[]): boolean {
  return parts.some((part) => {
    const name = part.toString('latin1').toLowerCase();
    return channels.some((channel) => {
      const start = channel.toLowerCase();
      return name.startsWith(start) && !/^[a-z0-9]/.test(name.slice(start.length));
    });
  });
}

/** Age in whole days, as find's -mtime counts: `+7` means more than this many. */
export function fullDaysOld(file: Stats, now = Date.now()): number {
  return Math.floor((now - file.mtimeMs) / 86_400_000);
}

/**
 * Paths below the folder, split at the slashes, that the runbook's `find` lists: `*.log` older than `days` full days, and
 * packed ones (`*.log.gz`, `*.log.3.gz`), of which only the protected are for us. Throws with find's words if it can't look.
 */
export async function listOldLogs(shell: Shell, folder: OpenFolder, days: number): Promise<Buffer[][]> {
  const base = folder.path.toString();
  const found: Buffer[][] = [];
  const names = ['(', '-name', '*.log', '-o', '-name', '*.log.gz', '-o', '-name', '*.log.*.gz', '-o', '-name', '*.log-*.gz', ')'];
  const args = [base, '-xdev', '-type', 'f', ...names, '-mtime', `+${days}`, '-print0'];
  const result = await shell.each('find', args, (path) => found.push(split(path.subarray(folder.path.length + 1))), {
    timeoutMs: 5 * 60_000,
  });
  if (result.exitCode !== 0 && found.length === 0) throw new Error(commandsWords('find', result));
  return found;
}

function split(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = path.indexOf(0x2f); at !== -1; at = path.indexOf(0x2f, from)) {
    parts.push(path.subarray(from, at));
    from = at + 1;
  }
  parts.push(path.subarray(from));
  return parts;
}

interface Rules {
  host: Host;
  holds: Holds;
  days: number;
  keep: readonly string[];
  clearing: Clearing;
}

/**
 * Takes the listed logs away one by one. find only lists: `-delete` would know neither holds nor protected channels. Between
 * list and delete names may have changed hands, so each file is looked at again, in folders held open (see `OpenFolder`).
 */
export async function takeOldLogs(folder: OpenFolder, paths: readonly Buffer[][], rules: Rules): Promise<void> {
  for (const parts of paths) {
    Context.current().cancellationSignal.throwIfAborted();
    const shown = Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('/'), part])));
    try {
      await inFolderOf(folder, parts, async (parent, name) =>
        takeOldLog(parent, name, parts, rules, (why) => rules.clearing.leave(shown, why)),
      );
    } catch (error) {
      if (Context.current().cancellationSignal.aborted) throw error;
      const { code } = error as NodeJS.ErrnoException;
      // Somebody else deleted it: what we wanted.
      if (code === 'ENOENT') continue;
      rules.clearing.leave(shown, code === 'ENOTDIR' || code === 'ELOOP' ? 'replaced by a link' : (code ?? String(error)));
    }
  }
}

async function takeOldLog(
  parent: OpenFolder,
  name: Buffer,
  parts: readonly Buffer[],
  rules: Rules,
  leave: (why: string) => void,
): Promise<void> {
  const { host, holds, days, keep, clearing } = rules;
  const file = await parent.stat(name);
  const isProtected = isProtectedLog(parts, host.protectedLogs);
  if (!name.toString('latin1').endsWith('.log') && !isProtected) return;
  const held = heldBecause(holds, parent.pathOf(name));
  if (!file.isFile()) return leave('no file any more');
  if (file.dev !== parent.dev) return leave('on another mount');
  if (fullDaysOld(file) <= days) return leave('written to meanwhile');
  if (keep.includes(name.toString())) return leave('kept');
  if (held !== undefined) return leave(held);
  if (looksLikeDatabase(await parent.names())) return leave("in a database's directory");
  if (!isProtected) {
    await parent.unlink(name);
    return clearing.took(file, 'deleted');
  }
  const room = await archiveWithRoom(host, file.size, parent.dev);
  if ('refused' in room) return leave(`a protected log, and ${room.refused}`);
  const moved = await moveToArchive({ folder: parent, name, found: file, destination: archivedLogPath(room.path, host, parts) });
  if ('left' in moved) return leave(moved.left);
  return clearing.took(file, 'moved');
}

/** Opens the folders of a path one by one, none through a link, and closes them again. */
async function inFolderOf(
  folder: OpenFolder,
  parts: readonly Buffer[],
  act: (parent: OpenFolder, name: Buffer) => Promise<void>,
): Promise<void> {
  const [first, ...rest] = parts;
  if (first === undefined) return;
  if (rest.length === 0) return act(folder, first);
  const inner = await folder.folder(first);
  try {
    await inFolderOf(inner, rest, act);
  } finally {
    await inner.close();
  }
}
