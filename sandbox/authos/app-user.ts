import { chown, lchown, readdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** The user that the application runs as, and that owns its files. */
export interface AppUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Gives one path to the user, links not followed. Does nothing where we are that user. */
  own(path: string): Promise<void>;
  /** Gives a folder and all in it to the user, without crossing links. */
  ownAll(folder: string): Promise<void>;
}

/**
 * The user `name`, or by default: ourselves, except that root hands the application to `www-data` (else `nobody`) if that
 * user can reach the sandbox and its programs. Throws if a named user does not exist or if we may not act as it.
 */
export async function appUser(folder: string, name?: string): Promise<AppUser> {
  const self = userInfo();
  if (name !== undefined && name !== self.username) {
    if (self.uid !== 0) throw new Error(`Only root can run the application as ${name}; this is ${self.username}`);
    const found = await idOf(name);
    if (found === undefined) throw new Error(`There is no user ${name} to run the application as`);
    return handle(name, found);
  }
  if (self.uid === 0 && name === undefined) {
    const places = [folder, process.execPath, fileURLToPath(new URL('../bin', import.meta.url))];
    if ((await Promise.all(places.map(reachable))).every(Boolean)) {
      for (const candidate of ['www-data', 'nobody']) {
        const found = await idOf(candidate);
        if (found !== undefined) return handle(candidate, found);
      }
    }
  }
  return handle(self.username, self);
}

function handle(name: string, { uid, gid }: { uid: number; gid: number }): AppUser {
  const needed = process.getuid?.() === 0;
  const own = async (path: string) => {
    if (!needed) return;
    await lchown(path, uid, gid);
  };
  const ownAll = async (folder: string) => {
    if (!needed) return;
    await chown(folder, uid, gid);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await ownAll(path);
      else await own(path);
    }
  };
  return { name, uid, gid, own, ownAll };
}

async function idOf(name: string): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => execa('id', [flag, name], { reject: false, stdin: 'ignore' })));
  return uid?.exitCode === 0 && gid?.exitCode === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

/** True if any user may pass through every folder on the way. */
async function reachable(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  return (mode & 0o001) !== 0 && (dirname(path) === path || reachable(dirname(path)));
}
