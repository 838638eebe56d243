import { readFile, stat } from 'node:fs/promises';

import type { Host } from '../domain/inventory.js';
import type { AuthosApi } from './health-api.js';
import { readHealth } from './health-api.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { bytesText } from './wording.js';

/** How full a mount is. Percents are 0–100, as df shows them: rounded up, so that 80 means 'not below 80'. */
export interface DiskUsage {
  /** The worst of df, inodes and AuthOS. */
  usedPercent: number;
  dfPercent: number;
  /** 0 where the file system has no limit of inodes. */
  inodesPercent: number;
  /** AuthOS's own figure, if it answers and its storage is on this mount. */
  authosPercent?: number;
  sizeBytes: number;
  freeBytes: number;
  /** True if it is mounted read-only; absent where the system does not say. */
  readOnly?: boolean;
}

/** One file system's figures by `df`, in bytes and 0–100. Throws with df's own words if there are none. */
export async function volumeUsage(
  shell: Shell,
  path: string,
): Promise<{ usedPercent: number; sizeBytes: number; freeBytes: number }> {
  const [total, used, free, percent] = await dfLine(shell, '-k', path);
  return { usedPercent: percent ?? roundedUp(used, used + free), sizeBytes: total * 1024, freeBytes: free * 1024 };
}

/**
 * How full a mount is, by df in bytes and inodes and by AuthOS's own disk check. Throws with df's own words if df has no
 * answer (retried); an AuthOS that does not answer is left out.
 */
export async function readDiskUsage({
  host,
  mount,
  shell,
  api,
}: {
  host: Host;
  mount: string;
  shell: Shell;
  api: AuthosApi;
}): Promise<DiskUsage> {
  const [bytes, inodes, authosPercent, readOnly] = await Promise.all([
    volumeUsage(shell, mount),
    dfLine(shell, '-i', mount),
    authosFigure(host, mount, api),
    isReadOnly(mount),
  ]);
  // No limit of inodes (btrfs) shows as '-' or as 0 of 0.
  const inodesPercent = inodes[0] === 0 ? 0 : (inodes[3] ?? roundedUp(inodes[1], inodes[1] + inodes[2]));
  return {
    usedPercent: Math.max(bytes.usedPercent, inodesPercent, authosPercent ?? 0),
    dfPercent: bytes.usedPercent,
    inodesPercent,
    ...(authosPercent === undefined ? {} : { authosPercent }),
    sizeBytes: bytes.sizeBytes,
    freeBytes: bytes.freeBytes,
    ...(readOnly === undefined ? {} : { readOnly }),
  };
}

/** The figures as one sentence: `/var: 91 % used (df 91 %, inodes 4 %, AuthOS 90 %), 3.2 GB of 40 GB free`. */
export function usageText(mount: string, usage: DiskUsage): string {
  const authos = usage.authosPercent === undefined ? '' : `, AuthOS ${usage.authosPercent} %`;
  const readOnly = usage.readOnly === true ? ', mounted read-only' : '';
  const size = `${bytesText(usage.freeBytes)} of ${bytesText(usage.sizeBytes)} free`;
  return `${mount}: ${usage.usedPercent} % used (df ${usage.dfPercent} %, inodes ${usage.inodesPercent} %${authos}), ${size}${readOnly}`;
}

type Line = [total: number, used: number, free: number, percent: number | undefined];

async function dfLine(shell: Shell, unit: '-k' | '-i', path: string): Promise<Line> {
  const result = await shell.run('df', ['-P', unit, '--', path], { timeoutMs: 20_000 });
  // From the right: names of devices and mounts may hold spaces. A line of its own per file system is what -P is for.
  const match = /\s(\d+|-)\s+(\d+|-)\s+(-?\d+|-)\s+(\d+%|-)\s+\/[^\n]*\n?$/.exec(result.stdout);
  if (result.exitCode !== 0 || match === null) throw new Error(commandsWords(`df -P ${unit} ${path}`, result));
  const [total = 0, used = 0, free = 0] = match.slice(1, 4).map((figure) => (figure === '-' ? 0 : Number(figure)));
  const percent = match[4];
  return [total, used, Math.max(0, free), percent === undefined || percent === '-' ? undefined : Number.parseInt(percent, 10)];
}

function roundedUp(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.ceil((100 * part) / whole);
}

/** AuthOS measures the volume of its own storage: on any other mount its figure says nothing. */
async function authosFigure(host: Host, mount: string, api: AuthosApi): Promise<number | undefined> {
  if (!(await onMount(`${host.root}/storage`, mount))) return undefined;
  const { status, details } = await readHealth(api, 'disk_space');
  const figure = details['used_percentage'];
  const percent = typeof figure === 'string' ? Number.parseFloat(figure) : figure;
  return status !== 'unknown' && typeof percent === 'number' && percent >= 0 && percent <= 100 ? Math.ceil(percent) : undefined;
}

/** True if a path, links followed, is on the same file system as the mount. */
export async function onMount(path: string, mount: string): Promise<boolean> {
  const [there, here] = await Promise.all([stat(path), stat(mount)].map(async (found) => found.catch(() => undefined)));
  return there !== undefined && there.dev === here?.dev;
}

async function isReadOnly(mount: string): Promise<boolean | undefined> {
  const table = await readFile('/proc/self/mounts', 'utf8').catch(() => undefined);
  // Spaces and the like are octal escapes there; the last mount on a path is the one that is seen.
  const lines = table?.split('\n').map((line) => line.split(' ')) ?? [];
  const line = lines.findLast(
    ([, point = '']) =>
      point.replace(/\\([0-7]{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8))) === mount,
  );
  return line?.[3]?.split(',').includes('ro');
}
