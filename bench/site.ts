import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
import { type ProcessorTime, processorTime } from './processor-time.js';

/** Temporal on a file, a mailbox, and the processes of the product and of the floor, each as in production. */
export interface BenchSite {
  mailbox: Mailbox;
  client: Client;
  /** `http://127.0.0.1:<port>` of the product's server and of the floor's. */
  server: string;
  floorServer: string;
  configFile: string;
  interrupted: AbortSignal;
  /** Of Temporal, of this process with its mailbox, and of all that was started. */
  processorTime(): Promise<ProcessorTime>;
  /** Waits until nothing of an earlier measurement goes on: Temporal is all but idle for two seconds. Says so if it is not after some three minutes, and goes on. */
  quiet(): Promise<void>;
  /** Writes the config that processes started later read. */
  configure(times?: object): Promise<void>;
  /** `node` are further arguments of Node. */
  startServer(node?: string[]): Promise<OwnedProcess>;
  /** The same without waiting until it serves. */
  spawnServer(): Promise<OwnedProcess>;
  /** Kills Temporal, whose database stays; what it returns starts it again on the same port. */
  killTemporal(): Promise<() => Promise<void>>;
  startWorker(...roles: string[]): Promise<OwnedProcess>;
  /** A server of the bench on a port of its own: file and arguments before the port. Its `http://127.0.0.1:<port>`. */
  startOther(name: string, ...args: string[]): Promise<string>;
  /** The floor sends the same mail as the product: this one. */
  startFloor(mail: Pick<Mail, 'subject' | 'text' | 'html'>): Promise<void>;
}

export const token = 'a-token-of-the-bench';
const tsx = fileURLToPath(import.meta.resolve('tsx'));
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs a bench on a site of its own, whose parts are gone at the end, and ends the process with its exit code. `incidents` is the most at a time. */
export async function bench(incidents: number, main: (site: BenchSite) => Promise<number>): Promise<never> {
  const closers: (() => Promise<unknown>)[] = [];
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error('interrupted')));
  let code = 1;
  try {
    code = await main(await openSite(incidents, closers, interrupted.signal));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  } finally {
    for (const close of closers.reverse()) await close().catch(() => undefined);
  }
  process.exit(code);
}

