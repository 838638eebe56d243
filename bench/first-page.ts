import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import getPort from 'get-port';
import { stringify } from 'yaml';
import { type Mail, type Mailbox, startMailbox } from '../sandbox/servers/mailbox.js';
import { type OwnedProcess, startOwned, StartFailed, untilServing } from '../sandbox/servers/processes.js';
import { startTemporal } from '../sandbox/servers/temporal.js';
import { workflowBundle } from '../src/workers/bundle.js';
import { percentile, spread } from './figures.js';
import { stagesOf, stageTable, type Stages } from './stages.js';

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

const token = 'a-token-of-the-bench';
const tsx = fileURLToPath(import.meta.resolve('tsx'));
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const closers: (() => Promise<unknown>)[] = [];
const folder = await mkdtemp(join(tmpdir(), 'responder-bench-'));
closers.push(() => rm(folder, { recursive: true, force: true }));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error('interrupted')));

let code = 1;
try {
  code = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  for (const close of closers.reverse()) await close().catch(() => undefined);
}
process.exit(code);

async function main(): Promise<number> {
  const temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'file' });
  closers.push(() => temporal.stop());
  const mailbox = await startMailbox();
  closers.push(() => mailbox.close());
  await workflowBundle('incidents');
  const [port, floorPort] = [await getPort(), await getPort()];
  const rounds = count + warmUps;
  const domains = Array.from({ length: rounds }, (_, n) => domainOf(n));
  await mkdir(join(folder, 'state'));
  await writeFile(join(folder, 'responder.yaml'), stringify(configWith({ port, mailPort: mailbox.port, address: temporal.address, domains })));

  const start = async (name: string, args: string[], serves: (child: OwnedProcess) => Promise<unknown>): Promise<void> => {
    const env = { RESPONDER_CONFIG: join(folder, 'responder.yaml'), BENCH_TOKEN: token, FLOOR_TEMPORAL: temporal.address };
    const child = await startOwned({ name, file: process.execPath, args: ['--import', tsx, ...args], folder, logFile: join(folder, `${name}.log`), env });
    closers.push(() => child.stop());
    await untilServing(name, child, () => serves(child), interrupted.signal);
  };
  // No run worker: what a run costs comes after the page.
  await start('server', [file('../src/server.ts')], () => answers(`http://127.0.0.1:${port}/readyz`));
  await start('incidents', [file('../src/worker.ts'), 'incidents'], (child) => says(child, 'workers run'));

  const page = async (n: number): Promise<Timed> =>
    timed(mailbox, (mail) => mail.subject.includes(`${domainOf(n)} `), `http://127.0.0.1:${port}/alerts`, alertOf(n));
  const first = await page(0);
  const mailFile = join(folder, 'mail.json');
  await writeFile(mailFile, JSON.stringify({ subject: first.mail.subject, text: first.mail.text, html: first.mail.html }));
  await start('floor-server', [file('floor.ts'), 'server', `${floorPort}`], () => answers(`http://127.0.0.1:${floorPort}/`));
  await start('floor-worker', [file('floor.ts'), 'worker', `${mailbox.port}`, mailFile], (child) => says(child, 'workers run'));
  const floor = async (n: number): Promise<Timed> =>
    timed(mailbox, (mail) => mail.headers['x-responder-key'] === `floor/${n}`, `http://127.0.0.1:${floorPort}/floor/${n}`, {});

  const connection = await Connection.connect({ address: temporal.address });
  closers.push(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace });
  const measured = { page: [] as Measured[], floor: [] as Measured[] };
  for (let n = 1; n < rounds; n++) {
    interrupted.signal.throwIfAborted();
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

interface Timed {
  /** ms from the POST to the first mail. */
  took: number;
  /** Both since the epoch. */
  postedAt: number;
  receivedAt: number;
  mail: Mail;
  answer: string;
}

/** POSTs, and waits for the first mail that matches. */
async function timed(mailbox: Mailbox, match: (mail: Mail) => boolean, url: string, body: object): Promise<Timed> {
  let [receivedAt, took] = [Number.NaN, Number.NaN];
  const stop = mailbox.onMail((mail) => {
    if (!Number.isNaN(took) || !match(mail)) return;
    [receivedAt, took] = [now(), performance.now() - startedAt];
  });
  const startedAt = performance.now();
  const postedAt = now();
  try {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(20_000) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
    const answer = await response.text();
    const mail = await mailbox.next(match);
    return { took, postedAt, receivedAt, mail, answer };
  } finally {
    stop();
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** A runbook whose level 1 is one person, so that floor and page are one mail each; each domain is an incident of its own. */
function alertOf(n: number): object {
  return {
    runbook: 'sslCertificateExpiry',
    target: domainOf(n),
    title: `The certificate of ${domainOf(n)} expires in 3 days`,
    description: 'Fewer days are left than a renewal needs.',
    labels: { domain: domainOf(n), environment: 'production', job: 'blackbox' },
  };
}

function domainOf(n: number): string {
  return `site-${n}.example.com`;
}

function configWith({ port, mailPort, address, domains }: { port: number; mailPort: number; address: string; domains: string[] }): object {
  return {
    environments: { production: { authos: { url: 'http://127.0.0.1:1', token: 'env:BENCH_TOKEN' }, domains } },
    hosts: { 'app-1': { environment: 'production', root: '/srv/authos' } },
    channels: { email: { host: '127.0.0.1', port: mailPort } },
    sources: { alertmanager: { token: 'env:BENCH_TOKEN' } },
    http: { port },
    temporal: { address, namespace: 'default' },
    state: join(folder, 'state'),
  };
}

async function answers(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  if (response.status >= 500) throw new Error(`${url} answered ${response.status}`);
}

async function says(child: OwnedProcess, words: string): Promise<void> {
  if ((await child.lastWords()).includes(words)) return;
  await delay(50);
  throw new StartFailed('it is still starting');
}
