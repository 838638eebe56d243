import { constants } from 'node:fs';
import { lstat, mkdir, open, readFile, realpath, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/activity';
import { z } from 'zod';

import type { Host } from '../domain/inventory.js';
import { badInput } from './known-hosts.js';

/** A file or folder that must stay as it is, because it is evidence of an incident. */
export interface Hold {
  /** Absolute real path; a folder holds everything below it. */
  path: string;
  /** Id of the incident that it is evidence of. */
  incident: string;
  reason: string;
  /** ISO 8601. */
  since: string;
}

const holdsFile = z.object({
  v: z.literal(1),
  holds: z.array(z.object({ path: z.string().startsWith('/'), incident: z.string(), reason: z.string(), since: z.string() })),
});

/** What is on hold on a host. A list that can't be read holds everything: never delete on a guess. */
export type Holds = { kind: 'listed'; holds: Hold[] } | { kind: 'everything'; because: string };

/** `<archive>/evidence/holds.json`. */
export function holdsPath(host: Host): string {
  return join(host.archive, 'evidence', 'holds.json');
}

/**
 * Reads what is on hold. No file means nothing is, but only while the archive itself is there; a file that is damaged, no file
 * of ours or not readable, or an archive that is missing, mean that everything is. A repeat is safe.
 */
export async function readHolds(host: Host): Promise<Holds> {
  const path = holdsPath(host);
  try {
    if (!(await lstat(host.archive).then((found) => found.isDirectory() || found.isSymbolicLink())))
      throw new Error(`${host.archive} is no folder`);
    const archive = await realpath(host.archive);
    const text = await readFile(join(archive, 'evidence', 'holds.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return { kind: 'listed', holds: [] };
    return { kind: 'listed', holds: holdsFile.parse(JSON.parse(text)).holds };
  } catch (error) {
    return { kind: 'everything', because: `${path} can't be read: ${error instanceof Error ? firstLine(error) : String(error)}` };
  }
}

/** Why a path must stay, or undefined if nothing holds it. Takes a real path, in bytes. */
export function heldBecause(holds: Holds, path: Buffer): string | undefined {
  if (holds.kind === 'everything') return `everything is held, since ${holds.because}`;
  const hold = holds.holds.find(({ path: held }) => isWithin(path, Buffer.from(held)));
  return hold === undefined ? undefined : `evidence of incident ${hold.incident}`;
}

function isWithin(path: Buffer, folder: Buffer): boolean {
  if (path.equals(folder)) return true;
  const prefix = folder.at(-1) === 0x2f ? folder : Buffer.concat([folder, Buffer.from('/')]);
  return path.subarray(0, prefix.length).equals(prefix);
}

let turn: Promise<unknown> = Promise.resolve();

/**
 * Puts a path on hold, under its real path. Written whole and synced before it counts, one at a time in this worker. A repeat
 * changes nothing. Throws `EvidenceUnreadable`, not retried, if the list is damaged: nobody may write over it.
 */
export async function addHold(host: Host, hold: Hold): Promise<void> {
  const mine = turn.then(() => write(host, hold));
  turn = mine.catch(() => undefined);
  return mine;
}

async function write(host: Host, hold: Hold): Promise<void> {
  if (!hold.path.startsWith('/')) throw badInput(`a hold needs an absolute path, not ${JSON.stringify(hold.path)}`);
  await mkdir(join(host.archive, 'evidence'), { recursive: true, mode: 0o700 });
  const known = await readHolds(host);
  if (known.kind === 'everything') throw ApplicationFailure.nonRetryable(known.because, 'EvidenceUnreadable');
  const path = await realpath(hold.path).catch(() => hold.path);
  if (known.holds.some((other) => other.path === path && other.incident === hold.incident)) return;
  const text = `${JSON.stringify({ v: 1, holds: [...known.holds, { ...hold, path }] }, null, 2)}\n`;
  const partial = `${holdsPath(host)}.partial`;
  const file = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, holdsPath(host));
}

function firstLine(error: Error): string {
  return (error instanceof z.ZodError ? z.prettifyError(error) : error.message).replace(/\s*\n\s*/g, ' · ').slice(0, 300);
}
