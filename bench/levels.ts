import { loadavg } from 'node:os';
import type { Mail } from '../sandbox/servers/mailbox.js';
import { route } from '../src/alerts/routing.js';
import { runbooks } from '../src/catalogue.js';
import { type Config, loadConfig } from '../src/config.js';
import { standardDeadlines } from '../src/http/temporal-calls.js';
import { temporalIntake } from '../src/http/temporal-intake.js';
import { recentIds } from '../src/http/temporal-search.js';
import { type Bars, percentile } from './figures.js';
import { usedEach } from './processor-time.js';
import { side, until, width } from './side.js';
import { alertOf, type BenchSite, token } from './site.js';

const never = '240h';
const onlyLevels = { secondaryAfter: never, contactAfter: never, roundEvery: never, lastResortAfter: never, silentAfter: never, firstWord: never };

/** How many are due together, and when. Levels 2 and 3 of this runbook are due after 30 and 60 min; so many minutes are shortened. */
interface Due {
  count: number;
  /** Number of the first incident's domain. */
  first: number;
  scale: number;
  /** From the opening of the first to level 1, ms. */
  leadMs: number;
  /** From level 1, ms. */
  afterMs: number[];
}

/** The more are due, the further apart their levels: what one level leaves to do must be done by the next, as it would be in life. */
function dueTogether(count: number, first: number): Due {
  const apartMs = 15_000 + 200 * count;
  return { count, first, scale: apartMs / (30 * 60_000), leadMs: 10_000 + 250 * count, afterMs: [0, apartMs, 2 * apartMs] };
}

/** Lateness in ms of each mail, by level. */
type Lateness = number[][];

/** Pages of each count of incidents that are due together, beside the floor's. */
export async function levelsTogether(site: BenchSite, counts: number[], bars: Bars): Promise<void> {
  const worker = await site.startWorker('incidents');
  let first = 1;
  await pageOne(site);
  await site.startFloor(await site.mailbox.next());
  for (const count of counts) {
    const due = dueTogether(count, first);
    first += count;
    await site.quiet();
    const floor = await floorLevels(site, due);
    await site.quiet();
    const pages = await pageLevels(site, due);
    tell(due, { pages, floor, few: count === counts[0] }, bars);
  }
  await worker.stop();
}

/** For the mail that the floor sends, and so that all code has run once. */
async function pageOne(site: BenchSite): Promise<void> {
  await site.configure({ scale: 1, ...onlyLevels });
  await openDue(site, loadConfig({ file: site.configFile, env: { BENCH_TOKEN: token } }), { count: 1, first: 0 }, Date.now());
}

async function pageLevels(site: BenchSite, due: Due): Promise<Lateness> {
  await site.configure({ scale: due.scale, ...onlyLevels });
  const config = loadConfig({ file: site.configFile, env: { BENCH_TOKEN: token } });
  return lateness(site, due, ({ headers }) => Number(headers['x-responder-key']?.split('/')[1]) - 1, (at) => openDue(site, config, due, at));
}

async function floorLevels(site: BenchSite, due: Due): Promise<Lateness> {
  const start = (n: number, at: number) =>
    site.client.workflow.start('floorLevels', { workflowId: `floor-levels/${due.count}/${n}`, taskQueue: 'floor', args: [`${due.count}/${n}`, due.afterMs.map((after) => at + after)] });
  return lateness(site, due, ({ headers }) => Number(headers['x-responder-key']?.split('/').at(-1)), (at) => side(due.count, width, (n) => start(n, at)));
}

/** By the intake that alerts go through, but all accepted at one moment, so that all of a level is due at once. */
async function openDue({ client }: BenchSite, config: Config, { first, count }: Pick<Due, 'first' | 'count'>, at: number): Promise<void> {
  const { accept } = temporalIntake({ client, config, publicKeys: [], deadlines: { ...standardDeadlines, accept: 20_000 }, recent: recentIds(1) });
  await side(count, width, (n) => accept(route({ status: 'firing', ...alertOf(first + n) }, { runbooks, inventory: config, source: 'bench', acceptedAt: at })));
}

async function lateness({ mailbox, interrupted, processorTime }: BenchSite, { count, leadMs, afterMs }: Due, levelOf: (mail: Mail) => number, open: (at: number) => Promise<void>): Promise<Lateness> {
  const late: Lateness = afterMs.map(() => []);
  const at = Date.now() + leadMs;
  const stop = mailbox.onMail((mail) => {
    const level = levelOf(mail);
    late[level]?.push(performance.timeOrigin + performance.now() - at - (afterMs[level] ?? Number.NaN));
  });
  try {
    await open(at);
    if (Date.now() > at) throw new Error(`${count} could not be opened within ${leadMs / 1_000} s: this machine is too busy`);
    const before = await processorTime();
    const patience = { interrupted, withinMs: leadMs + Math.max(...afterMs) + 120_000, soFar: () => late.map(({ length }) => length).join(', ') };
    await until('all mail', patience, () => late.every((level) => level.length >= count));
    console.log(`  processor time of a page   ${usedEach(before, await processorTime(), count * afterMs.length)}`);
    return late;
  } finally {
    stop();
  }
}

function tell({ count }: Due, { pages, floor, few }: { pages: Lateness; floor: Lateness; few: boolean }, { bar }: Bars): void {
  console.log(`Levels due, ${count} together, late by (load ${loadavg()[0]?.toFixed(1)})`);
  for (const [index, level] of pages.entries()) console.log(`  level ${index + 1}   ${spread(level)}   floor ${spread(floor[index] ?? [])}`);
  const [p99, floorP99] = [percentile(pages.flat(), 0.99), percentile(floor.flat(), 0.99)];
  if (few) bar(`${count} due together: p99 of all ${ms(p99)}, the floor's ${ms(floorP99)}`, p99 <= 1_000, 'p99 ≤ 1 s');
  else bar(`${count} due together: p99 of all ${ms(p99)}, ${(p99 / floorP99).toFixed(2)} × the floor's ${ms(floorP99)}`, p99 <= 1.5 * floorP99, 'p99 ≤ 1.5 × the floor');
  const drift = (levels: Lateness): number => percentile(levels.at(-1) ?? [], 0.5) - percentile(levels[0] ?? [], 0.5);
  bar(`${count} due together: drift of p50 from level 1 to 3 ${ms(drift(pages))}, floor ${ms(drift(floor))}`, drift(pages) <= Math.max(250, drift(floor) + 250), 'no more than 250 ms beyond the floor');
}

function spread(values: readonly number[]): string {
  return `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
