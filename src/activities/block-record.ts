import { constants } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

import type { Host } from '../domain/inventory.js';

/** A block of ours at a host. */
export interface Block {
  /** ms since the epoch. */
  at: number;
  /** Id of the incident that it belongs to. */
  incident: string;
}

const file = z.object({ v: z.literal(1), blocks: z.record(z.string(), z.object({ at: z.number(), incident: z.string() })) });

const pathOf = (host: Host): string => join(host.records, 'blocks.json');

/**
 * Which blocks of a host are ours, by address: a rule that somebody else made is never lifted. Throws if the record can't be
 * read, which is retried: without it nobody knows whose a rule is.
 */
export async function readBlocks(host: Host): Promise<Record<string, Block>> {
  const text = await readFile(pathOf(host), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return {};
  try {
    return file.parse(JSON.parse(text)).blocks;
  } catch (error) {
    throw new Error(`${pathOf(host)} is damaged, so nobody knows which blocks are ours`, { cause: error });
  }
}

/** Changes the record; written whole and synced before it counts. Callers take turns. */
export async function changeBlocks(host: Host, change: (blocks: Record<string, Block>) => void): Promise<void> {
  const blocks = await readBlocks(host);
  change(blocks);
  await mkdir(host.records, { recursive: true, mode: 0o700 });
  await writeWhole(pathOf(host), `${JSON.stringify({ v: 1, blocks }, null, 2)}\n`, 0o600);
}

/** Writes a file beside its place, syncs and renames it: whoever reads sees the old text or the new one. */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const partial = join(dirname(path), `.${process.pid}-${path.slice(dirname(path).length + 1)}.partial`);
  const handle = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, path);
}
