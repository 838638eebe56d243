import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { execa } from 'execa';
import type { Host } from '../src/domain/inventory.js';
import { readLogLines } from '../src/activities/logs.js';
import { failedType, LoginTally, successTypes } from '../src/activities/login-tally.js';

/*
 * Counting failed logins per address in 200 MB of security log, beside the runbook's own pipe `grep | jq | sort | uniq -c`. Once with
 * every line a failed login, once with one in twenty. `tsx bench/login-failures.ts [MB]`; needs jq. Exit code 1 under the bar.
 */

const megabytes = Number(process.argv[2] ?? 200);
if (!Number.isInteger(megabytes) || megabytes < 1) {
  console.error(`bench: ${JSON.stringify(process.argv[2])} is no number of megabytes`);
  process.exit(2);
}
const cases = [
  { name: 'every line matches', share: 1, bar: 1 },
  { name: 'one in twenty matches', share: 0.05, bar: 0.5 },
];

const folder = await mkdtemp(join(tmpdir(), 'responder-bench-'));
let code = 0;
try {
  for (const { name, share, bar } of cases) {
    const root = join(folder, `app-${share}`);
    await mkdir(join(root, 'storage/logs'), { recursive: true });
    const file = join(root, 'storage/logs/security.log');
    await write(file, share);
    const theirs = await best(() => pipe(file));
    const ours = await best(() => count({ root, timeZone: 'UTC' } as Host));
    const same = JSON.stringify([...ours.counts].sort()) === JSON.stringify([...theirs.counts].sort());
    const factor = theirs.seconds / ours.seconds;
    if (!same || factor < bar) code = 1;
    const heap = Math.round(process.memoryUsage().heapUsed / 1e6);
    console.log(`${megabytes} MB, ${name}: ours ${ours.seconds.toFixed(2)} s, grep | jq | sort | uniq -c ${theirs.seconds.toFixed(2)} s: ${factor.toFixed(2)} times as fast (bar ${bar}); ${same ? 'same counts' : 'OTHER COUNTS'}; heap ${heap} MB`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(code);

/** JSON lines, since the pipe reads no others. */
async function write(file: string, share: number): Promise<void> {
  const handle = await open(file, 'w');
  const from = Date.now() - 50 * 60_000;
  let written = 0;
  for (let n = 0; written < megabytes * 1e6; ) {
    const lines: string[] = [];
    for (let m = 0; m < 5_000; m += 1, n += 1) {
      const timestamp = new Date(from + n).toISOString();
      const ip = `203.0.${113 + (n % 4)}.${(n * 7) % 250}`;
      const isFailed = n % Math.round(1 / share) === 0;
      const context = isFailed ? { type: failedType, email: `user${n % 1_000}@example.com`, ip, reason: 'invalid_credentials' } : { type: 'token_refreshed', user_id: n, ip };
      lines.push(JSON.stringify({ timestamp, level: isFailed ? 'WARNING' : 'INFO', message: isFailed ? 'Failed authentication attempt' : 'Token refreshed', context }));
    }
    const text = `${lines.join('\n')}\n`;
    written += text.length;
    await handle.writeFile(text);
  }
  await handle.close();
}

interface Counted {
  seconds: number;
  counts: Map<string, number>;
}

async function count(host: Host): Promise<Counted> {
  const startedAt = performance.now();
  const tally = new LoginTally();
  await new MockActivityEnvironment().run(() =>
    readLogLines({ host, channel: 'security', since: Date.now() - 3_600_000, containing: [failedType, ...successTypes] }, (line) => tally.add(line)),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return { seconds, counts: new Map([...tally.addresses].map(([address, { failures }]) => [address, failures])) };
}

async function pipe(file: string): Promise<Counted> {
  const startedAt = performance.now();
  const { stdout } = await execa('grep', ['failed_authentication', file], { buffer: false }).pipe('jq', ['-r', '.context.ip']).pipe('sort').pipe('uniq', ['-c']);
  const seconds = (performance.now() - startedAt) / 1_000;
  const rows = stdout.split('\n').map((line) => line.trim().split(' '));
  return { seconds, counts: new Map(rows.map(([n = '', ip = '']) => [ip, Number(n)])) };
}

/** The better of two: other work on the machine only ever makes it slower. */
async function best(measure: () => Promise<Counted>): Promise<Counted> {
  const [one, other] = [await measure(), await measure()];
  return one.seconds <= other.seconds ? one : other;
}
