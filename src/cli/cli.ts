import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { responderApi, type Api } from './api.js';
import { CliError, UsageError } from './cli-error.js';
import { exitCode, type ExitName } from './exit-codes.js';
import type { Caller } from './http-client.js';
import { output, type Output, type Screen } from './output.js';
import { shellWord } from './plain-text.js';

/** What the command line meets of the outside: given by main.ts. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  stdin: Readable & { isTTY?: boolean };
  stdout: Screen;
  stderr: Screen;
  now(): number;
  /** Resolves after `ms`; rejects if the signal is aborted before. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Aborted by the first Ctrl-C or SIGTERM after this was asked for; until then either ends the process as always. */
  interruption(): AbortSignal;
}

/** What every command works with, made for one invocation from its flags and the environment. */
export interface Cli {
  api: Api;
  out: Output;
  env: NodeJS.ProcessEnv;
  now(): number;
  pause: Surroundings['pause'];
  interruption(): AbortSignal;
  /** A command to type next, with the same server: `responder ack 0199…`. */
  typed(words: string): string;
  /** The text of a file, or of the standard input for `-`. Throws `UsageError` if it can't be read. */
  input(file: string): Promise<string>;
  stdinIsTerminal: boolean;
  /** The exit code, if it is not 0 although nothing failed. */
  endWith(name: ExitName): void;
}

/** Makes the parts for a command when it runs: nothing is read or connected before. `patience`: seconds to wait where --timeout is not given. */
export type Connect = (command: Command, patience?: number) => Cli;

interface CommonFlags {
  url?: string;
  timeout?: number;
  json?: boolean;
}

/** `ended` hears of an exit code that is not 0 although nothing failed. */
export function connector(surroundings: Surroundings, ended: (code: number) => void): Connect {
  const { env, stdin, stdout, stderr, now, pause, interruption } = surroundings;
  return (command, patience = 15) => {
    const { url, timeout, json } = command.optsWithGlobals<CommonFlags>();
    return {
      api: responderApi({
        url: checkedUrl(url ?? env['RESPONDER_URL'] ?? 'http://127.0.0.1:8080', url === undefined ? 'RESPONDER_URL' : '--url'),
        timeoutMs: (timeout ?? patience) * 1_000,
        token: (as) => checkedToken(env, as),
      }),
      out: output({ stdout, stderr, json: json === true, env }),
      env,
      now,
      pause,
      interruption,
      typed: (words) => `responder ${words}${url === undefined ? '' : ` --url ${shellWord(url)}`}`,
      input: (file) => (file === '-' ? text(stdin) : textOf(file)),
      stdinIsTerminal: stdin.isTTY === true,
      endWith: (name) => ended(exitCode(name)),
    };
  };
}

function checkedUrl(value: string, from: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(
      `${from} is ${JSON.stringify(value.replace(/\/\/[^/]*@/, '//…@'))}: it must be an http or https address, such as http://127.0.0.1:8080.`,
    );
  }
  // Not repeated in the message: it may hold a password.
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`${from} must not hold a name or password: the token is RESPONDER_TOKEN.`);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function checkedToken(env: NodeJS.ProcessEnv, as: Caller): string {
  const variable = as === 'person' ? 'RESPONDER_TOKEN' : 'RESPONDER_ALERT_TOKEN';
  const token = env[variable]?.trim() ?? '';
  if (token === '') {
    throw new CliError({
      error: 'no_token',
      exit: 'notAuthorised',
      message: `${variable} is not set.`,
      next:
        as === 'person'
          ? 'It is your own token, named in the config of the server.'
          : 'It is the token of the monitoring systems, named in the config of the server.',
    });
  }
  // fetch would repeat a header it can't send in its message, and with it the token.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new UsageError(`${variable} holds characters that no token has, such as a space or a line break.`);
  return token;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`can't read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
