import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TypedSearchAttributes } from '@temporalio/common';
import { pino } from 'pino';
import { Pool } from 'undici';
import { uuidv7 } from 'uuidv7';
import { route } from '../src/alerts/routing.js';
import type { RoutedAlert } from '../src/alerts/routing.js';
import { runbooks } from '../src/catalogue.js';
import { type Config, loadConfig } from '../src/config.js';
import { incidentWorkflowId } from '../src/domain/identity.js';
import { searchAttributes } from '../src/domain/search-attributes.js';
import { entryOf } from '../src/http/backlog.js';
import { openSpool } from '../src/http/spool.js';
import { spooledIntake } from '../src/http/spooled-intake.js';
import { standardDeadlines } from '../src/http/temporal-calls.js';
import { temporalIntake } from '../src/http/temporal-intake.js';
import { recentIds } from '../src/http/temporal-search.js';
import { createMetrics } from '../src/metrics.js';
import { queues } from '../src/workflows/names.js';
import { openBars, percentile, spread } from './figures.js';
import { rateOf, side, until, width } from './side.js';
import { alertOf, bench, type BenchSite, domainOf, token } from './site.js';
import { timed } from './timed-page.js';

/*
 * The front door, each figure beside its floor of the same run: `npm run bench:intake [-- pages|bursts|drains …] [<alerts of a burst>]`,
 * all without a word; exit code 1 if a bar is missed.
 * - A burst of distinct alerts, accepted durably: an empty handler of Fastify, without our plugins, by the same client (floor.ts).
 * - The spool's drain: the same starts by bare calls of signalWithStart, at the same concurrency, from the same process.
 * - A single alert's first page: our server without a spool, which calls signalWithStart while the sender waits (direct.ts).
 * - The heap of the server after GC, before and after many alerts.
 * Workers run for the pages only: what they would do later must not slow down what is measured here.
 */

const parts = { pages: firstPages, bursts, drains };
const words = process.argv.slice(2);
/** Alerts of a burst. */
const burst = Number(words.find((word) => /^\d+$/.test(word)) ?? 500);
const wanted = words.filter((word) => word !== String(burst));
const unknown = wanted.find((word) => !Object.hasOwn(parts, word));
if (unknown !== undefined || burst < 10) {
  console.error(`bench:intake: ${JSON.stringify(words.join(' '))} is none of ${Object.keys(parts).join(', ')}, and no number of alerts from 10 on`);
  process.exit(2);
}

/** The spool's (src/http/spooled-intake.ts). */
const lanes = 16;
const rounds = 3;
/** Incidents in a spool that is drained. */
const atOnce = Math.min(150, burst);
const pages = 40;
const warmUps = 5;
const manyAlerts = 40 * burst;
const heapMayGrowMb = 5;

const { bar, conclude } = openBars();
let used = 0;
/** Numbers of incidents that nothing has used yet. */
function fresh(count: number): number {
  used += count;
  return used - count;
}

const incidents = 2 * (pages + warmUps) + (rounds + 1) * burst + 2 * rounds * atOnce;
await bench(incidents, async (site) => {
  for (const [name, part] of Object.entries(parts)) if (wanted.length === 0 || wanted.includes(name)) await part(site);
  return conclude();
});

