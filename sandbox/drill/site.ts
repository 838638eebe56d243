import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { workflowBundle } from '../../src/workers/bundle.js';
import { type Authos, type AuthosOptions, startAuthos } from '../authos/authos.js';
import { type Mailbox, startMailbox } from '../servers/mailbox.js';
import { type OwnedProcess, plainEnvironment, startOwned, StartFailed, untilServing } from '../servers/processes.js';
import { assertPortFree, onPort } from '../servers/ports.js';
import { startTemporal, type TemporalServer } from '../servers/temporal.js';

export interface SiteOptions {
  /** Everything is in here; made if missing. */
  folder: string;
  /** Every duration of the incident process, times this. */
  scale: number;
  /** Durations of the config, before they are scaled: `{ closedStays: '1m' }`. */
  times?: Record<string, string>;
  /** What the AuthOS host needs beyond its standard. */
  host?: Partial<AuthosOptions>;
  /** Further sections of the config. */
  config?: object;
  httpPort?: number;
  uiPort?: number;
  onProgress: (line: string) => void;
  signal: AbortSignal;
}

/** A whole site: an AuthOS host and everything of ours, as processes of their own. */
export interface Site {
  authos: Authos;
  mailbox: Mailbox;
  temporal: TemporalServer;
  /** Our HTTP server. */
  url: string;
  /** Bearer tokens: of the monitor that sends alerts, and of people by id. */
  tokens: { alerts: string; people: Record<string, string> };
  configFile: string;
  /** What our programs are started with; the secrets that the config refers to are in it. */
  env: Record<string, string>;
  /** Our processes by name: `server`, `incidents`, `runs`, `host`. */
  processes: Record<string, OwnedProcess>;
  /** Starts one of them again. */
  restart(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Our programs start in 2 s; on a machine that is busy with other things they may take much longer. */
const patience = 90_000;

const people = ['ops-primary', 'ops-secondary', 'engineering-manager'];
const source = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));
const tsx = fileURLToPath(import.meta.resolve('tsx'));