/** Starts Temporal, a mailbox and nothing of ours yet; what ends them goes to `closers`. */
export async function openSite(incidents: number, closers: (() => Promise<unknown>)[], interrupted: AbortSignal): Promise<BenchSite> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-bench-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  let temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'file' });
  closers.push(() => temporal.stop());
  const mailbox = await startMailbox();
  closers.push(() => mailbox.close());
  const connection = await Connection.connect({ address: temporal.address });
  closers.push(() => connection.close());
  await Promise.all([workflowBundle('incidents'), workflowBundle('runs')]);
  const [port, floorPort] = [await getPort(), await getPort()];
  const domains = Array.from({ length: incidents }, (_, n) => domainOf(n));
  const pids = new Map([['temporal', temporal.pid]]);
  const configFile = join(folder, 'responder.yaml');
  await mkdir(join(folder, 'state'));

  const { address } = temporal;
  const spawn = async (name: string, args: string[], node: string[] = []): Promise<OwnedProcess> => {
    const env = { RESPONDER_CONFIG: configFile, BENCH_TOKEN: token, FLOOR_TEMPORAL: address };
    const child = await startOwned({ name, file: process.execPath, args: [...profiling(), ...node, '--import', tsx, ...args], folder, logFile: join(folder, `${name}.log`), env });
    closers.push(() => child.stop());
    pids.set(name, child.pid);
    return child;
  };
  const start = async (name: string, args: string[], serves: (child: OwnedProcess) => Promise<unknown>, node: string[] = []): Promise<OwnedProcess> => {
    const child = await spawn(name, args, node);
    await untilServing(name, child, () => serves(child), interrupted, 90_000);
    return child;
  };
  const site: BenchSite = {
    mailbox,
    client: new Client({ connection, namespace: temporal.namespace }),
    server: `http://127.0.0.1:${port}`,
    floorServer: `http://127.0.0.1:${floorPort}`,
    configFile,
    interrupted,
    processorTime: () => processorTime(pids),
    quiet: () => quiet(() => processorTime(pids), interrupted),
    configure: (times) => writeFile(configFile, stringify({ ...configWith({ port, mailPort: mailbox.port, address, domains, folder }), ...(times && { times }) })),
    startServer: (node) => start('server', [file('../src/server.ts')], () => answers(`http://127.0.0.1:${port}/readyz`), node),
    spawnServer: () => spawn('server', [file('../src/server.ts')]),
    async killTemporal() {
      process.kill(temporal.pid, 'SIGKILL');
      await temporal.stop();
      return async () => void (temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'file', port: Number(address.split(':')[1]) }));
    },
    startWorker: (...roles) => start(roles.join('-').replaceAll(':', '-'), [file('../src/worker.ts'), ...roles], (child) => says(child, 'workers run')),
    async startOther(name, script = '', ...args) {
      const own = await getPort();
      await start(name, [file(script), ...args, `${own}`], () => answers(`http://127.0.0.1:${own}/`));
      return `http://127.0.0.1:${own}`;
    },
    async startFloor({ subject, text, html }) {
      const mailFile = join(folder, 'mail.json');
      await writeFile(mailFile, JSON.stringify({ subject, text, html }));
      await start('floor-server', [file('floor.ts'), 'server', `${floorPort}`], () => answers(`http://127.0.0.1:${floorPort}/`));
      await start('floor-worker', [file('floor.ts'), 'worker', `${mailbox.port}`, mailFile], (child) => says(child, 'workers run'));
    },
  };
  await site.configure();
  return site;
}

/** Each domain is an incident of its own. */
export function domainOf(n: number): string {
  return `site-${n}.example.com`;
}

/** A runbook whose level 1 is one person, so that floor and page are one mail each. */
export function alertOf(n: number) {
  return {
    runbook: 'sslCertificateExpiry',
    target: domainOf(n),
    title: `The certificate of ${domainOf(n)} expires in 3 days`,
    description: 'Fewer days are left than a renewal needs.',
    labels: { domain: domainOf(n), environment: 'production', job: 'blackbox' },
  };
}

/** POSTs, and gives the text of the answer. Throws unless it is 2xx. */
export async function post(url: string, body: object): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(60_000) });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer}`);
  return answer;
}

function configWith({ port, mailPort, address, domains, folder }: { port: number; mailPort: number; address: string; domains: string[]; folder: string }): object {
  return {
    environments: { production: { authos: { url: 'http://127.0.0.1:1', token: 'env:BENCH_TOKEN' }, domains } },
    hosts: { 'app-1': { environment: 'production', root: '/srv/authos' } },
    channels: { email: { host: '127.0.0.1', port: mailPort } },
    sources: { alertmanager: { token: 'env:BENCH_TOKEN', requestsPerMinute: 1_000_000 } },
    http: { port, requestsPerMinute: 1_000_000 },
    temporal: { address, namespace: 'default' },
    state: join(folder, 'state'),
  };
}

/** `BENCH_PROFILES=<folder>` has each process of the product and the floor leave its processor profile there when it ends. */
function profiling(): string[] {
  const folder = process.env['BENCH_PROFILES'];
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', folder];
}

async function quiet(used: () => Promise<ProcessorTime>, interrupted: AbortSignal): Promise<void> {
  const span = 2_000;
  for (let tries = 0; tries < 100; tries++) {
    const before = (await used())['temporal'] ?? 0;
    await delay(span, undefined, { signal: interrupted });
    const share = ((await used())['temporal'] ?? 0) - before;
    if (!(share > 0.04 * span)) return;
  }
  console.log('  what came before is still going on: the next figure is of a busy machine');
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
