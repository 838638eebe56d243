import { once } from 'node:events';
import { chown, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { diskActivities } from '../../src/activities/disk.js';
import { authosApi } from '../../src/activities/health-api.js';
import type { AuthosApi } from '../../src/activities/health-api.js';
import { authosVolume, file, isRoot, silentApi } from './authos-volume.js';
import { inActivity } from './support.js';

type World = Awaited<ReturnType<typeof authosVolume>>;

const activitiesOf = (world: World, api: AuthosApi = silentApi) =>
  diskActivities({ hosts: [world.host], shellOf: world.shellOf, apiOf: () => api });
const once1 = { samples: 1, every: 1, notBefore: 0, since: 0 };
const prove = async (world: World, api?: AuthosApi) =>
  inActivity(() => activitiesOf(world, api).proveDisk({ place: world.place, below: 80, window: once1 }));

/** An AuthOS whose disk check says so many percent. */
async function authosSaying(percent: number): Promise<AuthosApi> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.statusCode = percent > 90 ? 503 : 200;
    response.end(
      JSON.stringify({
        component: 'disk_space',
        result: { status: percent > 90 ? 'critical' : 'healthy', used_percentage: percent },
        timestamp: '',
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
  });
  return authosApi({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

describe('how full a disk is', () => {
  it('is what df says of its bytes and inodes', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted) return skip('mounting is not allowed here');
    await file(join(world.logs, 'big.log'), { bytes: 48 * 1024 * 1024 });
    const { evidence, data } = await inActivity(() => activitiesOf(world).checkDiskUsage({ place: world.place }));
    expect(data).toMatchObject({ usedPercent: 75, dfPercent: 75, sizeBytes: 64 * 1024 * 1024, readOnly: false });
    expect(data.freeBytes).toBeGreaterThan(14 * 1024 * 1024);
    expect(evidence).toContain('75 % used');
    expect(evidence).toMatch(/50\.3 MB {2}storage\//);
  });

  it('is the worse of df and AuthOS, also where AuthOS answers 503', async () => {
    const world = await authosVolume();
    const { data } = await inActivity(async () =>
      activitiesOf(world, await authosSaying(93.2)).checkDiskUsage({ place: world.place }),
    );
    expect(data).toMatchObject({ usedPercent: 94, authosPercent: 94 });
  });

  it('leaves AuthOS out on a mount where its storage is not', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted) return skip('mounting is not allowed here');
    const host = { ...world.host, mounts: [world.base] };
    const api = await authosSaying(100);
    const { checkDiskUsage } = diskActivities({ hosts: [host], shellOf: world.shellOf, apiOf: () => api });
    const { data } = await inActivity(() => checkDiskUsage({ place: { ...world.place, mount: world.base } }));
    expect(data.authosPercent).toBeUndefined();
  });

  it("fails in df's own words where df has no answer", async () => {
    const world = await authosVolume();
    const host = { ...world.host, mounts: ['/no/such/mount'] };
    const { checkDiskUsage } = diskActivities({ hosts: [host], shellOf: world.shellOf, apiOf: () => silentApi });
    await expect(inActivity(() => checkDiskUsage({ place: { ...world.place, mount: '/no/such/mount' } }))).rejects.toThrow(
      /df .* exited 1: df: \/no\/such\/mount: No such file/,
    );
  });
});

describe('large files', () => {
  it('are the top 20, largest first, with odd names made harmless', async () => {
    const world = await authosVolume();
    for (let n = 1; n <= 30; n += 1) await file(join(world.storage, 'app', `f${n}`), { bytes: n * 20_000 });
    await file(join(world.storage, 'app', 'a\n$(reboot)'), { bytes: 2_000_000 });
    const { data, evidence } = await inActivity(() => activitiesOf(world).identifyLargeFiles({ place: world.place }));
    expect(data.rows).toHaveLength(20);
    expect(data.rows.map(({ bytes }) => bytes)).toEqual(data.rows.map(({ bytes }) => bytes).toSorted((a, b) => b - a));
    expect(evidence).toContain('storage/app/a\\x0a$(reboot)');
    expect(data.rows.map(({ name }) => name)).toContain('storage/app/f30');
    expect(Buffer.byteLength(evidence)).toBeLessThanOrEqual(2_000);
  });

  it('stay on one file system', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted) return skip('mounting is not allowed here');
    await file(join(world.base, 'elsewhere'), { bytes: 1_000_000 });
    await file(join(world.logs, 'inside'), { bytes: 30_000_000 });
    const host = { ...world.host, root: world.base, mounts: [world.base] };
    const { identifyLargeFiles } = diskActivities({ hosts: [host], shellOf: world.shellOf, apiOf: () => silentApi });
    const { data } = await inActivity(() => identifyLargeFiles({ place: { ...world.place, mount: world.base } }));
    expect(data.rows[0]).toMatchObject({ name: 'elsewhere' });
  });
});

