import type { FileHandle } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import { openLogs } from './log-files.js';
import type { OpenLog } from './log-files.js';
import { LogClock, parseLogLine } from './log-line.js';
import type { LogLine } from './log-line.js';

export type { LogLine } from './log-line.js';

/** What a reading of logs rests on. With `problems`, or with no file there, nothing can be concluded from lines that are missing. */
export interface LogRead {
  /** Files of the channel, those included that were last written before `since`. */
  there: number;
  /** Files that were read. */
  files: number;
  /** Lines within the time. */
  lines: number;
  problems: string[];
}

export interface LogQuery {
  host: Host;
  /** Name of a channel: `monitoring`. */
  channel: string;
  /** ms since the epoch, both included. `until` is open if absent. */
  since: number;
  until?: number;
  /** Only lines with one of these words in their kept part: the others are not even decoded, which makes large logs cheap. */
  containing?: readonly string[];
}

/** Of a longer line only this much is kept, in bytes: enough for time, level and what it says. */
const longestLine = 64 * 1024;
/** Larger files are not read from their beginning, but from where their times reach `since`. */
const searchedFrom = 4 * 1024 * 1024;

/**
 * Hands every line of a channel between two moments to `onLine`, oldest file first, with flat memory whatever the size of files
 * or lines. Lines that continue another (stack traces) are left out; invalid UTF-8 is replaced. Files that can't be read are
 * `problems`, never silence. Runs in an activity and ends with its cancellation. A repeat is safe.
 */
export async function readLogLines({ host, channel, since, until = Number.POSITIVE_INFINITY, containing = [] }: LogQuery, onLine: (line: LogLine) => void): Promise<LogRead> {
  const read: LogRead = { there: 0, files: 0, lines: 0, problems: [] };
  const seen = new Set<string>();
  const take = (line: LogLine): void => {
    if (line.at < since || line.at > until) return;
    read.lines += 1;
    onLine(line);
  };
  // Twice: a rotation while we read gives a new file a name that was another's when we listed.
  for (const round of [1, 2]) {
    const { logs, there, problems } = await openLogs(host, channel, { since, until });
    read.there = there;
    if (round === 1) read.problems.push(...problems);
    try {
      for (const log of logs) {
        if (seen.has(log.identity)) continue;
        seen.add(log.identity);
        read.files += 1;
        await readLog(log, { zone: host.timeZone, since, containing }, take).catch((error: unknown) => {
          if (Context.current().cancellationSignal.aborted) throw error;
          read.problems.push(`${log.name} can't be read to its end: ${error instanceof Error ? error.message : String(error)}`);
        });
      }
    } catch (error) {
      if (Context.current().cancellationSignal.aborted) return await Context.current().cancelled;
      throw error;
    } finally {
      await Promise.all(logs.map(({ handle }) => handle.close()));
    }
  }
  return read;
}

async function readLog(log: OpenLog, { zone, since, containing }: { zone: string; since: number; containing: readonly string[] }, onLine: (line: LogLine) => void): Promise<void> {
  const signal = Context.current().cancellationSignal;
  const start = log.compressed || log.size < searchedFrom ? 0 : await searchStart(log, zone, since);
  const clock = new LogClock(zone);
  const lines = new Lines((text) => {
    const line = parseLogLine(text, clock);
    if (line) onLine(line);
  }, containing);
  // What is appended while we read belongs to the next reading.
  const raw = log.handle.createReadStream({ autoClose: false, start, end: Math.max(log.size - 1, 0), highWaterMark: 1024 * 1024, signal });
  const source = log.compressed ? raw.pipe(createGunzip()) : raw;
  if (log.compressed) raw.on('error', (error) => source.destroy(error));
  for await (const chunk of source as AsyncIterable<Buffer>) lines.push(chunk);
  lines.end();
}

/** Where to begin in a large file: a place before the first line of `since`. Lines are in the order of their times. */
async function searchStart({ handle, size }: OpenLog, zone: string, since: number): Promise<number> {
  let low = 0;
  let high = size;
  while (high - low > 1024 * 1024) {
    const middle = Math.floor((low + high) / 2);
    const at = await timeAfter(handle, middle, zone);
    // A little early, since several processes write. No line there, as in the middle of a huge one: look earlier.
    if (at !== undefined && at < since - 5_000) low = middle;
    else high = middle;
  }
  return low;
}

