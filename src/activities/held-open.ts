import { readdir, readlink, stat } from 'node:fs/promises';
import { Context } from '@temporalio/activity';

import type { Shell } from './shell.js';

/** Files that are deleted but still held open: their space is free only once the process closes them. */
export interface HeldOpen {
  bytes: number;
  files: number;
  /** Who holds them, as `php-fpm (812)`, at most ten. */
  holders: string[];
  /** Inodes of them, to tell our own deletions from others'. */
  inodes: Set<number>;
  /** Processes of other users that could not be looked into. */
  notSeen: number;
}

/**
 * What is deleted but held open on the mount. From /proc, whose links give device and inode exactly; where there is none
 * (macOS), from `lsof +L1`. Without root only our own user's processes can be seen: `notSeen` says how many could not.
 */
export async function deletedHeldOpen(shell: Shell, mount: string): Promise<HeldOpen> {
  const { dev } = await stat(mount);
  const processes = await readdir('/proc').catch(() => undefined);
  return processes === undefined
    ? fromLsof(shell, dev)
    : fromProc(
        processes.filter((name) => /^\d+$/.test(name)),
        dev,
      );
}

async function fromProc(pids: string[], dev: number): Promise<HeldOpen> {
  const { cancellationSignal } = Context.current();
  const held = new Collector();
  for (const pid of pids) {
    cancellationSignal.throwIfAborted();
    let descriptors: string[];
    try {
      descriptors = await readdir(`/proc/${pid}/fd`);
    } catch (error) {
      // A process that ended meanwhile holds nothing.
      if ((error as NodeJS.ErrnoException).code === 'EACCES') held.notSeen += 1;
      continue;
    }
    for (const descriptor of descriptors) {
      const path = `/proc/${pid}/fd/${descriptor}`;
      try {
        if (!(await readlink(path)).endsWith(' (deleted)')) continue;
        const file = await stat(path);
        if (file.isFile() && file.dev === dev && file.nlink === 0) await held.add(file.ino, file.blocks * 512, pid);
      } catch {
        // Closed meanwhile.
      }
    }
  }
  return held.result();
}

/** Fields of `lsof -F`: p process, f descriptor, D device, s size, i inode. */
async function fromLsof(shell: Shell, dev: number): Promise<HeldOpen> {
  const held = new Collector();
  const result = await shell.run('lsof', ['-nP', '+L1', '-F', 'pfDsi'], { timeoutMs: 60_000 });
  let pid = '';
  let file: Record<string, string> = {};
  const take = async (): Promise<void> => {
    if (Number(file['D']) === dev && file['s'] !== undefined) await held.add(Number(file['i']), Number(file['s']), pid);
    file = {};
  };
  for (const line of result.stdout.split('\n')) {
    if (line.startsWith('p') || line.startsWith('f')) await take();
    if (line.startsWith('p')) pid = line.slice(1);
    else file[line.charAt(0)] = line.slice(1);
  }
  await take();
  return held.result();
}

class Collector {
  notSeen = 0;
  private bytes = 0;
  private readonly inodes = new Set<number>();
  private readonly holders = new Set<string>();

  async add(inode: number, bytes: number, pid: string): Promise<void> {
    if (this.holders.size < 10) this.holders.add(pid);
    if (this.inodes.has(inode)) return;
    this.inodes.add(inode);
    this.bytes += bytes;
  }

  async result(): Promise<HeldOpen> {
    const holders = await Promise.all([...this.holders].map(async (pid) => `${await nameOf(pid)} (${pid})`));
    return { bytes: this.bytes, files: this.inodes.size, holders, inodes: this.inodes, notSeen: this.notSeen };
  }
}

async function nameOf(pid: string): Promise<string> {
  const target = await readlink(`/proc/${pid}/exe`).catch(() => 'process');
  return target.replace(/^.*\//, '').replace(/[^\w.+-]/g, '_');
}
