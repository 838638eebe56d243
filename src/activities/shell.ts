import { stat } from 'node:fs/promises';
import { Context } from '@temporalio/activity';

import { hostMisconfigured } from './known-hosts.js';
import { Excerpt, Recording } from './output.js';
import { spawnGroup } from './process-group.js';
import type { GroupEnd } from './process-group.js';
import type { Scrub } from './scrub.js';
import { openIdentity } from './user.js';

/** What a command said and how it ended: the system's answer, a value even when it failed. */
export interface CommandResult {
  /** 127 if there is no such command, 126 if it can't be run, 124 after a timeout, 128 + n after signal n, as a shell says it. */
  exitCode: number;
  /** At most `keep` bytes, head and tail, scrubbed of secrets. */
  stdout: string;
  stderr: string;
  /** Milliseconds. */
  took: number;
  timedOut: boolean;
  /** Name of the file with the whole output in the host's records folder, if a stream was cut. */
  file?: string;
}

export interface CommandOptions {
  cwd?: string;
  /** Run as this user: with its uid and gid if we are root, else by `sudo -n`. Same user: directly. */
  asUser?: string;
  /** On top of PATH, HOME, LANG and LC_ALL, the only variables that a command gets. */
  env?: Record<string, string>;
  /** The command and all it started are ended after this time. Default 60 s. */
  timeoutMs?: number;
  /** Bytes kept of each stream. Default and most: 32 KiB. */
  keep?: number;
}

/** How programs are run on one host: by exact name and argument list, with closed input and no prompt. */
export interface Shell {
  /**
   * Runs a command inside an activity, and gives its answer. Throws `CancelledFailure` once the activity is cancelled, and
   * `HostMisconfigured`, not retried, if the folder or the user does not exist. Whether a repeat is safe is the command's.
   */
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /**
   * The same, but hands every item of the output that ends in a NUL byte (`find -print0`) to `onItem`, raw and neither cut
   * nor scrubbed: for names of files, which may be any bytes. `stdout` of the result is empty.
   */
  each(
    command: string,
    args: readonly string[],
    onItem: (item: Buffer) => void,
    options?: CommandOptions,
  ): Promise<CommandResult>;
}

export const mostKept = 32 * 1024;
const defaultTimeout = 60_000;

/** A shell for the machine we run on. `records` is the host's folder for whole outputs; `path` replaces our own PATH. */
export function localShell({ records, scrub, path }: { records: string; scrub: Scrub; path?: string }): Shell {
  const searchPath = path ?? process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

  async function execute(
    command: string,
    args: readonly string[],
    options: CommandOptions,
    onStdout?: (chunk: Buffer) => void,
  ): Promise<CommandResult> {
    const { cancellationSignal } = Context.current();
    if (options.cwd !== undefined) await mustBeFolder(options.cwd);
    const identity = await openIdentity(options.asUser, searchPath);
    const keep = Math.min(options.keep ?? mostKept, mostKept);
    const recording = new Recording({ folder: records, command, waitsUntil: 2 * keep });
    const stdout = new Excerpt({ scrub, recording, keep });
    const stderr = new Excerpt({ scrub, recording, keep });
    const started = performance.now();
    try {
      const env = { PATH: searchPath, HOME: identity.home, LANG: 'C', LC_ALL: 'C', ...options.env };
      const end = await spawnGroup(identity.wrap(command, args, env), {
        cwd: options.cwd,
        env,
        ids: identity.ids,
        timeoutMs: options.timeoutMs ?? defaultTimeout,
        signal: cancellationSignal,
        onStdout: async (chunk) => (onStdout === undefined ? stdout.push(chunk) : onStdout(chunk)),
        onStderr: async (chunk) => stderr.push(chunk),
      });
      if (cancellationSignal.aborted) return await Context.current().cancelled;
      const cut = [await stdout.end(), await stderr.end()];
      if (cut.includes(true)) await recording.flush();
      const said = explained(command, end);
      const result: CommandResult = {
        exitCode: end.exitCode,
        stdout: stdout.text(),
        stderr: said === '' ? stderr.text() : `${stderr.text()}${said}`,
        took: Math.round(performance.now() - started),
        timedOut: end.timedOut,
      };
      return recording.file === undefined ? result : { ...result, file: recording.file };
    } finally {
      await recording.close();
      await identity.close();
    }
  }

  return {
    run: async (command, args, options = {}) => execute(command, args, options),
    each: async (command, args, onItem, options = {}) => {
      const items = new NulItems(onItem);
      return execute(command, args, options, (chunk) => items.push(chunk));
    },
  };
}

/** The answer in the command's own words: `df exited 1: …`, from stderr, or stdout if that is empty. */
export function commandsWords(command: string, result: CommandResult): string {
  const words = (result.stderr.trim() || result.stdout.trim()).replace(/\s*\n\s*/g, ' · ');
  return `${command} exited ${result.exitCode}${words === '' ? '' : `: ${words}`}`;
}

function explained(command: string, end: GroupEnd): string {
  if (end.timedOut) return `\n${command} was ended after ${end.timeoutMs / 1000} s`;
  if (end.exitCode === 127 && end.notStarted) return `command not found: ${command}`;
  if (end.exitCode === 126 && end.notStarted) return `command can't be run: ${command} (${end.notStartedBecause})`;
  return '';
}

async function mustBeFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) throw hostMisconfigured(`no folder ${path}: ${found.code ?? found.message}`);
  if (!found.isDirectory()) throw hostMisconfigured(`${path} is no folder`);
}

/** Names longer than this exist on no system; a program that writes them is not the one we meant to call. */
const longestItem = 64 * 1024;

class NulItems {
  private rest: Buffer = Buffer.alloc(0);
  private readonly onItem: (item: Buffer) => void;

  constructor(onItem: (item: Buffer) => void) {
    this.onItem = onItem;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(0); at !== -1; at = chunk.indexOf(0, from)) {
      this.onItem(Buffer.concat([this.rest, chunk.subarray(from, at)]));
      this.rest = Buffer.alloc(0);
      from = at + 1;
    }
    this.rest = Buffer.concat([this.rest, chunk.subarray(from)]);
    if (this.rest.length > longestItem) throw new Error(`a list item is longer than ${longestItem} bytes`);
  }
}
