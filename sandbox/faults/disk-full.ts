import { open, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';
import { addAuthenticationLogs, addFailedJobs, writeCacheData, writeLog, writeSessions, writeUploads, writeViews } from './fill.js';
import { lostLogs, rememberLogs } from './protected-logs.js';

/** What fills the volume, each in percent of its capacity. What is left up to `used` are uploads, which nobody may touch. */
export interface DiskFullSizes {
  used: number;
  /** Logs over a week old, which the first step deletes. */
  oldLogs: number;
  /** Audit and security logs over a week old, which it moves to the archive. */
  oldProtectedLogs: number;
  currentLogs: number;
  currentProtectedLogs: number;
  cacheData: number;
  views: number;
  /** Deleting these logs everyone out, so a person must approve. */
  sessions: number;
  failedJobs: number;
  authenticationLogs: number;
}

/**
 * 95 % used; old logs, cache and views make it 84 %, sessions 70 %. So the incident is relieved without a person, and cured
 * with one.
 */
export const diskFullSizes: DiskFullSizes = {
  used: 95,
  oldLogs: 6,
  oldProtectedLogs: 2,
  currentLogs: 22,
  currentProtectedLogs: 6,
  cacheData: 2,
  views: 1,
  sessions: 14,
  failedJobs: 30,
  authenticationLogs: 500,
};

/** A storage volume over 90 % full. Throws on sizes that do not add up. */
export function diskFull(options: Partial<DiskFullSizes> = {}): Fault {
  const sizes = { ...diskFullSizes, ...options };
  const { oldLogs, oldProtectedLogs, currentLogs, currentProtectedLogs, cacheData, views, sessions, used } = sizes;
  const named = oldLogs + oldProtectedLogs + currentLogs + currentProtectedLogs + cacheData + views + sessions;
  if (named > used) throw new Error(`The parts make ${named} % of the volume, more than the ${used} % that are to be used`);

  return {
    name: 'disk-full',
    runbook: 'diskSpaceCritical',
    title: `The storage volume is ${used} % full`,
    put: (authos) => fill(authos, sizes),
    async alert(authos) {
      const { usedPercent } = await authos.capacity.usage();
      return alertmanagerPayload({
        labels: {
          alertname: 'DiskSpaceCritical',
          severity: 'critical',
          instance: `${authos.name}:9100`,
          host: authos.name,
          mountpoint: authos.capacity.mount,
          environment: authos.environment,
          job: 'node',
        },
        annotations: {
          summary: `Disk ${usedPercent} % used on ${authos.name}`,
          description: `${authos.capacity.mount} on ${authos.name} is ${usedPercent} % used, over 90 %.`,
        },
        startsAt: new Date(),
      });
    },
    over: examine,
  };
}

async function fill(authos: Authos, sizes: DiskFullSizes): Promise<void> {
  const { bytes } = await authos.capacity.usage();
  const share = (percent: number) => (bytes.total * percent) / 100;
  const logs = async (channels: string[], days: number[], percent: number) => {
    const paths: string[] = [];
    const each = share(percent) / (channels.length * days.length);
    for (const channel of channels) for (const daysAgo of days) paths.push(await writeLog(authos, { channel, daysAgo, bytes: each }));
    return paths;
  };
  // `find -mtime +7` takes whole days, so a file is old from its eighth day on; a week's own files stay clear of that edge.
  const old = [9, 12, 20, 35];
  const current = [0, 2, 5];
  await logs(['laravel', 'api', 'performance'], old, sizes.oldLogs);
  await logs(['laravel', 'api', 'performance'], current, sizes.currentLogs);
  const kept = [
    ...(await logs(['audit', 'security'], old, sizes.oldProtectedLogs)),
    ...(await logs(['audit', 'security'], current, sizes.currentProtectedLogs)),
  ];
  await rememberLogs(authos, kept);
  await writeCacheData(authos, { files: 40, bytes: share(sizes.cacheData) });
  await writeViews(authos, { files: 20, bytes: share(sizes.views) });
  await writeSessions(authos, { files: 200, bytes: share(sizes.sessions) });
  await addFailedJobs(authos, sizes.failedJobs);
  await addAuthenticationLogs(authos, sizes.authenticationLogs);

  const before = await authos.capacity.usage();
  const missing = share(sizes.used) - before.bytes.used;
  if (missing > 0) await writeUploads(authos, { files: 8, bytes: missing });
  const after = await authos.capacity.usage();
  const percent = (after.bytes.used * 100) / after.bytes.total;
  if (Math.abs(percent - sizes.used) > 1) throw new Error(`The volume is ${percent.toFixed(1)} % used instead of ${sizes.used} %`);
}

async function examine(authos: Authos): Promise<{ over: boolean; evidence: string }> {
  const { usedPercent, inodesUsedPercent } = await authos.capacity.usage();
  const [writes, lost] = [await writesOneMebibyte(authos), await lostLogs(authos)];
  const evidence = [
    `${usedPercent} % used`,
    `${inodesUsedPercent} % of inodes used`,
    writes === undefined ? '1 MiB written and synced' : `1 MiB could not be written: ${writes}`,
    lost.length === 0 ? 'all audit and security logs are there' : `lost: ${lost.join(', ')}`,
  ].join('; ');
  return { over: usedPercent < 80 && inodesUsedPercent < 80 && writes === undefined && lost.length === 0, evidence };
}

/** Undefined if it worked, else why not. */
async function writesOneMebibyte(authos: Authos): Promise<string | undefined> {
  const size = 1024 * 1024;
  const { bytes } = await authos.capacity.usage();
  if (bytes.total - bytes.used < size) return 'no space left on device';
  const path = join(authos.capacity.mount, `.probe-${randomUUID()}`);
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(Buffer.alloc(size, 'x'));
      await file.sync();
    } finally {
      await file.close();
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(path, { force: true });
  }
}

/** A volume full of what nobody may delete: it is cured by growing, which a person must approve. */
export function volumeTooSmall(fileSystem: 'ext4' | 'xfs' = 'ext4'): Fault {
  const nothing = { oldLogs: 0, oldProtectedLogs: 0, currentLogs: 0, currentProtectedLogs: 0, cacheData: 0, views: 0, sessions: 0 };
  return {
    ...diskFull({ ...diskFullSizes, ...nothing, failedJobs: 0, authenticationLogs: 0 }),
    name: fileSystem === 'ext4' ? 'volume-too-small' : 'volume-too-small-xfs',
    title: 'The storage volume is 95 % full of uploads, and can only grow',
    needs: () => ({ volumeGrows: fileSystem }),
    answers: (act) => (act === 'Grow the volume' ? { approve: true, reason: '' } : undefined),
  };
}
