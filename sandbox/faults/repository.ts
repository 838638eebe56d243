import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Authos } from '../authos/authos.js';

/** Git in the application's root, as its user: what somebody who deploys does. Its output; throws with its words. */
export async function git(authos: Authos, ...args: string[]): Promise<string> {
  const asUser = process.getuid?.() === 0 ? { uid: authos.user.uid, gid: authos.user.gid } : {};
  const identity = ['-c', 'user.name=Dana Deploy', '-c', 'user.email=dana@authos.test', '-c', 'core.hooksPath=/dev/null', '-c', 'gc.auto=0'];
  const { stdout } = await execa('git', [...identity, ...args], {
    cwd: authos.root,
    env: { PATH: process.env['PATH'] ?? '', HOME: join(authos.folder, 'sandbox'), GIT_EDITOR: 'true', GIT_CONFIG_NOSYSTEM: '1' },
    extendEnv: false,
    stdin: 'ignore',
    ...asUser,
  });
  return stdout;
}

/** Makes the application's root a repository with what is deployed as its first commit, tagged `deployed`. */
export async function initRepository(authos: Authos): Promise<void> {
  await git(authos, 'init', '--quiet', '--initial-branch=main');
  await git(authos, 'add', '--all');
  await git(authos, 'commit', '--quiet', '--message', 'Release 2026.1');
  await git(authos, 'tag', 'deployed');
}

/** Commits files (null deletes one). */
export async function commitFiles(authos: Authos, subject: string, files: Record<string, string | null>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(authos.root, path);
    if (text === null) {
      await rm(file);
      continue;
    }
    const made = await mkdir(dirname(file), { recursive: true });
    if (made !== undefined) await authos.user.ownAll(made);
    await writeFile(file, text);
    await authos.user.own(file);
  }
  await git(authos, 'add', '--all');
  await git(authos, 'commit', '--quiet', '--message', subject);
}
