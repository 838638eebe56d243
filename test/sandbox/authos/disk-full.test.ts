import { copyFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Authos, AuthosOptions } from '../../../sandbox/authos/authos.js';
import { diskFull, faults } from '../../../sandbox/faults/index.js';
import { alertmanager } from '../../../src/alerts/alertmanager.js';
import { get, run, sandbox } from './world.js';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function fullDisk(options: Partial<AuthosOptions> = {}): Promise<Authos> {
  const { authos, end } = await sandbox(options);
  ends.push(end);
  await fault.put(authos);
  return authos;
}

const fault = diskFull();
const usedPercent = async (authos: Authos) => (await authos.capacity.usage()).usedPercent;
const oldLogs = async (authos: Authos) => {
  const { stdout } = await run(authos, 'find', join(authos.root, 'storage/logs'), '-name', '*.log', '-mtime', '+7');
  return stdout.split('\n').filter((path) => path !== '');
};

/** What the runbook does by hand, as far as it needs nobody's approval. */
async function clearOldLogsAndCaches(authos: Authos): Promise<void> {
  for (const path of await oldLogs(authos)) {
    // The archive is on another device, so this is a copy and a delete.
    if (/(audit|security)-[^/]*$/.test(path)) await copyFile(path, join(authos.archive, basename(path)));
    await rm(path);
  }
  for (const folder of ['storage/framework/cache/data', 'storage/framework/views']) await empty(join(authos.root, folder));
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
}

describe.each(['auto', 'shim'] as const)('a full disk, capacity %s', (capacity) => {
  it('is over 90 %, relieved by old logs and caches, and over only once the sessions are gone too', async () => {
    const authos = await fullDisk({ capacity });
    if (capacity === 'shim') expect(authos.capacity.kind).toBe('shim');
    expect(await usedPercent(authos)).toBeGreaterThan(90);
    expect((await get(authos, '/api/health/disk_space')).status).toBe(503);
    expect(await fault.over(authos)).toMatchObject({ over: false, evidence: expect.stringContaining('95 % used') });
    const old = await oldLogs(authos);
    expect(old.some((path) => path.includes('/audit-'))).toBe(true);
    expect(old.length).toBe(20);

    await clearOldLogsAndCaches(authos);
    expect(await usedPercent(authos)).toBeGreaterThan(80);
    expect(await usedPercent(authos)).toBeLessThan(90);
    expect((await fault.over(authos)).over).toBe(false);

    await empty(join(authos.root, 'storage/framework/sessions'));
    expect(await usedPercent(authos)).toBeLessThan(80);
    expect(await fault.over(authos)).toMatchObject({ over: true, evidence: expect.stringContaining('all audit and security logs are there') });
    expect((await get(authos, '/api/health/disk_space')).status).toBe(200);
  });
});

describe('the full disk', () => {
  it('is not over when an audit log was deleted on the way', async () => {
    const authos = await fullDisk();
    await clearOldLogsAndCaches(authos);
    await empty(join(authos.root, 'storage/framework/sessions'));
    const logs = join(authos.root, 'storage/logs');
    const [audit = ''] = (await readdir(logs)).filter((name) => name.startsWith('audit-'));
    await rename(join(logs, audit), join(logs, 'audit-renamed.log'));
    expect((await fault.over(authos)).over).toBe(true);
    await rm(join(logs, 'audit-renamed.log'));
    expect(await fault.over(authos)).toMatchObject({ over: false, evidence: expect.stringContaining(`lost: ${audit}`) });
  });

  it('belongs to the application, holds failed jobs and old rows, and its alert names host and mount', async () => {
    const authos = await fullDisk();
    const sessions = join(authos.root, 'storage/framework/sessions');
    const [first = ''] = await readdir(sessions);
    expect((await stat(join(sessions, first))).uid).toBe(authos.user.uid);
    expect(await authos.sql("select count(*)::int from failed_jobs where failed_at < localtimestamp - interval '24 hours'")).toEqual([{ count: 15 }]);
    expect(await authos.sql("select 1 from authentication_logs where created_at < localtimestamp - interval '90 days' limit 1")).toHaveLength(1);
    const [parsed] = alertmanager.parse(await fault.alert(authos));
    expect(parsed).toMatchObject({
      status: 'firing',
      severity: 'Critical',
      title: 'Disk 95 % used on app-1',
      labels: { alertname: 'DiskSpaceCritical', host: 'app-1', mountpoint: authos.capacity.mount },
    });
  });

  it('is listed under its runbook, and refuses sizes that do not add up', () => {
    expect(faults['diskSpaceCritical']?.map(({ name }) => name)).toContain('disk-full');
    expect(() => diskFull({ used: 50 })).toThrow(/53 % of the volume, more than the 50 %/);
  });
});
