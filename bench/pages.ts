import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Mail } from '../sandbox/servers/mailbox.js';
import { route } from '../src/alerts/routing.js';
import { runbooks } from '../src/catalogue.js';
import { type Config, loadConfig } from '../src/config.js';
import { standardDeadlines } from '../src/http/temporal-calls.js';
import { temporalIntake } from '../src/http/temporal-intake.js';
import { recentIds } from '../src/http/temporal-search.js';
import { percentile } from './figures.js';
import { alertOf, bench, type BenchSite, post, token } from './site.js';

/*
 * Levels that fall due together, and many incidents at once, beside the floor (floor.ts) on the same server in the same run.
 * `npm run bench:pages [-- levels|many] [<incidents>]`, both without a word; exit code 1 if a bar is not held.
 */

const words = process.argv.slice(2);
const parts = ['levels', 'many'].filter((part) => words.includes(part));
const many = Number(words.find((word) => !parts.includes(word)) ?? 500);
if (!Number.isInteger(many) || many < 10) {
  console.error(`bench:pages: ${JSON.stringify(words.join(' '))} is neither levels nor many, nor a number of incidents from 10 on`);
  process.exit(2);
}
const together = [10, Math.min(200, many)];
/** A minute of the ladder is half a second: level 2 of this runbook is due after 15 s, level 3 after 30. One mail each. */
const scale = 1 / 120;
const never = '240h';
const times = { scale, secondaryAfter: never, contactAfter: never, roundEvery: never, lastResortAfter: never, silentAfter: never, firstWord: never };
const levelsDueAfterMs = [0, 30, 60].map((minutes) => minutes * 60_000 * scale);
/** Incidents are opened so long before they are due. */
const leadMs = 15_000;
/** POSTs at a time. */
const width = 8;

let held = true;
await bench(3 * many + 1, async (site) => {
  if (!parts.includes('many') || parts.includes('levels')) await levelsTogether(site);
  if (!parts.includes('levels') || parts.includes('many')) await manyAtOnce(site);
  return held ? 0 : 1;
});

/** Lateness in ms of each mail, by level. */
type Lateness = number[][];

async function levelsTogether(site: BenchSite): Promise<void> {
  await site.configure(times);
  const worker = await site.startWorker('incidents');
  const config = loadConfig({ file: site.configFile, env: { BENCH_TOKEN: token } });
  await openDue(site, config, { first: 0, count: 1, at: Date.now() });
  await site.startFloor(await site.mailbox.next());
  await delay(Math.max(...levelsDueAfterMs));
  for (const count of together) {
    const floor = await floorLevels(site, count);
    const pages = await pageLevels(site, config, count);
    tellLevels(count, pages, floor);
  }
  await worker.stop();
}

async function pageLevels(site: BenchSite, config: Config, count: number): Promise<Lateness> {
  const at = Date.now() + leadMs;
  const first = count === together[0] ? 1 : (together[0] ?? 0) + 1;
  return lateness(site, { count, at, levelOf: ({ headers }) => Number(headers['x-responder-key']?.split('/')[1]) - 1 }, () => openDue(site, config, { first, count, at }));
}

async function floorLevels({ client, ...site }: BenchSite, count: number): Promise<Lateness> {
  const at = Date.now() + leadMs;
  const start = (n: number) =>
    client.workflow.start('floorLevels', { workflowId: `floor-levels/${count}/${n}`, taskQueue: 'floor', args: [`${count}/${n}`, levelsDueAfterMs.map((after) => at + after)] });
  return lateness(site, { count, at, levelOf: ({ headers }) => Number(headers['x-responder-key']?.split('/').at(-1)) }, () => side(count, start));
}

/** By the intake that alerts go through, but all accepted at one moment, so that all of a level is due at once. */
async function openDue({ client }: BenchSite, config: Config, { first, count, at }: { first: number; count: number; at: number }): Promise<void> {
  const { accept } = temporalIntake({ client, config, publicKeys: [], deadlines: { ...standardDeadlines, accept: 20_000 }, recent: recentIds(1) });
  await side(count, (n) => accept(route({ status: 'firing', ...alertOf(first + n) }, { runbooks, inventory: config, source: 'bench', acceptedAt: at })));
}

async function lateness(
  { mailbox, interrupted }: Pick<BenchSite, 'mailbox' | 'interrupted'>,
  { count, at, levelOf }: { count: number; at: number; levelOf: (mail: Mail) => number },
  open: () => Promise<void>,
): Promise<Lateness> {
  const late: Lateness = levelsDueAfterMs.map(() => []);
  const stop = mailbox.onMail((mail) => {
    const level = levelOf(mail);
    late[level]?.push(performance.timeOrigin + performance.now() - at - (levelsDueAfterMs[level] ?? Number.NaN));
  });
  try {
    await open();
    if (Date.now() > at) throw new Error(`${count} could not be opened within ${leadMs / 1_000} s: this machine is too busy`);
    await until(interrupted, 120_000, () => late.every((level) => level.length >= count));
    return late;
  } finally {
    stop();
  }
}