describe('log sizes', () => {
  it('are listed per file, and summed', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'api.log'), { bytes: 2_000_000 });
    await file(join(world.logs, 'deep/security.log'), { bytes: 1_000_000 });
    const { data } = await inActivity(() => activitiesOf(world).checkLogSizes({ place: world.place }));
    expect(data.rows.map(({ name }) => name)).toEqual(['api.log', 'deep/security.log']);
    expect(data.totalBytes).toBeGreaterThanOrEqual(3_000_000);
  });

  it('say where the logs are a link to', async () => {
    const world = await authosVolume({ changes: {} });
    const host = { ...world.host, root: join(world.volume, 'other') };
    await mkdir(join(host.root, 'storage'), { recursive: true });
    await symlink(world.logs, join(host.root, 'storage/logs'));
    const { checkLogSizes } = diskActivities({ hosts: [host], shellOf: world.shellOf, apiOf: () => silentApi });
    expect((await inActivity(() => checkLogSizes({ place: world.place }))).evidence).toContain(`a link to ${world.logs}`);
  });
});

describe('the proof that a disk has recovered', () => {
  it.skipIf(!isRoot)('holds below 80 % with a write that works, and leaves nothing behind', async () => {
    const world = await authosVolume();
    if (!world.mounted) return;
    const verdict = await prove(world);
    expect(verdict).toMatchObject({ kind: 'recovered', evidence: expect.stringContaining('a 1 MiB write works') });
    expect((await readdir(world.storage)).sort()).toEqual(['framework', 'logs']);
  });

  it.skipIf(!isRoot)('is mitigated from 80 to 90 %, and not above', async () => {
    const world = await authosVolume();
    if (!world.mounted) return;
    await file(join(world.logs, 'a.log'), { bytes: 54 * 1024 * 1024 });
    expect(await prove(world)).toMatchObject({ kind: 'not recovered', mitigated: true });
    await file(join(world.logs, 'b.log'), { bytes: 6 * 1024 * 1024 });
    const worse = await prove(world);
    expect(worse.kind).toBe('not recovered');
    expect(worse.mitigated).toBeUndefined();
  });

  it.skipIf(!isRoot)("fails on a full disk, in the system's words", async () => {
    const world = await authosVolume({ size: '4m' });
    if (!world.mounted) return;
    await writeFile(join(world.logs, 'full.log'), Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
    const state = await inActivity(() => activitiesOf(world).diskState({ place: world.place }));
    expect(state).toMatchObject({
      usedPercent: 100,
      writable: false,
      writeProblem: expect.stringContaining('No space left on device'),
    });
    expect((await readdir(world.storage)).sort()).toEqual(['framework', 'logs']);
  });

  it.skipIf(!isRoot)('fails where the application itself may not write', async () => {
    const world = await authosVolume();
    await chown(world.storage, 0, 0);
    const state = await inActivity(() => activitiesOf(world).diskState({ place: world.place }));
    expect(state).toMatchObject({ writable: false, writeProblem: expect.stringContaining('Permission denied') });
  });

  it.skipIf(!isRoot)('fails while AuthOS sees the disk full', async () => {
    const world = await authosVolume();
    expect(await prove(world, await authosSaying(95))).toMatchObject({ kind: 'not recovered' });
  });

  it.skipIf(!isRoot)('fails when the inodes are used up', async () => {
    const world = await authosVolume({ size: '64m,nr_inodes=100' });
    if (!world.mounted) return;
    for (let n = 0; n < 75; n += 1) await file(join(world.logs, `${n}`), { bytes: 0 });
    const verdict = await prove(world);
    expect(verdict.kind).toBe('not recovered');
    expect(verdict.evidence).toMatch(/df 0 %, inodes 8\d %/);
  });

  it.skipIf(!isRoot)('takes away what a killed probe left behind', async () => {
    const world = await authosVolume();
    const left = join(world.storage, '.responder-write-probe-0123');
    await writeFile(left, 'x');
    await utimes(left, 0, 0);
    await prove(world);
    expect(await readdir(world.storage)).not.toContain('.responder-write-probe-0123');
  });
});
