import { chown, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

import { hostMisconfigured } from './known-hosts.js';

/** As whom a command runs: how it is called, with which ids, and a HOME it can write to, gone after `close`. */
export interface Identity {
  ids: { uid: number; gid: number } | undefined;
  home: string;
  wrap(command: string, args: readonly string[], env: Record<string, string>): { file: string; args: readonly string[] };
  close(): Promise<void>;
}

const direct: Identity['wrap'] = (file, args) => ({ file, args });

/**
 * The way to run as `user`: directly if we are that user or none is asked, with its ids if we are root, else by `sudo -n`.
 * Throws `HostMisconfigured`, not retried, if the system has no such user.
 */
export async function openIdentity(user: string | undefined, path: string): Promise<Identity> {
  if (user === undefined) return { ids: undefined, home: process.env['HOME'] ?? homedir(), wrap: direct, close: async () => {} };
  const ours = userInfo();
  if (ours.username === user) return withHome(undefined);
  if (ours.uid === 0) return withHome(await idsOf(user, path));
  return {
    ids: undefined,
    home: '',
    // sudo empties the environment, so `env` sets ours again; -H gives HOME, since a folder that both users can write to is
    // one that others can fill: PHP tools run what they find there.
    wrap: (command, args, { HOME: _ours, ...env }) => ({
      file: 'sudo',
      args: [
        '-n',
        '-H',
        '-u',
        user,
        '--',
        'env',
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
        command,
        ...args,
      ],
    }),
    close: async () => {},
  };
}

async function withHome(ids: Identity['ids']): Promise<Identity> {
  const home = await emptyFolder();
  if (home === undefined) return { ids, home: '/nonexistent', wrap: direct, close: async () => {} };
  if (ids !== undefined) await chown(home, ids.uid, ids.gid);
  return { ids, home, wrap: direct, close: async () => rm(home, { recursive: true, force: true }) };
}

/** On a full disk the usual folder can't be made; memory still can. */
async function emptyFolder(): Promise<string | undefined> {
  for (const parent of [tmpdir(), '/dev/shm']) {
    try {
      return await mkdtemp(join(parent, 'responder-home-'));
    } catch {
      continue;
    }
  }
  return undefined;
}

async function idsOf(user: string, path: string): Promise<{ uid: number; gid: number }> {
  const env = { PATH: path, LC_ALL: 'C' };
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map((flag) =>
      execa('id', [flag, '--', user], { env, extendEnv: false, reject: false, stdin: 'ignore', timeout: 10_000, cleanup: false }),
    ),
  );
  if (uid?.exitCode !== 0 || gid?.exitCode !== 0)
    throw hostMisconfigured(`no user ${JSON.stringify(user)} on this host: ${String(uid?.stderr ?? '')}`);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
