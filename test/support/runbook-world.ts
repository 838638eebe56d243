import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { type Authos, type AuthosOptions, startAuthos } from '../../sandbox/authos/authos.js';
import type { Inventory } from '../../sandbox/authos/inventory.js';
import { type Config, loadConfig } from '../../src/config.js';
import type { Alert } from '../../src/domain/alert.js';
import type { IncidentView } from '../../src/domain/incident.js';
import type { Automation, Mode } from '../../src/domain/messages.js';
import type { Place } from '../../src/domain/place.js';
import type { ActReport } from '../../src/domain/step.js';
import { scaled, standardTimes, type Times } from '../../src/domain/times.js';
import { workflowBundle } from '../../src/workers/bundle.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import type { RunbookActivities } from '../../src/workflows/activity-types.js';
import type { Procedure } from '../../src/workflows/step.js';
import { earlyDeathRunbooks } from './bundles.js';
import { openClosers } from './closers.js';
import { openWorld, type TestIncident, type World } from './world.js';

/** What a person says to a question; undefined leaves it open. */
export type Answers = (act: string) => 'approve' | 'decline' | undefined;

export interface RunOptions {
  place?: Partial<Place>;
  alert?: Partial<Alert>;
  answers?: Answers;
  automation?: Automation;
  times?: Partial<Times>;
  /** Let questions expire after a second, those that `answers` answers apart. */
  expire?: boolean;
  /** Until when; the end of run 1 if not given. */
  until?: (view: IncidentView) => boolean;
}

/** The real runbooks on a real sandbox: one AuthOS host, its worker with the product's own activities, and Temporal's dev server, where time is real. */
export interface RunbookWorld {
  world: World;
  authos: Authos;
  config: WrittenConfig;
  activities: RunbookActivities;
  /** Opens an incident, answers its questions, and gives it as people see it once its first run has ended. */
  run(procedure: Procedure, options?: RunOptions): Promise<{ view: IncidentView; incident: TestIncident }>;
  setMode(mode: Mode, scope: string): Promise<void>;
  close(): Promise<void>;
}

/** 60 ms are a minute; one sample proves, and one look is the watch: activities take their real time. */
export const quickTimes: Times = { ...scaled(standardTimes, 1 / 1000), samples: 1, watchEvery: scaled(standardTimes, 1 / 1000).watch, approvalExpires: 60_000, firstWord: 600_000, silentAfter: 600_000 };

/** A sandbox with the product's own activities over it, without workflows. */
export interface HostWorld {
  authos: Authos;
  config: WrittenConfig;
  activities: RunbookActivities;
  /** Of an incident about its database, cache or application: without a mount. */
  place: Place;
  close(): Promise<void>;
}

/**
 * Starts a sandbox and composes its host's activities from a config file, as a worker does. Puts its programs in front of this
 * file's PATH. `more` are further names that the config has for the same host.
 */
