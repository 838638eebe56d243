import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

import type { AppUser } from '../authos/app-user.js';
import { type AppSettings, layOutApplication } from '../authos/app-files.js';

/** What Debian's php-laravel-framework brings. */
export const laravelLibrary = '/usr/share/php/Illuminate/autoload.php';
/** By its path: a sandbox's own `php` may be in front of it. */
export const laravelPhp = '/usr/bin/php';

const overlay = fileURLToPath(new URL('root', import.meta.url));

/**
 * Lays out an application for Debian's Laravel in `root`: the files of the sandbox's stand-in, and over them what only the real one
 * needs. Its tables for jobs and failed jobs are those that Laravel itself makes. Throws artisan's words where that fails.
 */
export async function openLaravel({ root, user, settings }: { root: string; user: AppUser; settings: AppSettings }): Promise<void> {
  await mkdir(root, { recursive: true });
  await layOutApplication(root, settings);
  await cp(overlay, root, { recursive: true });
  await user.ownAll(root);
  for (const args of [['queue:table'], ['queue:failed-table'], ['migrate', '--force']]) await artisan(root, user, args);
}

async function artisan(root: string, user: AppUser, args: string[]): Promise<void> {
  await execa(laravelPhp, ['artisan', ...args, '--no-interaction'], {
    cwd: root,
    env: { HOME: join(root, 'storage') },
    extendEnv: false,
    stdin: 'ignore',
    timeout: 60_000,
    ...(process.getuid?.() === 0 ? { uid: user.uid, gid: user.gid } : {}),
  });
}