async function firstPages(site: BenchSite): Promise<void> {
  const server = await site.startServer();
  const direct = await site.startOther('direct', 'direct.ts');
  const worker = await site.startWorker('incidents');
  const took = { spool: [] as number[], direct: [] as number[] };
  for (let round = 0; round < pages + warmUps; round++) {
    site.interrupted.throwIfAborted();
    // Turn about, so that neither always finds the machine warm.
    for (const way of round % 2 === 0 ? (['spool', 'direct'] as const) : (['direct', 'spool'] as const)) {
      const n = fresh(1);
      const page = await timed(site.mailbox, ({ subject }) => subject.includes(`${domainOf(n)} `), `${way === 'spool' ? site.server : direct}/alerts`, alertOf(n));
      if (round >= warmUps) took[way].push(page.took);
    }
  }
  await worker.stop();
  await server.stop();
  const later = percentile(took.spool, 0.5) - percentile(took.direct, 0.5);
  console.log(`First page of a single alert, ${pages} each in turn (load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`  by the spool     ${spread(took.spool)}`);
  console.log(`  floor, direct    ${spread(took.direct)}`);
  bar(`later at p50 by ${later.toFixed(1)} ms`, later <= 10, '≤ 10 ms');
}

async function bursts(site: BenchSite): Promise<void> {
  const server = await site.startServer(['--expose-gc', '--import', fileURLToPath(new URL('gc-on-signal.mjs', import.meta.url))]);
  const empty = await site.startOther('empty', 'floor.ts', 'empty');
  const [toServer, toEmpty] = [poster(site.server), poster(empty)];
  const first = fresh((rounds + 1) * burst);
  const rates = { server: [] as number[], empty: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const from = first + round * burst;
    const ours = await rateOf(burst, () => side(burst, width, (n) => toServer.post(alertOf(from + n))));
    await drained(site);
    const floor = await rateOf(burst, () => side(burst, width, (n) => toEmpty.post(alertOf(from + n))));
    // The first of each warms up.
    if (round === 0) continue;
    rates.server.push(ours);
    rates.empty.push(floor);
  }
  const [ours, floor] = [percentile(rates.server, 0.5), percentile(rates.empty, 0.5)];
  console.log(`${burst} distinct alerts, ${width} at a time, accepted durably; median of ${rounds} rounds (load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`  our server       ${inWords(rates.server)}`);
  console.log(`  floor, empty     ${inWords(rates.empty)}`);
  bar(`${ours.toFixed(0)} a second, ${(ours / floor).toFixed(2)} × the floor`, ours >= 2_000 || ours >= 0.4 * floor, '≥ 2000 a second or ≥ 0.4 ×');

  const heapBefore = await heapMb(site, server.pid);
  await side(manyAlerts, width, (n) => toServer.post({ ...alertOf(first + (n % burst)), description: `Alert ${n}. ${randomBytes(100).toString('hex')}` }));
  await drained(site);
  const heapAfter = await heapMb(site, server.pid);
  console.log(`Heap after GC, over ${manyAlerts} alerts of ${burst} incidents`);
  bar(`${heapBefore.toFixed(1)} MB → ${heapAfter.toFixed(1)} MB`, heapAfter - heapBefore <= heapMayGrowMb, `no more than ${heapMayGrowMb} MB`);
  await Promise.all([toServer.close(), toEmpty.close()]);
  await server.stop();
}

/** POSTs alerts with connections that are kept. Throws unless they are accepted. */
function poster(url: string): { post(alert: object): Promise<void>; close(): Promise<void> } {
  const pool = new Pool(url, { connections: width });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return {
    async post(alert) {
      const { statusCode, body } = await pool.request({ method: 'POST', path: '/alerts', headers, body: JSON.stringify(alert) });
      const text = await body.text();
      if (statusCode !== 202) throw new Error(`${url} answered ${statusCode}: ${text}`);
    },
    close: () => pool.close(),
  };
}

async function metric({ server }: BenchSite, name: string): Promise<number> {
  const text = await (await fetch(`${server}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function drained(site: BenchSite): Promise<void> {
  await until('an empty spool', { interrupted: site.interrupted, withinMs: 300_000 }, async () => (await metric(site, 'responder_spool_entries')) === 0);
}

async function heapMb(site: BenchSite, pid: number): Promise<number> {
  const readings: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    process.kill(pid, 'SIGUSR2');
    readings.push((await metric(site, 'nodejs_heap_size_used_bytes')) / 1_048_576);
  }
  return Math.min(...readings);
}

async function drains(site: BenchSite): Promise<void> {
  const config = loadConfig({ file: site.configFile, env: { BENCH_TOKEN: token } });
  const rates = { spool: [] as number[], raw: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? (['spool', 'raw'] as const) : (['raw', 'spool'] as const)) {
      const first = fresh(atOnce);
      const alerts = Array.from({ length: atOnce }, (_, n) => route({ status: 'firing', ...alertOf(first + n) }, { runbooks, inventory: config, source: 'bench', acceptedAt: Date.now() }));
      rates[way].push(await (way === 'spool' ? drain(site, config, alerts) : raw(site, config, alerts)));
    }
  }
  const [ours, floor] = [percentile(rates.spool, 0.5), percentile(rates.raw, 0.5)];
  console.log(`A spool of ${atOnce} incidents drained, ${lanes} at a time; median of ${rounds} rounds (load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`  the spool        ${inWords(rates.spool)}`);
  console.log(`  floor, bare      ${inWords(rates.raw)}`);
  bar(`${ours.toFixed(1)} a second, ${(ours / floor).toFixed(2)} × the floor`, ours >= 0.8 * floor, '≥ 0.8 ×');
}

/** Entries a second, of a spool that is opened full. */
async function drain({ client, interrupted }: BenchSite, config: Config, alerts: RoutedAlert[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-spool-'));
  const before = await openSpool({ folder });
  await Promise.all(alerts.map((one) => before.keep(incidentWorkflowId(one.alert.runbook, one.alert.target), entryOf(one, undefined)).flushed));
  await before.close();
  const { handOver } = temporalIntake({ client, config, publicKeys: [], deadlines: standardDeadlines, recent: recentIds(1) });
  const [spool, metrics] = [await openSpool({ folder }), createMetrics()];
  let intake: ReturnType<typeof spooledIntake> | undefined;
  try {
    return await rateOf(alerts.length, async () => {
      intake = spooledIntake({ spool, intake: { handOver }, page: async () => ({ deliveries: [], missing: [] }), times: config.times, atMost: alerts.length, metrics, logger: pino({ level: 'silent' }) });
      await until('an empty spool', { interrupted, withinMs: 300_000 }, async () => (await metrics.spool.entries.get()).values[0]?.value === 0);
    });
  } finally {
    await intake?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same, by bare calls. */
function raw({ client }: BenchSite, config: Config, alerts: RoutedAlert[]): Promise<number> {
  return rateOf(alerts.length, () =>
    side(alerts.length, lanes, async (n) => {
      const { alert, place, ladder, runbook } = alerts[n] as RoutedAlert;
      const id = uuidv7();
      await client.workflow.signalWithStart('incident', {
        workflowId: incidentWorkflowId(alert.runbook, alert.target),
        taskQueue: queues.incidents,
        args: [{ v: 1, id, alert, severity: alert.severity, place, ladder, times: config.times, automation: config.automation, publicKeys: [], runbook: { title: runbook.title, prevention: runbook.prevention } }],
        signal: 'alert',
        signalArgs: [alert],
        memo: { incidentId: id, openedAt: alert.acceptedAt, environment: place.environment, title: runbook.title },
        typedSearchAttributes: new TypedSearchAttributes([
          { key: searchAttributes.runbook, value: alert.runbook },
          { key: searchAttributes.severity, value: alert.severity },
          { key: searchAttributes.incidentState, value: 'open' },
          { key: searchAttributes.target, value: alert.target },
          { key: searchAttributes.escalationLevel, value: 0 },
        ]),
      });
    }),
  );
}

function inWords(values: number[]): string {
  return `${percentile(values, 0.5).toFixed(0)} a second (${values.map((value) => value.toFixed(0)).join(', ')})`;
}