function tellLevels(count: number, pages: Lateness, floor: Lateness): void {
  console.log(`Levels due, ${count} together, late by (load ${loadavg()[0]?.toFixed(1)})`);
  for (const [index, level] of pages.entries()) console.log(`  level ${index + 1}   ${spread(level)}   floor ${spread(floor[index] ?? [])}`);
  const [p99, floorP99] = [percentile(pages.flat(), 0.99), percentile(floor.flat(), 0.99)];
  if (count === together[0]) bar(`p99 of all ${ms(p99)}`, p99 <= 1_000, 'p99 ≤ 1 s');
  else bar(`p99 of all ${ms(p99)}, ${(p99 / floorP99).toFixed(2)} × the floor's ${ms(floorP99)}`, p99 <= 1.5 * floorP99, 'p99 ≤ 1.5 × the floor');
  const drift = (levels: Lateness): number => percentile(levels.at(-1) ?? [], 0.5) - percentile(levels[0] ?? [], 0.5);
  bar(`drift of p50 from level 1 to 3 ${ms(drift(pages))}, floor ${ms(drift(floor))}`, drift(pages) <= Math.max(250, drift(floor) + 250), 'no more than 250 ms beyond the floor');
}

async function manyAtOnce(site: BenchSite): Promise<void> {
  await site.configure();
  await site.startServer();
  await site.startWorker('incidents');
  const text = 'A certificate expires in 3 days.';
  if (parts.length === 1) await site.startFloor({ subject: text, text, html: `<p>${text}</p>` });
  const keys = new Set<string>();
  const floor = await rate(site, (n) => post(`${site.floorServer}/floor/many-${n}`, {}), ({ headers }) => headers['x-responder-key']?.startsWith('floor/many-') === true, keys);
  // Without a run worker a run waits at its queue.
  const gated = await rate(site, (n) => post(`${site.server}/alerts`, alertOf(many + n)), firstPages(many), keys);
  await site.startWorker('runs', 'host:app-1');
  const going = await rate(site, (n) => post(`${site.server}/alerts`, alertOf(2 * many + n)), firstPages(2 * many), keys);
  console.log(`${many} distinct incidents, ${width} POSTs at a time, all paged (load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`  floor workflow   ${floor.toFixed(1)} a second`);
  bar(`runs gated       ${gated.toFixed(1)} a second, ${(gated / floor).toFixed(2)} × the floor`, gated >= 0.7 * floor, '≥ 0.7 ×');
  bar(`runs going       ${going.toFixed(1)} a second, ${(going / floor).toFixed(2)} × the floor`, going >= 0.5 * floor, '≥ 0.5 ×');
}

/** First pages of incidents from this number on. */
function firstPages(from: number): (mail: Mail) => boolean {
  return ({ headers, subject }) => /^[^/]+\/1\/0\.0\//.test(headers['x-responder-key'] ?? '') && Number(/site-(\d+)\./.exec(subject)?.[1]) >= from;
}

/** Mails a second, from the first POST to the last of the wanted mails. */
async function rate({ mailbox, interrupted }: BenchSite, send: (n: number) => Promise<unknown>, wanted: (mail: Mail) => boolean, keys: Set<string>): Promise<number> {
  let [count, lastAt] = [0, 0];
  const stop = mailbox.onMail((mail) => {
    const key = mail.headers['x-responder-key'] ?? '';
    if (!wanted(mail) || keys.has(key)) return;
    keys.add(key);
    [count, lastAt] = [count + 1, performance.now()];
  });
  try {
    const startedAt = performance.now();
    await side(many, send);
    await until(interrupted, 300_000, () => count >= many);
    return many / ((lastAt - startedAt) / 1_000);
  } finally {
    stop();
  }
}

/** Does something for 0 … count − 1, a few at a time. */
async function side(count: number, doing: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await doing(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function until(interrupted: AbortSignal, withinMs: number, holds: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!holds()) {
    interrupted.throwIfAborted();
    if (performance.now() > giveUpAt) throw new Error(`not all mail came within ${withinMs / 1_000} s`);
    await delay(20);
  }
}

function bar(measured: string, isHeld: boolean, wanted: string): void {
  held &&= isHeld;
  console.log(`  ${measured} (bar: ${wanted}) ${isHeld ? 'held' : 'NOT HELD'}`);
}

function spread(values: readonly number[]): string {
  return `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
