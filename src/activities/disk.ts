import { randomBytes } from 'node:crypto';
import { lstat, readdir, realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding, SampleWindow, Verdict } from '../domain/step.js';
import { onMount, readDiskUsage, usageText } from './disk-usage.js';
import type { DiskUsage } from './disk-usage.js';
import type { AuthosApi } from './health-api.js';
import { deletedHeldOpen } from './held-open.js';
import { hostNamed, mountNamed, wholeNumber } from './known-hosts.js';
import { sampled } from './sampling.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { topSizes } from './top-sizes.js';
import type { Sizes } from './top-sizes.js';
import { bytesText, fitted, listed, shownName } from './wording.js';

/** One look at a disk. `writable` is our own write, not the mount's options. */
export interface DiskState extends DiskUsage {
  writable: boolean;
  /** Why a write failed. */
  writeProblem?: string;
}

const probePrefix = '.responder-write-probe-';

/** Activities that read how full a disk is and of what. `apiOf` gives the client of a place's environment. */
export function diskActivities({
  hosts,
  shellOf,
  apiOf,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
}) {
  function at(place: Place): { host: Host; mount: string; shell: Shell; api: AuthosApi } {
    const host = hostNamed(hosts, place.host);
    return { host, mount: mountNamed(host, place), shell: shellOf(host), api: apiOf(place) };
  }

  async function look(place: Place): Promise<DiskState> {
    const { host, mount, shell, api } = at(place);
    const usage = await readDiskUsage({ host, mount, shell, api });
    const writeProblem = await tryWrite({ host, mount, shell });
    return { ...usage, writable: writeProblem === undefined, ...(writeProblem === undefined ? {} : { writeProblem }) };
  }

  return {
    /** D1: how full the mount is, by df, inodes and AuthOS, with the application's top folders. A repeat is safe. */
    async checkDiskUsage({ place }: { place: Place }): Promise<Finding<DiskUsage>> {
      const { host, mount, shell, api } = at(place);
      const [usage, folders] = await Promise.all([
        readDiskUsage({ host, mount, shell, api }),
        topSizes({ shell, path: await realpath(host.root), most: 12, depth: 1, timeoutMs: 60_000 }),
      ]);
      return {
        evidence: listed(usageText(mount, usage), [`below ${host.root}${folders.note}`, ...folders.rows.map(row)], 14),
        data: usage,
      };
    },

    /**
     * D2: the 20 largest files and folders, on one file system, below the application's root, or below the mount if the root is
     * elsewhere. Bounded to 2 minutes; what was not reached is said so. A repeat is safe.
     */
    async identifyLargeFiles({ place }: { place: Place }): Promise<Finding<Sizes>> {
      const { host, mount, shell } = at(place);
      const path = (await onMount(host.root, mount)) ? await realpath(host.root) : mount;
      const sizes = await topSizes({ shell, path, most: 20, timeoutMs: 120_000 });
      return { evidence: listed(`largest below ${path}${sizes.note}`, sizes.rows.map(row)), data: sizes };
    },

    /** D3: the size of every log under storage/logs, largest first. No such folder is a finding too. A repeat is safe. */
    async checkLogSizes({ place }: { place: Place }): Promise<Finding<Sizes>> {
      const host = hostNamed(hosts, place.host);
      const path = join(host.root, 'storage/logs');
      const real = await realpath(path).catch(() => undefined);
      if (real === undefined) return { evidence: `${path} does not exist`, data: { totalBytes: 0, rows: [], note: '' } };
      const sizes = await topSizes({ shell: shellOf(host), path: real, most: 40, timeoutMs: 60_000, filesOnly: true });
      const linked =
        real === path || real === join(await realpath(host.root), 'storage/logs') ? '' : ` (a link to ${shownName(real)})`;
      return {
        evidence: listed(`storage/logs${linked}: ${bytesText(sizes.totalBytes)}${sizes.note}`, sizes.rows.map(row), 30),
        data: sizes,
      };
    },

    /** Bytes of files that are deleted but still held open on the mount, and by whom. A repeat is safe. */
    async checkDeletedHeldOpen({ place }: { place: Place }): Promise<Finding<{ bytes: number; files: number }>> {
      const { mount, shell } = at(place);
      const held = await deletedHeldOpen(shell, mount);
      const unseen = held.notSeen === 0 ? '' : `, ${held.notSeen} processes of other users not looked into`;
      const by = held.holders.length === 0 ? '' : ` by ${held.holders.join(', ')}`;
      return {
        evidence: `${mount}: ${held.files} deleted files of ${bytesText(held.bytes)} held open${by}${unseen}`,
        data: { bytes: held.bytes, files: held.files },
      };
    },

    /** One look at the disk: how full, and whether the application can write. A repeat is safe. */
    async diskState({ place }: { place: Place }): Promise<DiskState> {
      return look(place);
    },

    /**
     * Recovered: used, inodes and AuthOS's figure below `below`, and a 1 MiB write with fsync on that mount works, in every
     * sample. 'Not recovered' is mitigated up to `mitigatedUpTo` percent with writes working. A repeat is safe.
     */
    async proveDisk({
      place,
      below,
      mitigatedUpTo = 90,
      window,
    }: {
      place: Place;
      below: number;
      mitigatedUpTo?: number;
      window: SampleWindow;
    }): Promise<Verdict> {
      wholeNumber('below', below, { min: 1, max: 100 });
      const { mount } = at(place);
      return sampled(window, async () => {
        const state = await look(place);
        const evidence = fitted(
          `${usageText(mount, state)}; ${state.writable ? 'a 1 MiB write works' : `a 1 MiB write failed: ${state.writeProblem ?? ''}`}`,
          1000,
        );
        if (state.writable && state.usedPercent < below) return { kind: 'recovered', evidence };
        const mitigated = state.writable && state.usedPercent <= mitigatedUpTo;
        return { kind: 'not recovered', evidence, ...(mitigated ? { mitigated } : {}) };
      });
    },
  };
}

