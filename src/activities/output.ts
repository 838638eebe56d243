import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import type { Scrub, ScrubStream } from './scrub.js';
import { bytesText } from './wording.js';

/** A record of one command is cut here: on a full disk, keeping evidence must not become the next fault. */
const longestRecord = 64 * 1024 * 1024;

/**
 * The whole output of one command in a file of the records folder (0600), made only if it is longer than what is kept in
 * the result. A record that can't be written (a full disk is when it happens) is said so and never fails the command.
 */
export class Recording {
  /** Name of the file, once there is one. */
  file: string | undefined;
  /** Why the whole output could not be kept. */
  problem: string | undefined;
  private readonly folder: string;
  private readonly name: string;
  private readonly waitsUntil: number;
  private waiting: string[] = [];
  private size = 0;
  private handle: FileHandle | undefined;

  constructor({ folder, command, waitsUntil }: { folder: string; command: string; waitsUntil: number }) {
    this.folder = folder;
    this.waitsUntil = waitsUntil;
    const stamp = new Date().toISOString().replace(/[:.]/g, '-');
    this.name = `${stamp}-${command
      .replace(/^.*\//, '')
      .replace(/[^\w.-]/g, '_')
      .slice(0, 40)}-${randomBytes(4).toString('hex')}.txt`;
  }

  async write(text: string): Promise<void> {
    if (text === '' || this.problem !== undefined) return;
    this.size += Buffer.byteLength(text);
    this.waiting.push(text);
    if (this.size > this.waitsUntil) await this.flush();
  }

  /** Writes what waits; the file exists from here on. */
  async flush(): Promise<void> {
    if (this.problem !== undefined) return;
    try {
      if (this.handle === undefined) {
        await mkdir(this.folder, { recursive: true, mode: 0o700 });
        this.handle = await open(
          join(this.folder, this.name),
          constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
          0o600,
        );
        this.file = this.name;
      }
      const waiting = this.waiting;
      this.waiting = [];
      for (const text of waiting) await this.handle.write(text);
      if (this.size > longestRecord) this.problem = `the record ends after ${bytesText(longestRecord)}`;
    } catch (error) {
      this.waiting = [];
      this.problem = `the whole could not be kept: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }
}

/** The head and the tail of one stream, scrubbed before it is cut, so that no half of a secret is left at the cut. */
export class Excerpt {
  private readonly scrub: ScrubStream;
  private readonly decoder = new TextDecoder();
  private readonly recording: Recording;
  private readonly half: number;
  private head = '';
  private tail = '';
  private leftOut = 0;

  constructor({ scrub, recording, keep }: { scrub: Scrub; recording: Recording; keep: number }) {
    this.scrub = scrub.stream();
    this.recording = recording;
    this.half = Math.max(1, Math.floor(keep / 2));
  }

  async push(chunk: Uint8Array): Promise<void> {
    await this.take(this.scrub.push(this.decoder.decode(chunk, { stream: true })));
  }

  /** Takes the rest; true if something had to be left out of the result. */
  async end(): Promise<boolean> {
    await this.take(this.scrub.push(this.decoder.decode()));
    await this.take(this.scrub.end());
    return this.leftOut > 0;
  }

  /** The text that is kept, at most `keep` bytes and the mark of the cut. */
  text(): string {
    if (this.leftOut === 0) return this.head + this.tail;
    const where = this.recording.file === undefined ? '' : `, whole in ${this.recording.file}`;
    const problem = this.recording.problem === undefined ? '' : ` (${this.recording.problem})`;
    return `${this.head}\n… ${bytesText(this.leftOut)} left out${where}${problem} …\n${this.tail}`;
  }

  private async take(text: string): Promise<void> {
    if (text === '') return;
    await this.recording.write(text);
    let rest = text;
    if (this.tail === '') {
      const room = this.half - Buffer.byteLength(this.head);
      const taken = room > 0 ? firstBytes(rest, room) : '';
      this.head += taken;
      rest = rest.slice(taken.length);
      if (rest === '') return;
    }
    const both = this.tail + rest;
    this.tail = lastBytes(both, this.half);
    this.leftOut += Buffer.byteLength(both) - Buffer.byteLength(this.tail);
  }
}

/** The longest start of `text` within `limit` bytes, not cutting a character. */
function firstBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  let end = limit;
  while (end > 0 && isContinuation(bytes[end])) end -= 1;
  return bytes.toString('utf8', 0, end);
}

function lastBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  let start = bytes.length - limit;
  while (start < bytes.length && isContinuation(bytes[start])) start += 1;
  return bytes.toString('utf8', start);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
