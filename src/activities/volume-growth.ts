import { ApplicationFailure } from '@temporalio/activity';
import { z } from 'zod';

import type { Host, Volume } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { volumeUsage } from './disk-usage.js';
import { hostMisconfigured, hostNamed, mountNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { commandsWords } from './shell.js';
import type { CommandResult, Shell } from './shell.js';
import { bytesText, fitted } from './wording.js';

const gibibyte = 1024 ** 3;

const described = z.object({ Volumes: z.array(z.object({ VolumeId: z.string(), Size: z.number() })) });
const modifications = z.object({
  VolumesModifications: z.array(z.object({ VolumeId: z.string(), ModificationState: z.string(), TargetSize: z.number().optional(), StatusMessage: z.string().optional() })),
});

/** Activities that let an EBS volume grow to the size that the config names, and the file system on it. */
export function volumeActivities({ hosts, shellOf }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell }) {
  function at(place: Place): { mount: string; shell: Shell; volume: Volume } {
    const host = hostNamed(hosts, place.host);
    const mount = mountNamed(host, place);
    const volume = volumeOf(host, mount);
    if (volume === undefined) throw hostMisconfigured(`the config names no volume of ${mount} on host ${host.name}`);
    return { mount, shell: shellOf(host), volume };
  }

  return {
    /**
     * Asks AWS for the config's size. 'Done' too if the volume has it already, so a repeat is safe; AWS refuses a second change of
     * a volume within 6 h in its own words, which is 'failed'. Costs money from here on, and can't be undone.
     */
    async modifyVolume({ place }: { place: Place }): Promise<ActResult> {
      const { shell, volume } = at(place);
      const size = await sizeOf(shell, volume);
      if ('unknown' in size) return { outcome: 'failed', evidence: fitted(size.unknown) };
      if (size.gib >= volume.sizeGiB) return { outcome: 'done', evidence: `${volume.id} has ${size.gib} GiB already` };
      const result = await run(shell, volume.aws, ['ec2', 'modify-volume', '--volume-id', volume.id, '--size', String(volume.sizeGiB), '--output', 'json']);
      if (result.exitCode !== 0) return { outcome: 'failed', evidence: fitted(commandsWords('aws ec2 modify-volume', result)) };
      return { outcome: 'done', evidence: `${volume.id}: from ${size.gib} to ${volume.sizeGiB} GiB` };
    },

    /**
     * Waits, by failing retryably, until the new size can be used: 'optimizing' or 'completed', or no change on record and the size
     * there. 'Failed' if AWS gave the change up. Only reads.
     */
    async volumeIsReady({ place }: { place: Place }): Promise<ActResult> {
      const { shell, volume } = at(place);
      const result = await run(shell, volume.aws, ['ec2', 'describe-volumes-modifications', '--volume-ids', volume.id, '--output', 'json']);
      const change = result.exitCode === 0 ? parsed(modifications, result.stdout)?.VolumesModifications.find(({ VolumeId }) => VolumeId === volume.id) : undefined;
      if (change?.ModificationState === 'failed') return { outcome: 'failed', evidence: fitted(`AWS gave the change up: ${change.StatusMessage ?? 'no reason given'}`, 500) };
      const size = await sizeOf(shell, volume);
      const hasSize = 'gib' in size && size.gib >= volume.sizeGiB;
      // An old modification may be on record: its state says nothing of ours.
      const usable = change === undefined ? /VolumeModification\.NotFound/.test(result.stderr) : ['optimizing', 'completed'].includes(change.ModificationState);
      if (hasSize && usable) return { outcome: 'done', evidence: `${volume.id}: ${volume.sizeGiB} GiB, ${change?.ModificationState ?? 'no change going on'}` };
      const why = change?.ModificationState ?? ('unknown' in size ? size.unknown : result.exitCode === 0 ? 'no change on record' : commandsWords('aws ec2 describe-volumes-modifications', result));
      throw ApplicationFailure.create({ message: `not ready: ${fitted(why, 300)}`, type: 'LookAgain', nextRetryDelay: 5_000, category: 'BENIGN' });
    },

    /**
     * Grows the partition, if there is one, and then the file system by its type: ext2–4 or xfs. 'Done' if df shows more afterwards,
     * or if it had the whole volume before. A repeat is safe: what is grown stays.
     */
    async growFileSystem({ place }: { place: Place }): Promise<ActResult> {
      const { mount, shell, volume } = at(place);
      const before = await volumeUsage(shell, mount);
      const said: string[] = [];
      const fileSystem = await fileSystemOf(shell, mount);
      if ('unknown' in fileSystem) return { outcome: 'failed', evidence: fitted(fileSystem.unknown) };
      const { type, source } = fileSystem;
      const grow = commandFor(type, { source, mount, volume });
      if (grow === undefined) return { outcome: 'failed', evidence: `nobody knows how to grow a file system of type ${JSON.stringify(type.slice(0, 20))}` };
      if (volume.partition) {
        const { disk, number } = volume.partition;
        const result = await run(shell, volume.growpart, [disk, String(number)]);
        // growpart exits 1 where the partition has its disk's size already.
        const unchanged = /^NOCHANGE/m.test(result.stdout);
        if (result.exitCode !== 0 && !unchanged) return { outcome: 'failed', evidence: fitted(commandsWords('growpart', result)) };
        said.push(`growpart: ${unchanged ? 'no change' : 'grown'}`);
      }
      const result = await run(shell, grow.command, grow.args);
      if (result.exitCode !== 0) return { outcome: 'failed', evidence: fitted([...said, commandsWords(grow.name, result)].join('; ')) };
      const after = await volumeUsage(shell, mount);
      said.push(`${grow.name}: ${mount} from ${bytesText(before.sizeBytes)} to ${bytesText(after.sizeBytes)}`);
      // File systems need a little of the volume for themselves.
      const isWhole = before.sizeBytes > volume.sizeGiB * gibibyte * 0.9;
      return { outcome: after.sizeBytes > before.sizeBytes || isWhole ? 'done' : 'failed', evidence: said.join('; ') };
    },
  };
}

