import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MockActivityEnvironment } from '@temporalio/testing';
import { errorRateActivities } from '../src/activities/error-rate.js';
import { loginActivities } from '../src/activities/login-failures.js';
import { createScrub } from '../src/activities/scrub.js';
import type { Host } from '../src/domain/inventory.js';

/*
 * A log of 1 GB whose every line counts, read as the runbooks do: errors by the proof of High Error Rate, failed logins by address and
 * account. Prints time and growth of the heap; `tsx bench/large-log.ts [MB]`. Exit code 1 over 64 MB.
 */

const megabytes = Number(process.argv[2] ?? 1_000);
if (!Number.isInteger(megabytes) || megabytes < 1) {
  console.error(`bench: ${JSON.stringify(process.argv[2])} is no number of megabytes`);
  process.exit(2);
}
const heapAtMost = 64e6;
const hour = 3_600_000;
const place = { name: 'production', environment: 'production', host: 'app-1', hosts: ['app-1'] };
const away = { kind: 'unknown' as const, because: 'no API here' };
const apiOf = () => ({ get: async () => away, post: async () => away }) as never;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const folder = await mkdtemp(join(tmpdir(), 'responder-bench-'));
const host = { name: 'app-1', root: folder, timeZone: 'UTC', archive: join(folder, 'archive') } as Host;
try {
  await mkdir(join(folder, 'storage/logs'), { recursive: true });
  await write('monitoring', (n) => ({ level: 'ERROR', message: `Undefined array key ${n}`, context: { url: `/api/v1/users/${n % 5_000}`, user_id: n % 9_000, exception: 'ErrorException' } }));
  await measure('errors in the last minute', async () => {
    const window = { samples: 1, every: 0, notBefore: 0, since: 0 };
    const { evidence } = await errorRateActivities({ hosts: [host], apiOf }).proveErrorRate({ place, perMinute: 10, criticalBelow: 3, minute: hour, lookBack: true, window });
    return evidence.split(' (')[0] ?? '';
  });
  await rm(join(folder, 'storage/logs/monitoring.log'));
  await write('security', (n) => ({ level: 'WARNING', message: 'Failed authentication attempt', context: { type: 'failed_authentication', email: `user${n % 20_000}@example.com`, ip: `203.0.${n % 114}.${n % 250}`, reason: 'invalid_credentials' } }));
  await measure('failed logins by address and account', async () => {
    const firewall = { lookAtBlocks: async () => ({ broken: [], inForce: [] }) } as never;
    const logins = loginActivities({ hosts: [host], databaseOf: () => undefined, apiOf, scrub: createScrub([]), ownAddresses: () => [], firewall });
    const { failures, addresses } = await logins.countLogins({ place, hour });
    return `${failures} failures, ${addresses.length} addresses kept`;
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function write(channel: string, entry: (n: number) => object): Promise<void> {
  const file = await open(join(folder, `storage/logs/${channel}.log`), 'w');
  const timestamp = new Date(Date.now() - 60_000).toISOString();
  let written = 0;
  for (let n = 0; written < megabytes * 1e6; ) {
    const lines: string[] = [];
    for (let m = 0; m < 5_000; m += 1, n += 1) lines.push(JSON.stringify({ timestamp, ...entry(n) }));
    const text = `${lines.join('\n')}\n`;
    written += text.length;
    await file.writeFile(text);
  }
  await file.close();
}

/** What lives, and not what nobody has collected yet, is what a worker can run out of: so garbage is collected before each look. */
async function measure(what: string, count: () => Promise<string>): Promise<void> {
  collect();
  const before = process.memoryUsage().heapUsed;
  let most = before;
  const look = setInterval(() => {
    collect();
    most = Math.max(most, process.memoryUsage().heapUsed);
  }, 500);
  const startedAt = performance.now();
  const result = (await new MockActivityEnvironment().run(count)) as string;
  clearInterval(look);
  const growth = most - before;
  if (growth > heapAtMost) process.exitCode = 1;
  console.log(`${megabytes} MB, ${what}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s; ${result}; heap growth ${(growth / 1e6).toFixed(1)} MB (bar ${heapAtMost / 1e6})`);
}
