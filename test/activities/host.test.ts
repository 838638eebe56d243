import { link, mkdir, open, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { addHold, holdsPath, readHolds } from '../../src/activities/evidence.js';
import { hostActivities } from '../../src/activities/host.js';
import type { Shell } from '../../src/activities/shell.js';
import { authosVolume, file } from './authos-volume.js';
import { inActivity, mountMemory } from './support.js';

type World = Awaited<ReturnType<typeof authosVolume>>;

const activitiesOf = (world: World) => hostActivities({ hosts: [world.host], shellOf: world.shellOf });
const clearLogs = async (world: World, keep?: string[]) =>
  inActivity(() => activitiesOf(world).deleteOldLogs({ place: world.place, days: 7, ...(keep === undefined ? {} : { keep }) }));

const exists = async (path: string | Buffer) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('clearing old logs', () => {
  it('deletes logs of more than seven full days, and says what that freed', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'laravel-old.log'), { days: 8, bytes: 1_000_000 });
    await file(join(world.logs, 'api/api-older.log'), { days: 30, bytes: 500_000 });
    await file(join(world.logs, 'laravel-seven.log'), { days: 7 });
    await file(join(world.logs, 'laravel.log'));
    await file(join(world.logs, 'old.txt'), { days: 30 });
    const result = await clearLogs(world);
    expect(result.outcome).toBe('done');
    expect(result.evidence).toContain('2 files deleted, 1.5 MB freed');
    expect((await readdir(world.logs)).sort()).toEqual(['api', 'laravel-seven.log', 'laravel.log', 'old.txt']);
  });

  it('does nothing, and says so, the second time', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'a.log'), { days: 9 });
    await clearLogs(world);
    expect((await clearLogs(world)).evidence).toContain('0 files deleted, 0 B freed');
  });

  it('moves protected logs to the archive, whole, instead of deleting them', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted) return skip('mounting is not allowed here');
    const names = ['audit.log', 'security-2026-01-02.log', 'audit.log.3.gz', 'security-2026-01-01.log.gz'];
    for (const [n, name] of names.entries()) await file(join(world.logs, name), { days: 9, bytes: 2_000 + n });
    await file(join(world.logs, 'other.log.gz'), { days: 9 });
    const result = await clearLogs(world);
    expect(result.evidence).toContain('0 files deleted, 4 moved to the archive');
    expect(await readdir(world.logs)).toEqual(['other.log.gz']);
    const archive = join(world.host.archive, 'logs/app-1');
    expect((await readdir(archive)).sort()).toEqual([...names].sort());
    expect((await stat(join(archive, 'audit.log.3.gz'))).size).toBe(2_002);
    expect((await stat(join(archive, 'audit.log'))).mode & 0o777).toBe(0o600);
  });

  it('never overwrites an earlier copy in the archive', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted) return skip('mounting is not allowed here');
    await file(join(world.logs, 'audit.log'), { days: 9, bytes: 10 });
    await clearLogs(world);
    await file(join(world.logs, 'audit.log'), { days: 9, bytes: 20 });
    await clearLogs(world);
    const archive = join(world.host.archive, 'logs/app-1');
    expect((await stat(join(archive, 'audit.log'))).size).toBe(10);
    expect((await stat(join(archive, 'audit.log.2'))).size).toBe(20);
  });

  it('leaves protected logs where they are if the archive is on the same mount', async () => {
    const world = await authosVolume();
    const inside = { ...world.host, archive: join(world.volume, 'archive') };
    await mkdir(inside.archive);
    await file(join(world.logs, 'audit.log'), { days: 9 });
    const result = await inActivity(() =>
      hostActivities({ hosts: [inside], shellOf: world.shellOf }).deleteOldLogs({ place: world.place, days: 7 }),
    );
    expect(result.outcome).toBe('failed');
    expect(result.evidence).toMatch(/left audit\.log: a protected log, and the archive .* is on the same mount/);
    expect(await exists(join(world.logs, 'audit.log'))).toBe(true);
  });

  it('leaves protected logs where they are if the archive has no room', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted || !(await mountMemory(world.host.archive, '1m'))) return skip('mounting is not allowed here');
    await file(join(world.logs, 'security.log'), { days: 9, bytes: 3_000_000 });
    const result = await clearLogs(world);
    expect(result.evidence).toMatch(/left security\.log: a protected log, and the archive .* has no room for 3\.0 MB/);
    expect(await exists(join(world.logs, 'security.log'))).toBe(true);
    expect(await readdir(world.host.archive)).toEqual([]);
  });

  it('leaves evidence on hold, files and folders', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'api-1.log'), { days: 9 });
    await file(join(world.logs, 'case/api-2.log'), { days: 9 });
    await file(join(world.logs, 'case-not/api-3.log'), { days: 9 });
    const hold = { incident: '0190', reason: 'attack', since: '2026-01-01T00:00:00Z' };
    await addHold(world.host, { ...hold, path: join(world.logs, 'api-1.log') });
    await addHold(world.host, { ...hold, path: join(world.logs, 'case') });
    const result = await clearLogs(world);
    expect(result.evidence).toContain('left api-1.log: evidence of incident 0190');
    expect(await exists(join(world.logs, 'case/api-2.log'))).toBe(true);
    expect(await exists(join(world.logs, 'case-not/api-3.log'))).toBe(false);
  });

  it.each([
    ['damaged', '{"v":1,"holds":[{"path":'],
    ['of another shape', '{"holds":"none"}'],
    ['empty', ''],
  ])('leaves everything while the list of holds is %s', async (_how, text) => {
    const world = await authosVolume();
    await file(join(world.logs, 'a.log'), { days: 9 });
    await mkdir(join(world.host.archive, 'evidence'));
    await writeFile(holdsPath(world.host), text);
    const result = await clearLogs(world);
    expect(result.outcome).toBe('failed');
    expect(result.evidence).toContain('left a.log: everything is held, since');
    expect(await exists(join(world.logs, 'a.log'))).toBe(true);
    await expect(addHold(world.host, { path: '/x', incident: '1', reason: '', since: '' })).rejects.toMatchObject({
      type: 'EvidenceUnreadable',
    });
    expect(await readFile(holdsPath(world.host), 'utf8')).toBe(text);
  });

  it('leaves everything while the archive, and with it the list of holds, is not there', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'a.log'), { days: 9 });
    await rm(world.host.archive, { recursive: true });
    expect((await clearLogs(world)).outcome).toBe('failed');
    expect(await exists(join(world.logs, 'a.log'))).toBe(true);
  });

  it('keeps the names that it was told to keep', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'a.log'), { days: 9 });
    expect((await clearLogs(world, ['a.log'])).evidence).toContain('left a.log: kept');
  });

  it('counts no bytes freed while another hard link holds them', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'a.log'), { days: 9, bytes: 500_000 });
    await link(join(world.logs, 'a.log'), join(world.logs, 'a.txt'));
    expect((await clearLogs(world)).evidence).toContain('1 file deleted, 0 B freed');
  });

  it('says what is deleted but held open, and by whom', async () => {
    const world = await authosVolume();
    await file(join(world.logs, 'a.log'), { days: 9, bytes: 3_000_000 });
    const handle = await open(join(world.logs, 'a.log'));
    const result = await clearLogs(world).finally(() => handle.close());
    expect(result.evidence).toMatch(
      new RegExp(`3\\.0 MB of deleted files on this mount are held open by node \\(${process.pid}\\), some of these among them`),
    );
  });

  it.each([0, -1, 1.5, Number.NaN, 4000])('refuses %s days, naming them', async (days) => {
    const world = await authosVolume();
    await expect(inActivity(() => activitiesOf(world).deleteOldLogs({ place: world.place, days }))).rejects.toMatchObject({
      type: 'BadInput',
      nonRetryable: true,
    });
  });
});

