import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Authos, AuthosOptions } from '../../../sandbox/authos/authos.js';
import { startAuthos } from '../../../sandbox/authos/authos.js';

/** A folder for one sandbox, passable for the users that its servers run as. */
export async function sandboxFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'authos-sandbox-'));
}

/** A sandbox in a folder of its own, and how to end it. */
export async function sandbox(options: Partial<AuthosOptions> = {}): Promise<{ authos: Authos; end: () => Promise<void> }> {
  const folder = await sandboxFolder();
  const end = async (authos?: Authos) => {
    await authos?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const authos = await startAuthos({ folder, name: 'app-1', metricsCachedFor: 0, ...options });
    return { authos, end: () => end(authos) };
  } catch (error) {
    await end();
    throw error;
  }
}

export interface Said {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs a program of the sandbox as the application's user, with nothing of our environment but PATH. */
export async function run(authos: Authos, command: string, ...args: string[]): Promise<Said> {
  const asUser = process.getuid?.() === 0 ? { uid: authos.user.uid, gid: authos.user.gid } : {};
  const path = `${authos.inventory().path}:${process.env['PATH'] ?? ''}`;
  const { exitCode, stdout, stderr } = await execa(command, args, {
    cwd: authos.root,
    env: { PATH: path },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    ...asUser,
  });
  return { exitCode, stdout, stderr };
}

/** `php artisan …` in the application's root. */
export function artisan(authos: Authos, ...args: string[]): Promise<Said> {
  return run(authos, 'herd', 'php', 'artisan', ...args);
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** GET on the sandbox's API, with the monitoring token unless told otherwise. */
export async function get(authos: Authos, path: string, token = authos.inventory().api.token): Promise<Answer> {
  const response = await fetch(authos.url + path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as Answer['body'], headers: response.headers };
}