/** The volume of a mount, by the config. */
function volumeOf(host: Host, mount: string): Volume | undefined {
  return host.volumes?.find((volume) => volume.mount === mount);
}

/** Whether the config names a volume of the place's mount that may grow. Reads nothing else. */
export function volumeCondition(host: Host, mount: string): Condition {
  const volume = volumeOf(host, mount);
  return volume === undefined
    ? { holds: false, why: `the config names no volume of ${mount} (hosts.${host.name}.volumes)` }
    : { holds: true, why: `${volume.id} may grow to ${volume.sizeGiB} GiB` };
}

async function run(shell: Shell, [program, ...before]: string[], args: string[]): Promise<CommandResult> {
  if (program === undefined) throw hostMisconfigured('an empty command in the config of a volume');
  return shell.run(program, [...before, ...args], { timeoutMs: 120_000 });
}

async function sizeOf(shell: Shell, volume: Volume): Promise<{ gib: number } | { unknown: string }> {
  const result = await run(shell, volume.aws, ['ec2', 'describe-volumes', '--volume-ids', volume.id, '--output', 'json']);
  if (result.exitCode !== 0) return { unknown: commandsWords('aws ec2 describe-volumes', result) };
  const found = parsed(described, result.stdout)?.Volumes.find(({ VolumeId }) => VolumeId === volume.id);
  return found ? { gib: found.Size } : { unknown: `aws ec2 describe-volumes said nothing of ${volume.id}` };
}

function parsed<T>(shape: z.ZodType<T>, text: string): T | undefined {
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function fileSystemOf(shell: Shell, mount: string): Promise<{ type: string; source: string } | { unknown: string }> {
  const result = await shell.run('findmnt', ['--noheadings', '--raw', '--output', 'FSTYPE,SOURCE', '--mountpoint', mount], { timeoutMs: 20_000 });
  const [type, source] = result.stdout.trim().split('\n').at(-1)?.split(' ') ?? [];
  return result.exitCode === 0 && type && source ? { type, source } : { unknown: commandsWords(`findmnt ${mount}`, result) };
}

function commandFor(type: string, { source, mount, volume }: { source: string; mount: string; volume: Volume }): { name: string; command: string[]; args: string[] } | undefined {
  if (/^ext[234]$/.test(type) && source.startsWith('/dev/')) return { name: 'resize2fs', command: volume.resize2fs, args: [source] };
  // xfs grows while it is mounted, and is named by its mount.
  return type === 'xfs' ? { name: 'xfs_growfs', command: volume.xfsGrowfs, args: [mount] } : undefined;
}

export type VolumeActivities = ReturnType<typeof volumeActivities>;
