import { lstat } from 'node:fs/promises';

import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { shownName } from './wording.js';

/** Sizes on disk below a folder, largest first, by `du` on one file system. Names are made harmless for people. */
export interface Sizes {
  totalBytes: number;
  rows: { name: string; bytes: number }[];
  /** What the figures lack, such as `; ended after 60 s`; empty if nothing. */
  note: string;
}

/**
 * The same as `du -a | sort -rn | head`, in bounded memory and time. Folders end in a slash. Throws with du's words if it saw
 * nothing.
 */
export async function topSizes({
  shell,
  path,
  most,
  depth,
  timeoutMs,
  filesOnly = false,
}: {
  shell: Shell;
  path: string;
  most: number;
  /** Folders this deep count, and no files; without it everything does. */
  depth?: number;
  timeoutMs: number;
  filesOnly?: boolean;
}): Promise<Sizes> {
  const base = Buffer.from(path);
  let totalBytes = 0;
  let top: { path: Buffer; bytes: number }[] = [];
  const take = (item: Buffer): void => {
    const tab = item.indexOf(0x09);
    const found = { path: item.subarray(tab + 1), bytes: Number(item.toString('latin1', 0, tab)) * 1024 };
    if (found.path.equals(base)) totalBytes = found.bytes;
    else top.push(found);
    // Sorting now and then costs less than keeping the order, and the rest can be forgotten.
    if (top.length > 20 * most) top = largest(top, 10 * most);
  };
  const what = depth === undefined ? ['-a'] : ['-d', `${depth}`];
  const result = await shell.each('du', [...what, '-x', '-k', '-0', '--', path], take, { timeoutMs });
  if (result.exitCode !== 0 && totalBytes === 0 && top.length === 0) throw new Error(commandsWords('du', result));
  const rows: Sizes['rows'] = [];
  for (const found of largest(top, filesOnly ? top.length : most)) {
    const entry = await lstat(found.path).catch(() => undefined);
    if (entry === undefined || (filesOnly && entry.isDirectory())) continue;
    const name = shownName(found.path.subarray(base.length + 1));
    rows.push({ name: entry.isDirectory() ? `${name}/` : name, bytes: found.bytes });
    if (rows.length === most) break;
  }
  const note = result.timedOut
    ? `; ended after ${timeoutMs / 1000} s, so there may be larger ones`
    : result.exitCode === 0
      ? ''
      : '; some of it could not be read';
  return { totalBytes, rows, note };
}

function largest(found: { path: Buffer; bytes: number }[], most: number): { path: Buffer; bytes: number }[] {
  return found.toSorted((a, b) => b.bytes - a.bytes).slice(0, most);
}