function row({ bytes, name }: { bytes: number; name: string }): string {
  return `${bytesText(bytes).padStart(8)}  ${name}`;
}

/**
 * Writes 1 MiB with fsync and takes it away again; gives the reason if that failed. As the application's user where its
 * storage is on this mount: root may still write into the reserve of a full disk. Elsewhere as ourselves, into the mount.
 */
async function tryWrite({ host, mount, shell }: { host: Host; mount: string; shell: Shell }): Promise<string | undefined> {
  const storage = join(host.root, 'storage');
  const isStorage = await onMount(storage, mount);
  const folder = isStorage ? await realpath(storage) : mount;
  await sweep(folder);
  const path = join(folder, `${probePrefix}${randomBytes(8).toString('hex')}`);
  try {
    // excl: a link that somebody put there is not followed. Random bytes: zeros cost nothing on a disk that compresses.
    const args = ['if=/dev/urandom', `of=${path}`, 'bs=1048576', 'count=1', 'iflag=fullblock', 'conv=excl,fsync'];
    const result = await shell.run('dd', args, { timeoutMs: 60_000, ...(isStorage ? { asUser: host.user } : {}) });
    // Not being able to try is no failed write: the proof is then 'unknown'.
    if (result.exitCode === 127 || /^sudo:/m.test(result.stderr)) throw new Error(commandsWords('dd', result));
    return result.exitCode === 0 ? undefined : commandsWords('dd', result).replaceAll(basename(path), `${probePrefix}…`);
  } finally {
    await rm(path, { force: true });
  }
}

/** Probes that a killed worker left behind: each is a MiB that a full disk lacks. One that is being written is younger. */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((entry) => entry.startsWith(probePrefix))) {
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() === true && Date.now() - found.mtimeMs > 10 * 60_000) await rm(path, { force: true });
  }
}

export type DiskActivities = ReturnType<typeof diskActivities>;
