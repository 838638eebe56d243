import type { Stats } from 'node:fs';
import { Context } from '@temporalio/activity';

import { heldBecause } from './evidence.js';
import type { Holds } from './evidence.js';
import type { HeldOpen } from './held-open.js';
import type { OpenFolder } from './open-folder.js';
import { looksLikeDatabase } from './storage-folder.js';
import { bytesText, listed, shownName } from './wording.js';

/** What a clearing did so far: counts and bytes for people, and what was left and why. */
export class Clearing {
  deleted = 0;
  moved = 0;
  freed = 0;
  readonly left: string[] = [];
  private readonly inodes = new Set<number>();

  took(file: Stats, how: 'deleted' | 'moved'): void {
    this[how] += 1;
    // With another hard link to it the bytes are not free.
    if (file.nlink > 1) return;
    this.freed += file.blocks * 512;
    this.inodes.add(file.ino);
  }

  leave(name: Buffer | string, why: string): void {
    this.left.push(`left ${shownName(name)}: ${why}`);
  }

  /** One sentence with the figures, then what was left. */
  text(what: string, held: HeldOpen): string {
    const ours = [...this.inodes].some((inode) => held.inodes.has(inode));
    const deleted = `${this.deleted} ${this.deleted === 1 ? 'file' : 'files'} deleted`;
    const moved = this.moved === 0 ? '' : `, ${this.moved} moved to the archive`;
    const open =
      held.bytes === 0
        ? ''
        : `; ${bytesText(held.bytes)} of deleted files on this mount are held open by ${held.holders.join(', ')}${ours ? ', some of these among them' : ''}: free once those restart`;
    const unseen = held.notSeen === 0 ? '' : ` (${held.notSeen} processes of other users not looked into)`;
    return listed(`${what}: ${deleted}${moved}, ${bytesText(this.freed)} freed${open}${unseen}`, this.left, 12);
  }
}

/**
 * Deletes all that is in a folder, and nothing outside of it: links go and are not followed, another mount or a database's
 * directory stays, and so does evidence. What the application makes or takes away meanwhile is no error.
 */
export async function emptyFolder(
  folder: OpenFolder,
  { holds, clearing, keep = [] }: { holds: Holds; clearing: Clearing; keep?: readonly string[] },
): Promise<void> {
  const { cancellationSignal } = Context.current();
  const names = await folder.names();
  if (looksLikeDatabase(names)) return clearing.leave(folder.path, "a database's directory");
  for (const name of names) {
    cancellationSignal.throwIfAborted();
    if (keep.includes(name.toString())) continue;
    const path = folder.pathOf(name);
    try {
      const entry = await folder.stat(name);
      const held = heldBecause(holds, path);
      if (entry.dev !== folder.dev) clearing.leave(path, 'on another mount');
      else if (held !== undefined) clearing.leave(path, held);
      else if (entry.isDirectory()) await emptyAndRemove(folder, name, { holds, clearing });
      else {
        await folder.unlink(name);
        clearing.took(entry, 'deleted');
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (cancellationSignal.aborted) throw error;
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY') clearing.leave(path, code ?? String(error));
    }
  }
}

async function emptyAndRemove(folder: OpenFolder, name: Buffer, options: { holds: Holds; clearing: Clearing }): Promise<void> {
  const inner = await folder.folder(name);
  try {
    await emptyFolder(inner, options);
  } finally {
    await inner.close();
  }
  await folder.rmdir(name);
}
