import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { ActResult } from '../domain/step.js';
import { badInput, hostMisconfigured } from './known-hosts.js';
import { commandsWords } from './shell.js';
import type { CommandResult, Shell } from './shell.js';
import { fitted } from './wording.js';

export interface ArtisanCall {
  host: Host;
  shell: Shell;
  /** Exact name, `queue:flush`. */
  command: string;
  args?: readonly string[];
  /** Data for the command, as variables: never a secret, since `sudo` shows them in the list of processes. */
  env?: Record<string, string>;
  /** Default 2 minutes. */
  timeoutMs?: number;
}

/** A command's answer; `exists` is false if this version of the application does not have it, and then it was not run. */
export interface ArtisanResult extends CommandResult {
  exists: boolean;
}

/**
 * Runs one artisan command as the application's user, with closed input and no questions, if this version has exactly this
 * command. Artisan itself is never asked by a name it may not know: it takes abbreviations, and next to `db:wipe-cache` it
 * suggests `db:wipe`, which drops every table. Throws `HostMisconfigured`, not retried, without an application there.
 */
export async function artisan({ host, shell, command, args = [], env = {}, timeoutMs = 120_000 }: ArtisanCall): Promise<ArtisanResult> {
  if (!/^[a-z][\w-]*(:[\w-]+)*$/.test(command)) throw badInput(`no name of an artisan command: ${JSON.stringify(command)}`);
  const known = await commandsOf({ host, shell });
  if ('exitCode' in known) return { ...known, exists: true };
  if (!known.has(command))
    return { exitCode: 1, stdout: '', stderr: `Command "${command}" is not defined.`, took: 0, timedOut: false, exists: false };
  return { ...(await call({ host, shell }, [command, ...args], timeoutMs, env)), exists: true };
}

/** The names of all commands of this version, or artisan's answer if it can't list them. */
export async function commandsOf(at: { host: Host; shell: Shell }): Promise<Set<string> | CommandResult> {
  const result = await call(at, ['list', '--raw'], 60_000);
  if (result.exitCode !== 0) return result;
  // "name   description", one a line.
  const names = result.stdout.split('\n').map((line) => line.split(/\s/, 1)[0] ?? '');
  return new Set(names.filter((name) => name !== ''));
}

async function call(
  { host, shell }: { host: Host; shell: Shell },
  args: readonly string[],
  timeoutMs: number,
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const [program, ...before] = host.php;
  if (program === undefined) throw hostMisconfigured(`host ${host.name} does not say how PHP is called`);
  const file = await lstat(join(host.root, 'artisan')).catch(() => undefined);
  if (file === undefined) throw hostMisconfigured(`no artisan in ${host.root} on host ${host.name}`);
  return shell.run(program, [...before, 'artisan', ...args, '--no-interaction', '--no-ansi'], {
    cwd: host.root,
    asUser: host.user,
    env,
    timeoutMs,
  });
}

/** An answer as the end of an act: its own words, 'failed' unless it exited 0. */
export function artisanOutcome(command: string, result: ArtisanResult): ActResult {
  const file = result.file === undefined ? {} : { file: result.file };
  if (!result.exists) return { outcome: 'failed', evidence: result.stderr };
  if (result.exitCode !== 0) return { outcome: 'failed', evidence: fitted(commandsWords(`artisan ${command}`, result)), ...file };
  const words = (result.stdout.trim() || result.stderr.trim()).replace(/\s*\n\s*/g, ' · ');
  return { outcome: 'done', evidence: fitted(`artisan ${command}: ${words || 'no output'}`, 1_500), ...file };
}

const mark = 'responder-json:';

/**
 * What a fixed snippet of PHP prints as JSON through tinker, or why it can't be known. `code` is ours, never made from data: it
 * must be an expression that json_encode takes. Reads only what it says. Data reaches it as variables (`getenv('NAME')`).
 */
export async function tinkerJson(
  at: { host: Host; shell: Shell; env?: Record<string, string> },
  code: string,
): Promise<{ value: unknown } | { unknown: string }> {
  const result = await artisan({
    ...at,
    command: 'tinker',
    args: ['--execute', `echo PHP_EOL, '${mark}', json_encode(${code}), PHP_EOL;`],
  });
  if (!result.exists) return { unknown: result.stderr };
  const line = result.stdout.split('\n').findLast((text) => text.startsWith(mark));
  if (result.exitCode !== 0 || line === undefined) return { unknown: fitted(commandsWords('artisan tinker', result), 500) };
  try {
    return { value: JSON.parse(line.slice(mark.length)) as unknown };
  } catch {
    return { unknown: `tinker printed no JSON: ${fitted(line, 200)}` };
  }
}