/** Brings a site up; what had started is stopped again if a part does not. Throws `StartFailed` with a part's last words. */
export async function openSite({ folder, scale, times, host, config = {}, httpPort, uiPort, onProgress, signal }: SiteOptions): Promise<Site> {
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close().catch((error: unknown) => onProgress(`while stopping: ${String(error)}`));
  };
  /** What has started is stopped even if Ctrl-C came while it did. */
  const kept = async <T>(starting: Promise<T>, close: (part: T) => Promise<unknown>): Promise<T> => {
    const part = await starting;
    closers.push(() => close(part));
    signal.throwIfAborted();
    return part;
  };
  try {
    await mkdir(folder, { recursive: true });
    // Before anything starts: an error after ten seconds would be one too.
    if (httpPort !== undefined) await assertPortFree(httpPort, 'our HTTP server');
    if (uiPort !== undefined) await assertPortFree(uiPort, "Temporal's web UI");
    const parts = await Promise.allSettled([
      kept(startTemporal({ folder: join(folder, 'temporal'), database: 'file', uiPort: uiPort ?? (await freePort()), onProgress }), (part) => part.stop()),
      kept(startAuthos({ folder: join(folder, 'authos'), name: `app-${randomBytes(3).toString('hex')}`, metricsCachedFor: 300_000 * scale, ...host }), (part) => part.stop()),
      kept(startMailbox({}), (part) => part.close()),
      workflowBundle('incidents'),
      workflowBundle('runs'),
    ]);
    const failed = parts.find((part) => part.status === 'rejected');
    if (failed) throw failed.reason;
    const [temporal, authos, mailbox] = parts.map((part) => (part as PromiseFulfilledResult<unknown>).value) as [TemporalServer, Authos, Mailbox];

    const port = httpPort ?? (await freePort());
    const url = `http://127.0.0.1:${port}`;
    const tokens = { alerts: token(), people: Object.fromEntries(people.map((person) => [person, token()])) };
    const configFile = join(folder, 'responder.yaml');
    await writeFile(configFile, stringify({ ...configFor({ authos, mailbox, temporal, folder, port, url, times: { ...times, scale } }), ...config }));
    const environment = {
      ...plainEnvironment(),
      PATH: authos.env()['PATH'] ?? '',
      SANDBOX_HOME: authos.env()['SANDBOX_HOME'] ?? '',
      RESPONDER_CONFIG: configFile,
      DRILL_AUTHOS_TOKEN: authos.inventory().api.token,
      DRILL_DATABASE_URL: authos.inventory().databaseUrl,
      DRILL_DATABASE_ADMIN_URL: authos.inventory().databaseAdminUrl,
      DRILL_CACHE_URL: authos.inventory().cacheUrl,
      DRILL_ALERT_TOKEN: tokens.alerts,
      ...Object.fromEntries(people.map((person) => [tokenVariable(person), tokens.people[person] ?? ''])),
    };
    const programs: Record<string, string[]> = {
      server: [source('server.ts')],
      incidents: [source('worker.ts'), 'incidents'],
      runs: [source('worker.ts'), 'runs'],
      host: [source('worker.ts'), `host:${authos.name}`],
    };
    const processes: Record<string, OwnedProcess> = {};
    const start = async (name: string): Promise<void> => {
      const args = ['--import', tsx, ...(programs[name] ?? [])];
      const child = await startOwned({ name, file: process.execPath, args, folder, logFile: join(folder, 'logs', `${name}.log`), env: environment });
      processes[name] = child;
      await untilServing(name, child, () => (name === 'server' ? answers(`${url}/readyz`) : says(child, 'workers run')), signal, patience);
    };
    closers.push(() => Promise.all(Object.values(processes).map((child) => child.stop())));
    const started = await Promise.allSettled(Object.keys(programs).map(start));
    const broken = started.find((part) => part.status === 'rejected');
    if (broken) throw broken.reason;
    signal.throwIfAborted();
    return { authos, mailbox, temporal, url, tokens, configFile, env: environment, processes, restart: start, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface ConfigParts {
  authos: Authos;
  mailbox: Mailbox;
  temporal: TemporalServer;
  folder: string;
  port: number;
  url: string;
  times: object;
}

function configFor({ authos, mailbox, temporal, folder, port, url, times }: ConfigParts): object {
  const { host, testUser, databaseFolder, webhookNetworks } = authos.inventory();
  const { name, ...described } = host;
  return {
    environments: { [host.environment]: { authos: { url: authos.url, token: 'env:DRILL_AUTHOS_TOKEN', testUser }, domains: [authos.https.domain], database: { name: 'authos', url: 'env:DRILL_DATABASE_URL', adminUrl: 'env:DRILL_DATABASE_ADMIN_URL', dataFolder: databaseFolder }, redis: { url: 'env:DRILL_CACHE_URL' }, stores: ['redis'], queues: ['default', 'mail'], webhookNetworks } },
    hosts: { [name]: described },
    people: Object.fromEntries(people.map((person) => [person, { token: `env:${tokenVariable(person)}` }])),
    channels: { email: { host: '127.0.0.1', port: mailbox.port } },
    sources: { alertmanager: { token: 'env:DRILL_ALERT_TOKEN' } },
    http: { port },
    temporal: { address: temporal.address, namespace: temporal.namespace },
    times,
    state: join(folder, 'state'),
    links: { console: url, temporalUi: temporal.uiAddress },
  };
}

const token = (): string => randomBytes(24).toString('base64url');
const tokenVariable = (person: string): string => `DRILL_TOKEN_${person.toUpperCase().replaceAll('-', '_')}`;
const freePort = (): Promise<number> => onPort(undefined, 'a server', async (port) => port);

async function answers(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}

async function says(child: OwnedProcess, words: string): Promise<void> {
  if ((await child.lastWords()).includes(words)) return;
  await delay(50);
  throw new StartFailed('it is still starting');
}
