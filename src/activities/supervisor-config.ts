import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { hostMisconfigured } from './known-hosts.js';

/** A config file of supervisor, every byte of it. */
export interface SupervisorConfig {
  path: string;
  stats: Stats;
  /** latin1: every byte survives. */
  text: string;
}

/** No config of supervisor is near this size. */
const longest = 1024 * 1024;

/** Reads the file, links not followed. Throws `HostMisconfigured`, not retried, if it is not there or no file. */
export async function readSupervisorConfig(path: string): Promise<SupervisorConfig> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
    throw hostMisconfigured(`${path} can't be opened: ${error.code ?? error.message}`);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > longest) throw hostMisconfigured(`${path} is no config of supervisor`);
    return { path, stats, text: (await file.readFile()).toString('latin1') };
  } finally {
    await file.close();
  }
}

/** The `numprocs` of a program: 1 without the line, as supervisor has it. Undefined if the file has no such program or the line is no number. */
export function numprocsOf(text: string, program: string): number | undefined {
  const section = sectionOf(text, program);
  if (section === undefined) return undefined;
  const line = [...section.body.matchAll(numprocs)].at(-1);
  if (line === undefined) return 1;
  return /^\d{1,4}$/.test(line[2] ?? '') ? Number(line[2]) : undefined;
}

/** The text with another `numprocs` of a program, the rest byte for byte. Throws `HostMisconfigured`, not retried, without the program. */
export function withNumprocs(text: string, program: string, value: number): string {
  const section = sectionOf(text, program);
  if (section === undefined) throw hostMisconfigured(`the config of supervisor has no [program:${program}]`);
  const line = [...section.body.matchAll(numprocs)].at(-1);
  if (line === undefined) return `${text.slice(0, section.start)}numprocs=${value}\n${text.slice(section.start)}`;
  const at = section.start + line.index + (line[1] ?? '').length;
  return `${text.slice(0, at)}${value}${text.slice(at + (line[2] ?? '').length)}`;
}

/** The key and what follows it up to the value, then the value; a comment after it stays. */
const numprocs = /^(numprocs[ \t]*=[ \t]*)([^\s;]*)/gm;

function sectionOf(text: string, program: string): { start: number; body: string } | undefined {
  const head = new RegExp(`^\\[program:${program.replace(/[^\w-]/g, '\\$&')}\\][ \\t]*\\r?\\n`, 'm').exec(text);
  if (head === null) return undefined;
  const start = head.index + head[0].length;
  const next = text.slice(start).search(/^\[/m);
  return { start, body: next === -1 ? text.slice(start) : text.slice(start, start + next) };
}

/** Written beside it, synced and renamed, with owner and mode kept: supervisor sees the old file or the new one. */
export async function writeSupervisorConfig({ path, stats }: SupervisorConfig, text: string): Promise<void> {
  const partial = `${path}.responder-${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(Buffer.from(text, 'latin1'));
      if (process.getuid?.() === 0 || stats.uid !== process.getuid?.()) await file.chown(stats.uid, stats.gid);
      await file.chmod(stats.mode & 0o7777);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    const folder = await open(dirname(path), constants.O_RDONLY);
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
