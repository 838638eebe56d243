import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile, spread } from './figures.js';
import { alertOf, bench, type BenchSite, domainOf } from './site.js';
import { stagesOf, stageTable, type Stages } from './stages.js';
import { timed, type Timed } from './timed-page.js';

/*
 * How long it takes from a POSTed alert to its first mail at an SMTP server, one incident at a time, beside the floor
 * (floor.ts) on the same server in the same minute. `npm run bench:page [-- <incidents>]`; exit code 1 over the bar.
 */

const bar = 1.5;
const warmUps = 5;
const count = Number(process.argv[2] ?? 60);
if (!Number.isInteger(count) || count < 1) {
  console.error(`bench:page: ${JSON.stringify(process.argv[2])} is no number of incidents`);
  process.exit(2);
}

const rounds = count + warmUps;
await bench(rounds, main);

async function main(site: BenchSite): Promise<number> {
  const { mailbox, client, server, floorServer, interrupted } = site;
  await site.startServer();
  // No run worker: what a run costs comes after the page.
  await site.startWorker('incidents');

  const page = async (n: number): Promise<Timed> =>
    timed(mailbox, (mail) => mail.subject.includes(`${domainOf(n)} `), `${server}/alerts`, alertOf(n));
  const first = await page(0);
  await site.startFloor(first.mail);
  const floor = async (n: number): Promise<Timed> =>
    timed(mailbox, (mail) => mail.headers['x-responder-key'] === `floor/${n}`, `${floorServer}/floor/${n}`, {});

  const measured = { page: [] as Measured[], floor: [] as Measured[] };
  for (let n = 1; n < rounds; n++) {
    interrupted.throwIfAborted();
    // Turn about, so that neither always finds the machine warm.
    const order = n % 2 === 0 ? (['page', 'floor'] as const) : (['floor', 'page'] as const);
    for (const what of order) {
      const one = await (what === 'page' ? page(n) : floor(n));
      const workflowId = what === 'page' ? (JSON.parse(one.answer) as { alerts: { workflowId: string }[] }).alerts[0]?.workflowId : `floor/${n}`;
      if (n >= warmUps) measured[what].push({ ...one, workflowId: workflowId ?? '' });
      // What follows a page (its record, the start of a run) is over before the next is measured.
      await delay(150);
    }
  }
  // Only now: an activity's start is written when it has ended.
  const stages = async (all: Measured[]): Promise<Stages[]> => Promise.all(all.map((one) => stagesOf(client, one.workflowId, one)));
  const code = conclude(measured);
  for (const line of stageTable(await stages(measured.page), await stages(measured.floor))) console.log(line);
  return code;
}

type Measured = Timed & { workflowId: string };

function conclude(measured: { page: Measured[]; floor: Measured[] }): number {
  const [page, floor] = [measured.page.map(({ took }) => took), measured.floor.map(({ took }) => took)];
  const ratio = (share: number): number => percentile(page, share) / percentile(floor, share);
  const held = ratio(0.95) <= bar;
  console.log(`First page, ${page.length} incidents one at a time, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(`  alert POSTed → mail received   ${spread(page)}`);
  console.log(`  floor, in turn with it         ${spread(floor)}`);
  console.log(`  ratio                          p50 ${ratio(0.5).toFixed(2)}, p95 ${ratio(0.95).toFixed(2)} (bar: p95 ≤ ${bar}) ${held ? 'held' : 'NOT HELD'}`);
  return held ? 0 : 1;
}
