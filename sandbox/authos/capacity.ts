import { mkdir, realpath, statfs } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { usageOf } from '../bin/lib/usage.mjs';
import { startOwned, StartFailed, untilServing } from '../servers/processes.js';

export interface DiskUsage {
  bytes: { total: number; used: number };
  inodes: { total: number; used: number };
  /** 0–100, rounded up as df does. */
  usedPercent: number;
  inodesUsedPercent: number;
}

/** A storage folder that can be full. Both kinds look the same to whoever calls `df`. */
export interface Capacity {
  /** `tmpfs`: a real mount, which refuses writes when full. `shim`: a folder that our `df` shows as a volume. */
  readonly kind: 'tmpfs' | 'shim';
  readonly mount: string;
  usage(): Promise<DiskUsage>;
  /** Makes the volume this many bytes large, files kept. */
  grow(bytes: number): Promise<void>;
  /** Takes the mount away. Safe to repeat. */
  close(): Promise<void>;
}

export interface CapacityOptions {
  mount: string;
  /** For the log of the mount. */
  stateFolder: string;
  bytes: number;
  inodes: number;
  owner: { uid: number; gid: number };
  /** `auto` mounts where that is allowed. `tmpfs` throws where it is not. */
  kind: 'auto' | 'tmpfs' | 'shim';
}

/** Gives the folder a capacity. Throws, with mount's own words, only if a tmpfs was asked for by name. */
export async function openCapacity(options: CapacityOptions): Promise<Capacity> {
  await mkdir(options.mount, { recursive: true });
  if (options.kind === 'tmpfs' || (options.kind === 'auto' && process.platform === 'linux' && process.getuid?.() === 0)) {
    try {
      return await mountTmpfs(options);
    } catch (error) {
      // Root in a container often may not mount: that is what the shim is for.
      if (options.kind === 'tmpfs' || !(error instanceof StartFailed)) throw error;
    }
  }
  return shim(options);
}

async function mountTmpfs({ mount, stateFolder, bytes, inodes, owner }: CapacityOptions): Promise<Capacity> {
  const script = fileURLToPath(new URL('mount-guard.mjs', import.meta.url));
  const args = [script, mount, bytes, inodes, owner.uid, owner.gid].map(String);
  const guard = await startOwned({ name: 'mount', file: process.execPath, args, folder: stateFolder, logFile: `${stateFolder}/mount.log` });
  await untilServing('mount', guard, async () => {
    if ((await statfs(mount)).type !== tmpfsMagic) throw new Error(`${mount} is not mounted yet`);
  });
  return {
    kind: 'tmpfs',
    mount,
    async usage() {
      const { bsize, blocks, bfree, files, ffree } = await statfs(mount);
      return usage({ total: blocks * bsize, used: (blocks - bfree) * bsize }, { total: files, used: files - ffree });
    },
    async grow(size) {
      await execa('mount', ['-o', `remount,size=${size}`, mount], { stdin: 'ignore' });
    },
    close: () => guard.stop(),
  };
}

/** From the kernel's linux/magic.h. */
const tmpfsMagic = 0x01021994;

async function shim({ mount, bytes, inodes }: CapacityOptions): Promise<Capacity> {
  let size = bytes;
  const real = await realpath(mount);
  return {
    kind: 'shim',
    mount,
    async usage() {
      const used = await usageOf(real);
      return usage({ total: size, used: Math.min(size, used.bytes) }, { total: inodes, used: Math.min(inodes, used.inodes) });
    },
    async grow(to) {
      size = to;
    },
    close: async () => {},
  };
}

function usage(bytes: DiskUsage['bytes'], inodes: DiskUsage['inodes']): DiskUsage {
  const percent = ({ total, used }: { total: number; used: number }) => (total === 0 ? 0 : Math.ceil((used * 100) / total));
  return { bytes, inodes, usedPercent: percent(bytes), inodesUsedPercent: percent(inodes) };
}