export async function openHostWorld(options: Partial<AuthosOptions> = {}, more: string[] = []): Promise<HostWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-runbooks-'));
  const closers = openClosers();
  closers.add(() => rm(folder, { recursive: true, force: true }));
  const path = process.env['PATH'] ?? '';
  const close = async (): Promise<void> => {
    process.env['PATH'] = path;
    await closers.close();
  };
  try {
    const authos = await startAuthos({ folder: join(folder, 'authos'), name: `app-${process.pid}`, metricsCachedFor: 0, ...options });
    closers.add(() => authos.stop());
    process.env['PATH'] = `${authos.inventory().path}${delimiter}${path}`;
    const { mount: _, ...place } = authos.inventory().place;
    const config = await writeConfig(authos.inventory(), folder, more);
    return { authos, place, config, activities: activitiesOfHost(loadConfig(config)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The same with incident and runs on a dev server, or a time-skipping one for what takes hours. What had started is ended again if
 * a part does not. Without `worker`, a test starts and ends the host's workers itself, and one that is
 * silent counts as dead sooner. `moreHosts` are further names of the same host.
 */
export async function openRunbookWorld(options: Partial<AuthosOptions> = {}, { realTime = true, worker = true, moreHosts = [] as string[] } = {}): Promise<RunbookWorld> {
  const { authos, activities, config, close } = await openHostWorld(options, moreHosts);
  try {
    const world = await openWorld({ realTime, bundles: worker ? runbookBundles : earlyDeathRunbooks });
    const closeAll = async (): Promise<void> => {
      await world.close();
      await close();
    };
    if (worker) await world.hostWorker(authos.name, activities);
    return { world, authos, config, activities, close: closeAll, run: (procedure, more) => run(world, authos, procedure, more), setMode: async (mode, scope) => void (await world.setMode(mode, scope)) };
  } catch (error) {
    await close();
    throw error;
  }
}

const runbookBundles = async () => ({ incidents: await workflowBundle('incidents'), runs: await workflowBundle('runs') });

/** What a config says of a host and of what it needs. */
export type HostInventory = Pick<Inventory, 'host' | 'api' | 'testUser' | 'databaseUrl' | 'databaseAdminUrl' | 'databaseFolder' | 'cacheUrl' | 'webhookNetworks'>;

async function run(world: World, authos: Authos, procedure: Procedure, { place, alert, answers, automation, times, expire, until }: RunOptions = {}): Promise<{ view: IncidentView; incident: TestIncident }> {
  const { mount: _, ...here } = authos.inventory().place;
  const used = { ...quickTimes, ...(expire ? { approvalExpires: 1_000 } : {}), ...times };
  const incident = await world.open({
    runbook: procedure,
    runs: procedure.type,
    start: { place: { ...here, name: here.database ?? here.name, ...place }, times: used, automation: automation ?? {} },
    ...(alert ? { alert } : {}),
  });
  const answered = new Set<string>();
  const over = until ?? ((view: IncidentView) => view.runs[0]?.endedAt !== undefined);
  const giveUpAt = performance.now() + 150_000;
  for (;;) {
    const view = await incident.view();
    if (over(view)) return { view, incident };
    if (performance.now() > giveUpAt) throw new Error(`the run did not end: ${JSON.stringify({ ...view, pages: [] }, null, 1)}`);
    for (const ask of view.asks.filter(({ id, answer }) => !answer && !answered.has(id))) {
      const said = answers?.(ask.act);
      if (!said) continue;
      answered.add(ask.id);
      await incident.act(said === 'approve' ? { kind: 'approve', ask: ask.id } : { kind: 'decline', ask: ask.id, reason: 'no' });
    }
    await delay(200); // a look costs the workers more than it costs us
  }
}

/** How an act of the first run ended: `done: …`, `skipped declined: …`, `failed: …`. */
export function outcomeOf(view: IncidentView, act: string): string {
  const found = actOf(view, act);
  if (!found) return `there is no act "${act}"`;
  const { outcome } = found;
  switch (outcome.kind) {
    case 'done':
      return `done: ${outcome.evidence}`;
    case 'skipped':
      return `skipped ${outcome.reason}: ${outcome.detail}`;
    case 'failed':
      return `failed: ${outcome.message}`;
    case 'unknown':
      return `unknown: ${outcome.because}`;
  }
}

export function actOf(view: IncidentView, act: string): ActReport | undefined {
  return view.runs[0]?.steps.flatMap(({ acts }) => acts).find((one) => one.act === act);
}

/** A config file, and the environment that has its secrets. */
export interface WrittenConfig {
  file: string;
  env: Record<string, string>;
}

/** The config of one host, read from a file as a worker reads it. */
export async function configOf(inventory: HostInventory, folder: string): Promise<Config> {
  return loadConfig(await writeConfig(inventory, folder));
}

async function writeConfig(inventory: HostInventory, folder: string, more: string[] = []): Promise<WrittenConfig> {
  const { host, api, testUser, databaseUrl, databaseAdminUrl, databaseFolder, cacheUrl, webhookNetworks } = inventory;
  const { name, ...described } = host;
  const file = join(folder, 'responder.yaml');
  const secrets = { AUTHOS_TOKEN: api.token, DATABASE_URL: databaseUrl, DATABASE_ADMIN_URL: databaseAdminUrl, CACHE_URL: cacheUrl };
  await writeFile(
    file,
    stringify({
      environments: {
        [host.environment]: {
          authos: { url: api.url, token: 'env:AUTHOS_TOKEN', testUser },
          database: { name: 'authos', url: 'env:DATABASE_URL', adminUrl: 'env:DATABASE_ADMIN_URL', dataFolder: databaseFolder },
          redis: { url: 'env:CACHE_URL' },
          stores: ['redis'],
          queues: ['default', 'mail'],
          webhookNetworks,
        },
      },
      hosts: Object.fromEntries([name, ...more].map((one) => [one, described])),
      state: join(folder, 'state'),
    }),
  );
  return { file, env: secrets };
}
