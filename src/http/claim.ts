import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Another process has this folder. */
export class SpoolInUse extends Error {
  override readonly name = 'SpoolInUse';
}

/** Longer paths of sockets are refused by the kernel. */
const pathAtMost = 100;

/**
 * Makes a folder this process's own until `release`, or until it dies however that comes about: a socket in it answers as long as
 * its owner lives, also from another container. Throws `SpoolInUse` if somebody has it. Not for folders on a network.
 */
export async function claim(folder: string): Promise<() => Promise<void>> {
  const path = socketOf(folder);
  if (await answers(path)) throw new SpoolInUse(`the spool ${folder} is in use by another server: each needs a spool of its own (spool.folder of the config)`);
  await rm(path, { force: true });
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, 'listening');
  // It must not keep the process alive.
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function socketOf(folder: string): string {
  const path = join(folder, 'in-use.sock');
  if (path.length <= pathAtMost) return path;
  return join(tmpdir(), `responder-${createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 16)}.sock`);
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // nobody is left there, or nobody ever was
  } finally {
    socket.destroy();
  }
}
