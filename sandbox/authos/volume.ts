import type { Volume } from '../../src/domain/inventory.js';
import type { Capacity } from './capacity.js';
import type { ControlVerb } from './control.js';

/** GiB of the volume when it is new; one of its GiB is an eighth of the sandbox's capacity then. */
const sizeAtFirst = 8;

/** How the product's config would describe the sandbox's volume: it may double. */
export function volumeOf(mount: string): Volume {
  return { mount, id: 'vol-0123456789abcdef0', sizeGiB: 2 * sizeAtFirst, partition: { disk: '/dev/nvme1n1', number: 1 }, aws: ['aws'], growpart: ['growpart'], resize2fs: ['resize2fs'], xfsGrowfs: ['xfs_growfs'] };
}

/**
 * An EBS volume with a partition and a file system, for `aws`, `growpart`, `resize2fs` and `xfs_growfs`: each makes only its own
 * part larger, and only as large as what is below it. Only the last makes room.
 */
export function volumeVerbs(capacity: Capacity, capacityBytes: number): Record<string, ControlVerb> {
  const { id } = volumeOf(capacity.mount);
  let size = sizeAtFirst;
  let partition = sizeAtFirst;
  /** The states that its modification still goes through; the last one stays. */
  let states: string[] = [];
  let looks = 0;
  const named = (body: Record<string, unknown>): void => {
    if (body['id'] !== id) throw new Error(`An error occurred (InvalidVolume.NotFound): The volume '${String(body['id'])}' does not exist.`);
  };
  return {
    'volume/describe': async (body) => {
      named(body);
      return JSON.stringify({ Volumes: [{ VolumeId: id, Size: size, State: 'in-use', VolumeType: 'gp3' }] });
    },
    'volume/modify': async (body) => {
      named(body);
      const wanted = Number(body['size']);
      if (states.length > 0) throw new Error(`An error occurred (VolumeModificationRateExceeded) when calling the ModifyVolume operation: You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume.`);
      if (!(wanted >= size)) throw new Error(`An error occurred (InvalidParameterValue) when calling the ModifyVolume operation: New size cannot be smaller than existing size`);
      const before = size;
      states = ['modifying', 'optimizing', 'completed'];
      size = wanted;
      return JSON.stringify({ VolumeModification: { VolumeId: id, ModificationState: 'modifying', OriginalSize: before, TargetSize: wanted } });
    },
    'volume/modifications': async (body) => {
      named(body);
      if (states.length === 0) throw new Error(`An error occurred (InvalidVolumeModification.NotFound) when calling the DescribeVolumesModifications operation: Modification for volume '${id}' does not exist.`);
      const state = states[Math.min(looks, states.length - 1)];
      looks += 1;
      return JSON.stringify({ VolumesModifications: [{ VolumeId: id, ModificationState: state, TargetSize: size, Progress: 0 }] });
    },
    'volume/growpart': async () => {
      const before = partition;
      partition = size;
      return JSON.stringify({ before, after: partition });
    },
    'volume/grow': async () => {
      const bytes = Math.round((capacityBytes / sizeAtFirst) * partition);
      const before = (await capacity.usage()).bytes.total;
      if (bytes > before) await capacity.grow(bytes);
      return JSON.stringify({ grown: bytes > before, blocks: Math.floor(bytes / 4096) });
    },
  };
}