async function timeAfter(handle: FileHandle, position: number, zone: string): Promise<number | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(256 * 1024), 0, 256 * 1024, position);
  const [, ...whole] = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
  const clock = new LogClock(zone);
  for (const text of whole.slice(0, -1)) {
    const line = parseLogLine(text.slice(0, longestLine), clock);
    if (line) return line.at;
  }
  return undefined;
}

/** Cuts bytes into lines, of which it keeps the beginning. With `words` it hands on only lines that have one of them. */
class Lines {
  private parts: Buffer[] = [];
  private size = 0;
  private readonly onLine: (text: string) => void;
  private readonly words: Buffer[];

  constructor(onLine: (text: string) => void, words: readonly string[] = []) {
    this.onLine = onLine;
    this.words = words.map((word) => Buffer.from(word));
  }

  push(chunk: Buffer): void {
    let from = 0;
    if (this.words.length > 0) from = this.skipThrough(chunk);
    else {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        this.keep(chunk.subarray(from, at));
        this.end();
        from = at + 1;
      }
    }
    this.keep(chunk.subarray(from));
  }

  /** Jumps from word to word instead of from line to line. Ends where the chunk's last line begins. */
  private skipThrough(chunk: Buffer): number {
    const first = chunk.indexOf(10);
    if (first === -1) return 0;
    this.keep(chunk.subarray(0, first));
    this.end();
    const last = chunk.lastIndexOf(10);
    const next = this.words.map((word) => chunk.indexOf(word, first));
    for (;;) {
      const at = Math.min(...next.map((place) => (place === -1 ? Number.POSITIVE_INFINITY : place)));
      if (at > last) return last + 1;
      const start = chunk.lastIndexOf(10, at) + 1;
      const end = chunk.indexOf(10, at);
      // A word that lies behind what is kept of a line is not seen.
      if (at - start < longestLine) this.hand(chunk.subarray(start, Math.min(end, start + longestLine)));
      for (const [index, word] of this.words.entries()) {
        const place = next[index] ?? -1;
        if (place !== -1 && place < end) next[index] = chunk.indexOf(word, end);
      }
    }
  }

  end(): void {
    if (this.size === 0) return;
    const line = Buffer.concat(this.parts);
    this.parts = [];
    this.size = 0;
    if (this.words.length === 0 || this.words.some((word) => line.includes(word))) this.hand(line);
  }

  private hand(line: Buffer): void {
    const text = line.toString('utf8');
    this.onLine(text.endsWith('\r') ? text.slice(0, -1) : text);
  }

  private keep(piece: Buffer): void {
    const part = piece.subarray(0, longestLine - this.size);
    if (part.length === 0) return;
    // A copy of a small rest, or it would keep its whole chunk in memory.
    this.parts.push(part.length < piece.buffer.byteLength / 4 ? Buffer.from(part) : part);
    this.size += part.length;
  }
}

/** The last `most` lines of a channel's newest file, oldest first, with the file's name; undefined without one. */
export async function lastLogLines({ host, channel, most }: { host: Host; channel: string; most: number }): Promise<{ name: string; lines: LogLine[]; problems: string[] } | undefined> {
  const { logs, problems } = await openLogs(host, channel, { since: 0, until: Number.POSITIVE_INFINITY });
  try {
    const newest = logs.findLast(({ compressed }) => !compressed);
    if (!newest) return problems.length === 0 ? undefined : { name: channel, lines: [], problems };
    const length = Math.min(newest.size, 512 * 1024);
    const { buffer, bytesRead } = await newest.handle.read(Buffer.alloc(length), 0, length, newest.size - length);
    const texts = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    if (length < newest.size) texts.shift(); // the rest of a line that began earlier
    const clock = new LogClock(host.timeZone);
    const lines = texts.flatMap((text) => parseLogLine(text.slice(0, longestLine), clock) ?? []);
    return { name: newest.name, lines: lines.slice(-most), problems };
  } finally {
    await Promise.all(logs.map(({ handle }) => handle.close()));
  }
}
