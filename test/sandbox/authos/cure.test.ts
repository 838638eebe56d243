import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, describe, expect, it } from 'vitest';
import { artisanActivities } from '../../../src/activities/artisan.js';
import { diskActivities } from '../../../src/activities/disk.js';
import { authosApi } from '../../../src/activities/health-api.js';
import { hostActivities } from '../../../src/activities/host.js';
import { createScrub } from '../../../src/activities/scrub.js';
import { localShell } from '../../../src/activities/shell.js';
import type { Authos, AuthosOptions } from '../../../sandbox/authos/authos.js';
import { diskFull } from '../../../sandbox/faults/index.js';
import { sandbox } from './world.js';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function start(options: Partial<AuthosOptions> = {}): Promise<Authos> {
  const { authos, end } = await sandbox(options);
  ends.push(end);
  return authos;
}

/** The product's own activities, pointed at the sandbox by nothing but its inventory. */
function product(authos: Authos) {
  const { host, place, api, databaseUrl, path } = authos.inventory();
  const shell = localShell({ records: host.records, scrub: createScrub([]), path: `${path}:${process.env['PATH'] ?? ''}` });
  const parts = {
    hosts: [host],
    shellOf: () => shell,
    databaseOf: () => ({ connectionString: databaseUrl }),
    apiOf: () => authosApi({ baseUrl: api.url, token: api.token }),
  };
  return { place, ...artisanActivities(parts), ...hostActivities(parts), ...diskActivities(parts) };
}

const inActivity = async <Result>(act: () => Promise<Result>) =>
  (await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(act)) as Result;

describe.each(['auto', 'shim'] as const)('the product at work on a full disk, capacity %s', (capacity) => {
  it('sees what the sandbox sees, and cures it without losing a protected log', async () => {
    const authos = await start({ capacity });
    const fault = diskFull();
    await fault.put(authos);
    const { place, checkDiskUsage, deleteOldLogs, clearFolder } = product(authos);
    const usedPercent = async () => (await inActivity(() => checkDiskUsage({ place }))).data.usedPercent;

    expect(await usedPercent()).toBe(95);
    expect(await inActivity(() => deleteOldLogs({ place, days: 7 }))).toMatchObject({ outcome: 'done' });
    for (const what of ['cache', 'views'] as const) expect(await inActivity(() => clearFolder({ place, what }))).toMatchObject({ outcome: 'done' });
    expect(await usedPercent()).toBeGreaterThan(80);
    expect(await usedPercent()).toBeLessThan(90);
    expect((await fault.over(authos)).over).toBe(false);
    expect(await inActivity(() => clearFolder({ place, what: 'sessions' }))).toMatchObject({ outcome: 'done' });
    expect(await usedPercent()).toBeLessThan(80);
    expect(await fault.over(authos)).toMatchObject({ over: true });
  });
});

describe('the product and artisan of the sandbox', () => {
  it('finds that clearing the cache is safe, and clears it', async () => {
    const authos = await start();
    const { place, cacheClear, cacheClearIsSafe } = product(authos);
    expect(await inActivity(() => cacheClearIsSafe({ place }))).toMatchObject({ holds: true });
    expect(await inActivity(() => cacheClear({ place }))).toMatchObject({ outcome: 'done' });
  });

  it('archives where the command exists, and is told where it does not', async () => {
    const [rich, stock] = [await start({ extraCommands: ['db:archive'] }), await start()];
    for (const authos of [rich, stock]) {
      await authos.sql("insert into authentication_logs (event, success, created_at) select 'login', true, localtimestamp - interval '100 days' from generate_series(1, 5)");
    }
    const archive = async (authos: Authos) => {
      const { place, archiveTable } = product(authos);
      return inActivity(() => archiveTable({ place, table: 'authentication_logs', days: 90 }));
    };
    expect(await archive(rich)).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('5 before, 0 after') });
    expect(await archive(stock)).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('"db:archive" is not defined') });
  });
});
