import Table from 'cli-table3';
import pc from 'picocolors';
import { CliError } from './cli-error.js';
import { exitCode } from './exit-codes.js';
import { plainText } from './plain-text.js';

/** The colours of picocolors, or their absence. */
export type Ink = ReturnType<typeof pc.createColors>;

/** Where text goes: `process.stdout`, or anything that takes it. */
export interface Screen {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** How a command shows its result: for people, or as exactly one JSON document. */
export interface Output {
  readonly json: boolean;
  readonly ink: Ink;
  readonly terminal: boolean;
  /** Characters in a line of the terminal; 120 if there is none. */
  readonly columns: number;
  /** The result of the command: call it once. */
  result(document: unknown, forPeople: () => string): void;
  /** A line for people while the command goes on; nothing with --json. */
  line(text: string): void;
  /** Text as it is, for a line that is still being written; nothing with --json. */
  raw(text: string): void;
  /** Something worth knowing that is not the result, to stderr; nothing with --json. */
  aside(text: string): void;
}

/** Colours only on a terminal (or with FORCE_COLOR), never with NO_COLOR, TERM=dumb or --json. */
export function output(parts: { stdout: Screen; stderr: Screen; json: boolean; env: NodeJS.ProcessEnv }): Output {
  const { stdout, stderr, json, env } = parts;
  const terminal = stdout.isTTY === true && !json;
  const forced = (env['FORCE_COLOR'] ?? '') !== '' && env['FORCE_COLOR'] !== '0';
  // picocolors also takes CI for a terminal; a log file of a CI job is none.
  const ink = pc.createColors(pc.isColorSupported && !json && (terminal || forced));
  const forPeople = (screen: Screen, text: string) => {
    if (!json) screen.write(text);
  };
  return {
    json,
    ink,
    terminal,
    columns: stdout.columns ?? 120,
    result(document, text) {
      stdout.write(`${json ? JSON.stringify(document, null, 2) : text()}\n`);
    },
    line: (text) => forPeople(stdout, `${text}\n`),
    raw: (text) => forPeople(stdout, text),
    aside: (text) => forPeople(stderr, `${text}\n`),
  };
}

/** Tells a failure, to stderr or as the JSON document on stdout, and gives its exit code. */
export function tellFailure(failure: unknown, parts: { stdout: Screen; stderr: Screen; json: boolean }): number {
  const error = failure instanceof CliError ? failure : unexpected(failure);
  if (parts.json) {
    const document = {
      error: error.error,
      message: error.message,
      ...(error.next === '' ? {} : { next: error.next }),
      ...error.details,
    };
    parts.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    parts.stderr.write(`responder: ${error.message}\n${error.next === '' ? '' : `${error.next}\n`}`);
  }
  return exitCode(error.exit);
}

function unexpected(failure: unknown): CliError {
  const message = plainText(failure instanceof Error ? failure.message : String(failure));
  return new CliError({
    error: 'unexpected',
    exit: 'unexpected',
    message: `unexpected: ${message}`,
    next: '--json may still show what the server said.',
    cause: failure,
  });
}

/** Columns without borders, the first row as their heads. Cells may hold colours. */
export function table(head: string[], rows: string[][], ink: Ink): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const inside = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' };
  const lines = new Table({
    head: head.map((cell) => ink.dim(cell)),
    chars: { ...none, ...inside },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  lines.push(...rows);
  return lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Each line of a text moved to the right. */
export function indent(text: string, by: number): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : `${' '.repeat(by)}${line}`))
    .join('\n');
}
