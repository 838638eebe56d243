import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { DateTime } from 'luxon';

import type { Host } from '../domain/inventory.js';
import { badInput } from './known-hosts.js';

/** A log file of a channel, open for reading. Close its handle. */
export interface OpenLog {
  name: string;
  handle: FileHandle;
  size: number;
  /** Same file, whatever rotation calls it by now. */
  identity: string;
  /** ms since the epoch of the last write. */
  writtenAt: number;
  compressed: boolean;
}

export interface OpenLogs {
  logs: OpenLog[];
  /** All files of the channel, the older ones included. */
  there: number;
  /** Files that could not be looked into: what they hold is not known. */
  problems: string[];
}

/**
 * Opens the files of a channel that may hold lines of a time: `api.log`, `api-2026-01-27.log`, rotated ones (`.1`,
 * `-20260127`) and gzipped ones. Oldest first. A file last written before `since` holds nothing newer, and the date in a
 * daily file's name is its zone's day. Links are not followed: the folder is the application's, and what it runs may make them.
 */
export async function openLogs(host: Host, channel: string, { since, until }: { since: number; until: number }): Promise<OpenLogs> {
  if (!/^[a-z][a-z0-9_-]{0,40}$/.test(channel)) throw badInput(`no name of a log channel: ${JSON.stringify(channel)}`);
  const folder = join(host.root, 'storage/logs');
  const named = new RegExp(`^${channel}(?:-(\\d{4}-\\d{2}-\\d{2}))?\\.log(?:[.-]\\d{1,8})*(\\.gz)?$`);
  const lastDay = Number.isFinite(until) ? DateTime.fromMillis(until, { zone: host.timeZone }).toISODate() : null;
  const opened: OpenLogs = { logs: [], there: 0, problems: [] };
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    return { logs: [], there: 0, problems: [`storage/logs can't be listed: ${codeOf(error)}`] };
  }
  for (const name of names) {
    const match = named.exec(name);
    if (!match) continue;
    opened.there += 1;
    if (lastDay !== null && match[1] !== undefined && match[1] > lastDay) continue;
    try {
      const log = await openLog(join(folder, name), name, match[2] !== undefined);
      // A second's grace: some file systems keep times that coarse.
      if (log && log.writtenAt >= since - 1_000 && log.size > 0) opened.logs.push(log);
      else await log?.handle.close();
    } catch (error) {
      // Rotated away between the listing and now: it is there under its new name.
      if (codeOf(error) !== 'ENOENT') opened.problems.push(`${name} can't be read: ${codeOf(error)}`);
    }
  }
  opened.logs.sort((a, b) => a.writtenAt - b.writtenAt);
  return opened;
}

async function openLog(path: string, name: string, compressed: boolean): Promise<OpenLog | undefined> {
  // Without NONBLOCK a named pipe would hold us for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const file = await handle.stat();
  if (!file.isFile()) {
    await handle.close();
    return undefined;
  }
  return { name, handle, size: file.size, identity: `${file.dev}:${file.ino}`, writtenAt: file.mtimeMs, compressed };
}

function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
}
