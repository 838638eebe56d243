import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { untilServing } from '../sandbox/servers/processes.js';
import type { IncidentView } from '../src/domain/incident.js';
import { until, width } from './side.js';
import { alertOf, bench, type BenchSite, domainOf, post } from './site.js';

/*
 * kill -9 of the server at random moments, again and again, under clients that send an alert until it is answered with 2xx: what
 * was answered has one incident, one first page, and is counted in it. For a third of the kills Temporal is away, so that alerts
 * lie in the spool over several deaths; every fifth server dies while it starts. `npm run bench:kills [-- <kills>]`; exit code 1
 * if anything is lost or doubled.
 */

const kills = Number(process.argv[2] ?? 24);
if (!Number.isInteger(kills) || kills < 3) {
  console.error(`bench:kills: ${JSON.stringify(process.argv[2])} is no number of kills from 3 on`);
  process.exit(2);
}
const patienceMs = 600_000;
const distinctPerKill = 6;
/** What comes after the first page is none of this bench's business, however long it takes. */
const never = '240h';
const times = { secondaryAfter: never, contactAfter: never, roundEvery: never, silentAfter: never, firstWord: never };
const away = { from: Math.floor(kills / 3), to: Math.floor((2 * kills) / 3) };

/** What the clients know of one alert. */
interface Sent {
  answered: number;
  /** Requests that the server may have read, answered or not. */
  tried: number;
  workflowId: string;
}

await bench(kills * distinctPerKill, main);

async function main(site: BenchSite): Promise<number> {
  await site.configure(times);
  await site.startWorker('incidents');
  const sent: Sent[] = [];
  const state = { killed: 0, over: false, brokenOff: 0 };
  const load = Array.from({ length: width }, () => client(site, sent, state));
  let startTemporal: (() => Promise<void>) | undefined;
  for (; state.killed < kills; state.killed += 1) {
    if (state.killed === away.from) startTemporal = await site.killTemporal();
    if (state.killed === away.to) await startTemporal?.();
    await killOne(site, state.killed);
  }
  const last = await site.spawnServer();
  await untilServing('server', last, () => alive(site), site.interrupted, patienceMs);
  state.over = true;
  await Promise.all(load);
  const patience = { interrupted: site.interrupted, withinMs: patienceMs, everyMs: 200 };
  await until('an empty spool', patience, async () => (await (await fetch(`${site.server}/metrics`)).text()).includes('responder_spool_entries 0'));
  await until('a first page of each', patience, () => sent.every((_, n) => firstPages(site, n).length > 0)).catch((error: unknown) => console.error(String(error)));
  return conclude(await examine(site, sent), sent, state.brokenOff);
}

/** A life of the server, and its sudden end. */
async function killOne(site: BenchSite, n: number): Promise<void> {
  const child = await site.spawnServer();
  if (n % 5 === 4) await delay(Math.random() * 3_000);
  else {
    await untilServing('server', child, () => alive(site), site.interrupted, patienceMs);
    await delay(200 + Math.random() * 1_500);
  }
  process.kill(child.pid, 'SIGKILL');
  await child.exited;
}

async function alive({ server }: BenchSite): Promise<void> {
  await fetch(`${server}/healthz`, { signal: AbortSignal.timeout(2_000) });
}

/** Sends new alerts and repeats of earlier ones until it is over, each until it is answered. */
async function client({ server, interrupted }: BenchSite, sent: Sent[], state: { killed: number; over: boolean; brokenOff: number }): Promise<void> {
  while (!state.over && !interrupted.aborted) {
    const isNew = sent.length < (state.killed + 1) * distinctPerKill && sent.length < kills * distinctPerKill;
    const n = isNew ? sent.push({ answered: 0, tried: 0, workflowId: '' }) - 1 : Math.floor(Math.random() * sent.length);
    const one = sent[n] as Sent;
    for (;;) {
      one.tried += 1;
      const answer = await post(`${server}/alerts`, alertOf(n)).catch((error: unknown) => String(error instanceof Error ? (error.cause ?? error) : error));
      const accepted = answer.startsWith('{') ? (JSON.parse(answer) as { alerts?: { workflowId: string }[] }).alerts?.[0] : undefined;
      if (accepted) {
        one.answered += 1;
        one.workflowId = accepted.workflowId;
        break;
      }
      if (answer.includes('ECONNREFUSED')) one.tried -= 1;
      else state.brokenOff += 1;
      if (interrupted.aborted) return;
      await delay(250);
    }
    await delay(25);
  }
}

function firstPages({ mailbox }: BenchSite, n: number): string[] {
  return mailbox.messages.filter(({ subject }) => subject.includes(`${domainOf(n)} `)).map(({ headers }) => headers['x-responder-key'] ?? '').filter((key) => /^[^/]+\/1\/0\.0\//.test(key));
}

interface Found {
  lost: number;
  doubled: number;
  unpaged: number;
  pagedTwice: number;
  /** Answered and not counted by their incident. */
  repeatsLost: number;
  /** Counted more often than they were sent. */
  repeatsDoubled: number;
}

async function examine(site: BenchSite, sent: Sent[]): Promise<Found> {
  const executions = new Map<string, number>();
  for await (const { workflowId } of site.client.workflow.list({ query: "WorkflowType = 'incident'" })) executions.set(workflowId, (executions.get(workflowId) ?? 0) + 1);
  const found: Found = { lost: 0, doubled: 0, unpaged: 0, pagedTwice: 0, repeatsLost: 0, repeatsDoubled: 0 };
  for (const [n, { answered, tried, workflowId }] of sent.entries()) {
    if (!executions.has(workflowId)) {
      found.lost += 1;
      continue;
    }
    const pages = firstPages(site, n);
    const { alerts, pages: onRecord } = await site.client.workflow.getHandle(workflowId).query<IncidentView>('show');
    if ((executions.get(workflowId) ?? 0) > 1 || new Set(pages.map((key) => key.split('/')[0])).size > 1) found.doubled += 1;
    if (pages.length === 0) found.unpaged += 1;
    // A mail whose answer is late on a busy machine is sent again under its key, and its incident counts that.
    const repeats = onRecord.find(({ key }) => key === pages[0])?.repeats ?? 0;
    if (new Set(pages).size > 1 || pages.length > repeats + 1) found.pagedTwice += 1;
    found.repeatsLost += Math.max(0, answered - alerts.count);
    found.repeatsDoubled += Math.max(0, alerts.count - tried);
  }
  return found;
}

function conclude(found: Found, sent: Sent[], brokenOff: number): number {
  const answered = sent.reduce((sum, one) => sum + one.answered, 0);
  const held = Object.values(found).every((count) => count === 0);
  console.log(`${kills} kill -9 of the server under ${width} clients, ${away.to - away.from} of them while Temporal was away (load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`  ${answered} alerts answered 202, of ${sent.length} problems; ${brokenOff} requests were broken off and sent again`);
  console.log(`  incidents   ${found.lost} lost, ${found.doubled} doubled; first pages: ${found.unpaged} missing, ${found.pagedTwice} sent twice`);
  console.log(`  alerts      ${found.repeatsLost} answered and not counted, ${found.repeatsDoubled} counted twice (bar: 0 everywhere) ${held ? 'held' : 'NOT HELD'}`);
  return held ? 0 : 1;
}
