import { chmod, mkdir, mkdtemp, readdir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.js';

/** The sandbox's folder, made if missing and passable for the application's user; `stop` takes away what was not there before. Throws if something is in it. */
export async function ownFolder(folder: string, undo: Cleanup): Promise<string> {
  const made = await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`A sandbox needs an empty folder, and ${folder} is not`);
  const real = await realpath(folder);
  undo.add('folder', async () => {
    for (const entry of await readdir(real)) await rm(join(real, entry), { recursive: true, force: true });
    if (made !== undefined) await rmdir(real);
  });
  await chmod(real, ((await stat(real)).mode & 0o777) | 0o011);
  return real;
}

/**
 * A folder on another device than the volume, since a careful caller moves nothing to where it already is. Where the volume
 * is not a mount of its own, memory is the other device that every Linux has; elsewhere there may be none.
 */
export async function archiveFolder({ folder, volume }: { folder: string; volume: string }, undo: Cleanup): Promise<string> {
  const { dev } = await stat(volume);
  for (const place of [folder, '/dev/shm', tmpdir()]) {
    const other = await stat(place).catch(() => undefined);
    if (other === undefined || other.dev === dev) continue;
    const archive = place === folder ? join(folder, 'archive') : await mkdtemp(join(place, 'authos-archive-'));
    await mkdir(archive, { recursive: true });
    undo.add('archive', () => rm(archive, { recursive: true, force: true }));
    return archive;
  }
  const archive = join(folder, 'archive');
  await mkdir(archive);
  return archive;
}
