import { realpath } from 'node:fs/promises';

import type { Host } from '../domain/inventory.js';
import { commandsWords } from './shell.js';
import type { CommandResult, Shell } from './shell.js';

/** Git's answer that it could not give what was asked. */
export class GitRefused extends Error {}

/** Git in the application's root, as the application's user. */
export interface Git {
  /** Runs git and gives its answer, whatever it is. */
  run(args: readonly string[]): Promise<CommandResult>;
  /** Its output without the last newline. Throws `GitRefused` with git's words if it did not exit 0. */
  read(args: readonly string[]): Promise<string>;
  /** Its output with `-z`, item by item and of any length: for names of files, which may be any bytes. Throws as `read` does. */
  items(args: readonly string[]): Promise<string[]>;
}

/*
 * Nothing here may open an editor, ask, sign, or run a hook of the repository. The commits are the automation's, under its own
 * name. `safe.directory`: a checkout often belongs to the user who deploys.
 */
const settings = (root: string): string[] =>
  [
    `safe.directory=${root}`,
    'core.hooksPath=/dev/null',
    'core.editor=true',
    'core.fsmonitor=false',
    'core.pager=cat',
    'core.quotePath=true',
    'commit.gpgSign=false',
    'gc.auto=0',
    'user.name=AuthOS Responder',
    'user.email=responder@localhost',
  ].flatMap((setting) => ['-c', setting]);

const env = { GIT_EDITOR: 'true', GIT_SEQUENCE_EDITOR: 'true', GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: 'true', GIT_OPTIONAL_LOCKS: '0' };

/** Git for a host whose root is a work tree of its own, or why there is none: a release unpacked from an archive has no past. */
export async function gitOf({ host, shell }: { host: Host; shell: Shell }): Promise<Git | { unknown: string }> {
  const root = await realpath(host.root).catch(() => host.root);
  const options = { cwd: host.root, asUser: host.user, env, timeoutMs: 120_000 };
  const whole = (args: readonly string[]): string[] => ['--no-pager', ...settings(root), ...args];
  const run = (args: readonly string[]): Promise<CommandResult> => shell.run('git', whole(args), options);
  const top = await run(['rev-parse', '--show-toplevel']);
  if (top.exitCode !== 0) return { unknown: `${host.root} is no git work tree (${commandsWords('git', top).slice(0, 200)})` };
  if (top.stdout.trimEnd() !== root) return { unknown: `the git work tree is ${top.stdout.trimEnd()}, not ${root}` };
  return {
    run,
    async read(args) {
      const result = await run(args);
      if (result.exitCode !== 0) throw new GitRefused(commandsWords(`git ${args[0] ?? ''}`, result));
      if (result.file !== undefined) throw new GitRefused(`git ${args[0] ?? ''} said too much to be judged`);
      return result.stdout.replace(/\n$/, '');
    },
    async items(args) {
      const found: string[] = [];
      const result = await shell.each('git', whole(args), (item) => void found.push(item.toString('utf8')), options);
      if (result.exitCode !== 0) throw new GitRefused(commandsWords(`git ${args[0] ?? ''}`, result));
      return found;
    },
  };
}

/** A whole commit hash: what git gave us, and the only form in which we name a commit to it. */
export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text);
}
