import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { volumeActivities, volumeCondition } from '../../src/activities/volume-growth.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';
import { openHostWorld, type HostWorld } from '../support/runbook-world.js';
import { inActivity } from './support.js';

let world: HostWorld;
beforeAll(async () => {
  world = await openHostWorld({ volumeGrows: 'ext4' });
});
afterAll(async () => world?.close());

function onHost(change: (host: Host) => Host = (host) => host) {
  const { host, place } = world.authos.inventory();
  const activities = volumeActivities({ hosts: [change(host)], shellOf: (at) => localShell({ records: at.records, scrub: createScrub([]) }) });
  return {
    modify: () => inActivity(() => activities.modifyVolume({ place })),
    ready: () => inActivity(() => activities.volumeIsReady({ place })),
    grow: () => inActivity(() => activities.growFileSystem({ place })),
  };
}

const withVolume = (change: object) => (host: Host): Host => ({ ...host, volumes: host.volumes?.map((volume) => ({ ...volume, ...change })) ?? [] });

describe('growing a volume', () => {
  it('is nobody’s where the config names none', async () => {
    const { host, place } = world.authos.inventory();
    expect(volumeCondition({ ...host, volumes: [] }, place.mount ?? '')).toMatchObject({ holds: false });
    await expect(onHost((at) => ({ ...at, volumes: [] })).modify()).rejects.toThrow('the config names no volume');
  });

  it("fails in AWS's words for a volume that does not exist", async () => {
    expect(await onHost(withVolume({ id: 'vol-00000000000000000' })).modify()).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('InvalidVolume.NotFound') as string });
  });

  it('does nothing to a file system before AWS gave it room, and says so', async () => {
    expect(await onHost().grow()).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('growpart: no change') as string });
  });

  it('asks for the size of the config, waits until it can be used, and grows partition and file system', async () => {
    const before = (await world.authos.capacity.usage()).bytes.total;
    expect(await onHost().modify()).toEqual({ outcome: 'done', evidence: 'vol-0123456789abcdef0: from 8 to 16 GiB' });
    await expect(onHost().ready()).rejects.toThrow('not ready: modifying');
    expect(await onHost().ready()).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('optimizing') as string });
    expect(await onHost().grow()).toMatchObject({ outcome: 'done', evidence: expect.stringMatching(/growpart: grown; resize2fs: .* from 67\.\d MB to 134 MB/) as string });
    expect((await world.authos.capacity.usage()).bytes.total).toBe(2 * before);
    // Again it is there already, and costs nothing more.
    expect(await onHost().modify()).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('has 16 GiB already') as string });
    expect(await onHost(withVolume({ sizeGiB: 32 })).modify()).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('VolumeModificationRateExceeded') as string });
  });

  it('fails in words where a command of the config is not there', async () => {
    expect(await onHost(withVolume({ growpart: ['no-such-growpart'] })).grow()).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('command not found: no-such-growpart') as string });
  });
});