describe('an attacker who can make files', () => {
  it('with odd names gets them deleted like any other, and shown harmlessly', async () => {
    const world = await authosVolume();
    const odd = [
      '$(reboot).log',
      '`id`.log',
      'it\'s "odd".log',
      '-rf.log',
      '--help.log',
      'a\nb.log',
      '; rm -rf x.log',
      '\u001b[2Jx.log',
    ];
    for (const name of odd) await file(join(world.logs, name), { days: 9 });
    await file(Buffer.concat([Buffer.from(`${world.logs}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.log')]), { days: 9 });
    const heldNames = join(world.logs, 'held\n\u001b[31m.log');
    await file(heldNames, { days: 9 });
    await addHold(world.host, { path: heldNames, incident: 'x', reason: '', since: '' });
    const result = await clearLogs(world);
    expect(result.evidence).toContain(`${odd.length + 1} files deleted`);
    expect(result.evidence).toContain('left held\\x0a\\x1b[31m.log: evidence');
    expect(await readdir(world.logs)).toEqual(['held\n\u001b[31m.log']);
  });

  it('and puts a link in place of a log loses only nothing behind it', async () => {
    const world = await authosVolume();
    const precious = join(world.base, 'precious.log');
    await file(precious, { days: 90 });
    await symlink(precious, join(world.logs, 'link.log'));
    await symlink(world.base, join(world.logs, 'folder'));
    await clearLogs(world);
    expect(await exists(precious)).toBe(true);
    expect((await readdir(world.logs)).sort()).toEqual(['folder', 'link.log']);
  });

  it('and swaps a file, or its folder, for a link between list and delete gets nothing deleted behind it', async () => {
    const world = await authosVolume();
    const outside = join(world.base, 'etc');
    await file(join(outside, 'sub.log'), { days: 90 });
    await file(join(outside, 'swapped.log'), { days: 90 });
    await file(join(world.logs, 'sub/sub.log'), { days: 9 });
    await file(join(world.logs, 'swapped.log'), { days: 9 });
    await file(join(world.logs, 'touched.log'), { days: 9 });
    // The real find, with an attacker who is as fast as can be right behind it.
    const racing: Shell = {
      ...world.shell,
      each: async (...args) => {
        const result = await world.shell.each(...args);
        await rename(join(world.logs, 'sub'), join(world.logs, 'sub-away'));
        await symlink(outside, join(world.logs, 'sub'));
        await rm(join(world.logs, 'swapped.log'));
        await symlink(join(outside, 'swapped.log'), join(world.logs, 'swapped.log'));
        await writeFile(join(world.logs, 'touched.log'), 'new line');
        return result;
      },
    };
    const { deleteOldLogs } = hostActivities({ hosts: [world.host], shellOf: () => racing });
    const result = await inActivity(() => deleteOldLogs({ place: world.place, days: 7 }));
    expect((await readdir(outside)).sort()).toEqual(['sub.log', 'swapped.log']);
    expect(result.evidence).toContain('left sub/sub.log: replaced by a link');
    expect(result.evidence).toContain('left swapped.log: no file any more');
    expect(result.evidence).toContain('left touched.log: written to meanwhile');
  });

  it('and makes storage/logs a link to /etc gets a refusal', async () => {
    const world = await authosVolume();
    await rm(world.logs, { recursive: true });
    await symlink('/etc', world.logs);
    expect(await clearLogs(world)).toEqual({
      outcome: 'refused',
      evidence: 'nothing deleted: storage/logs is a link or no folder',
    });
    const { pathOnMount } = activitiesOf(world);
    expect(await inActivity(() => pathOnMount({ place: world.place, what: 'logs' }))).toEqual({
      holds: false,
      why: 'storage/logs is a link or no folder',
    });
  });
});

describe('a place', () => {
  it('on a host from nowhere is refused, naming it', async () => {
    const world = await authosVolume();
    const place = { ...world.place, host: 'nowhere-1' };
    await expect(inActivity(() => activitiesOf(world).deleteOldLogs({ place, days: 7 }))).rejects.toMatchObject({
      type: 'HostMisconfigured',
      nonRetryable: true,
      message: 'host "nowhere-1" is not in the inventory of this worker',
    });
  });

  it('on a mount that is not in the inventory is refused, naming it', async () => {
    const world = await authosVolume();
    const place = { ...world.place, mount: '/etc' };
    await expect(inActivity(() => activitiesOf(world).clearFolder({ place, what: 'cache' }))).rejects.toMatchObject({
      type: 'HostMisconfigured',
      message: expect.stringContaining('mount "/etc"'),
    });
  });

  it('whose storage is on another mount gets nothing deleted', async ({ skip }) => {
    const world = await authosVolume();
    if (!world.mounted) return skip('mounting is not allowed here');
    const host = { ...world.host, mounts: [world.base] };
    await file(join(world.logs, 'a.log'), { days: 9 });
    const { deleteOldLogs, pathOnMount } = hostActivities({ hosts: [host], shellOf: world.shellOf });
    const place = { ...world.place, mount: world.base };
    expect((await inActivity(() => deleteOldLogs({ place, days: 7 }))).outcome).toBe('refused');
    expect(await inActivity(() => pathOnMount({ place, what: 'logs' }))).toMatchObject({
      holds: false,
      why: expect.stringContaining('is not on the mount'),
    });
    expect(await exists(join(world.logs, 'a.log'))).toBe(true);
  });
});

describe('clearing a folder', () => {
  it('takes all that is in it and leaves the folder, its .gitignore and what links point to', async () => {
    const world = await authosVolume();
    const data = join(world.storage, 'framework/cache/data');
    await file(join(data, '.gitignore'));
    await file(join(data, 'ab/cd/abcdef'), { bytes: 8_192 });
    await file(join(data, 'ab/.gitignore'));
    await file(join(world.base, 'outside/keep'));
    await symlink(join(world.base, 'outside'), join(data, 'link'));
    const { clearFolder } = activitiesOf(world);
    const result = await inActivity(() => clearFolder({ place: world.place, what: 'cache' }));
    expect(result.outcome).toBe('done');
    expect(await readdir(data)).toEqual(['.gitignore']);
    expect(await exists(join(world.base, 'outside/keep'))).toBe(true);
    expect(await readdir(join(world.storage, 'framework'))).toContain('sessions');
  });

  it("leaves a database's directory, also far above or below", async () => {
    const world = await authosVolume();
    const { clearFolder } = activitiesOf(world);
    await file(join(world.storage, 'framework/views/pg/PG_VERSION'));
    await file(join(world.storage, 'framework/views/pg/base/1'));
    await file(join(world.storage, 'framework/views/a.php'));
    const below = await inActivity(() => clearFolder({ place: world.place, what: 'views' }));
    expect(below.evidence).toMatch(/1 file deleted.*\nleft .*pg: a database's directory/);
    expect(await exists(join(world.storage, 'framework/views/pg/base/1'))).toBe(true);
    await file(join(world.volume, 'users.ibd'));
    await file(join(world.storage, 'framework/sessions/s'));
    const above = await inActivity(() => clearFolder({ place: world.place, what: 'sessions' }));
    expect(above).toEqual({ outcome: 'refused', evidence: `nothing deleted: ${world.volume} is a database's directory` });
  });

  it('never empties the logs, nor a folder it does not know', async () => {
    const world = await authosVolume();
    const { clearFolder } = activitiesOf(world);
    await file(join(world.logs, 'laravel.log'));
    expect((await inActivity(() => clearFolder({ place: world.place, what: 'logs' as 'cache' }))).outcome).toBe('refused');
    await expect(inActivity(() => clearFolder({ place: world.place, what: '../../..' as 'cache' }))).rejects.toMatchObject({
      type: 'BadInput',
    });
    expect(await readdir(world.logs)).toEqual(['laravel.log']);
  });
});

describe('the list of holds', () => {
  it('keeps every hold that is put in at the same time, each once', async () => {
    const world = await authosVolume();
    const hold = (n: number) => ({
      path: join(world.logs, `${n}.log`),
      incident: '0190',
      reason: 'attack',
      since: '2026-01-01T00:00:00Z',
    });
    await Promise.all([...Array(20).keys(), 3, 4].map(async (n) => addHold(world.host, hold(n))));
    const holds = await readHolds(world.host);
    expect(holds.kind === 'listed' && holds.holds).toHaveLength(20);
    expect((await stat(holdsPath(world.host))).mode & 0o777).toBe(0o600);
  });
});
