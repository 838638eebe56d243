import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type Worker, type Logger } from '@temporalio/worker';
import { utils as ed25519 } from '@noble/ed25519';
import { uuidv7 } from 'uuidv7';
import { findBinary } from '../../sandbox/servers/binaries.js';
import { startTemporal } from '../../sandbox/servers/temporal.js';
import { controlActivities } from '../../src/activities/control.js';
import { doctorChannelActivities } from '../../src/activities/doctor-channels.js';
import { neighbourActivities } from '../../src/activities/neighbours.js';
import type { PageParts } from '../../src/activities/pager.js';
import { pageActivities } from '../../src/activities/pages.js';
import { silenceActivities } from '../../src/activities/silences.js';
import type { Channel, Message, Person } from '../../src/channels/channel.js';
import type { PersonAction, SignedAction } from '../../src/domain/action.js';
import type { Alert } from '../../src/domain/alert.js';
import type { IncidentView, TimelineEntry } from '../../src/domain/incident.js';
import type { IncidentStart, Mode } from '../../src/domain/messages.js';
import { holders, standardRoles } from '../../src/roster/roster.js';
import type { Runbook } from '../../src/domain/runbook.js';
import { searchAttributes } from '../../src/domain/search-attributes.js';
import { publicKeyOf, sign } from '../../src/domain/signing.js';
import { standardTimes } from '../../src/domain/times.js';
import { hostWorker, incidentWorker, pageWorker, runWorker } from '../../src/workers/build.js';
import { modeId, queues } from '../../src/workflows/names.js';
import { testBundles } from './bundles.js';
import { practiceRunbook } from './practice-runs.js';
import { query } from './query.js';

const seed = ed25519.randomSecretKey();
const people = ['ops-primary', 'ops-secondary', 'engineering-manager', 'cto', 'dba', 'infra', 'security', 'hotline', 'alice'];

/** A message that left for a person: `role-holder@minute` is what tests look at. */
export interface Sent extends Message {
  /** Minutes since time zero, by the server's clock and in the incident's scale, rounded down. */
  minute: number;
}

/** A time-skipping server with the incident, page and run workers on it; owned by one test file. */
export interface World {
  env: TestWorkflowEnvironment;
  reports: Map<string, IncidentView>;
  close(): Promise<void>;
  /** Replaces a worker that a test has ended. */
  restart(which: 'incidents' | 'pages' | 'runs'): Promise<void>;
  end(which: 'incidents' | 'pages' | 'runs'): Promise<void>;
  /** Closes every incident opened so far, so that none pages and checks beside the next test. */
  endIncidents(): Promise<void>;
  /** Opens an incident on a host of its own, whose activities are given. */
  open(options: {
    activities?: object;
    runbook?: Runbook;
    /** Workflow type of its runs; `practice` if not given. */
    runs?: string;
    /** Shared with other incidents; one of its own if not given. */
    environment?: string;
    start?: Partial<IncidentStart>;
    alert?: Partial<Alert>;
  }): Promise<TestIncident>;
  /** Starts the worker of a host that had none, or whose worker died. */
  hostWorker(host: string, activities: object): Promise<void>;
  /** Turns the kill switch, as our HTTP server does. */
  setMode(mode: Mode, scope: string): Promise<SignedAction>;
  client: Client;
  /** Signs what people do, as the server's key. */
  seed: Uint8Array;
  sent: Sent[];
  /** Kills the server of a world with a `folder`; what it returns starts it again. */
  killServer(): Promise<() => Promise<void>>;
  /** Called for each message before it is accepted; may throw. */
  onSend: (message: Message) => Promise<void>;
}

export interface TestIncident {
  handle: WorkflowHandle;
  start: IncidentStart;
  host: string;
  view(): Promise<IncidentView>;
  /** Skips time; waits for real where a workflow's task or an activity is open. In minutes of the incident's own scale. */
  pass(minutes: number): Promise<void>;
  /** Lets what is due now happen, without skipping more than a moment. */
  until(holds: (view: IncidentView) => boolean | Promise<boolean>, what: string): Promise<IncidentView>;
  act(action: PersonAction, person?: string, roles?: string[]): Promise<string>;
  /** The same without our HTTP server: a signal with whatever somebody typed, or a signed action. */
  signal(kind: PersonAction['kind'], input?: unknown): Promise<void>;
  /** An action as our HTTP server signs it; with another `seed` as a forger would. */
  sign(action: SignedAction['action'], more?: { person?: string; roles?: string[]; seed?: Uint8Array; incidentId?: string }): SignedAction;
  /** Of the timeline: `minute what: text` of the lines of these kinds, of all if none is named. */
  story(...what: TimelineEntry['what'][]): Promise<string[]>;
  /** The refusal of an update's validator. */
  refused(action: PersonAction | SignedAction): Promise<string>;
  alert(more?: Partial<Alert>): Promise<void>;
  /** `person @ minute` of every page so far, repeats and questions included. */
  pages(): string[];
  /** `level/round person @ minute` of the ladder's pages so far. */
  paged(): string[];
  /** `person @ minute` of the notices: all-clears, reminders, failed undos. */
  told(): string[];
  now(): Promise<number>;
}

interface WorldOptions {
  bundles?: typeof testBundles;
  /** Other contacts or quiet hours than one address for everybody. */
  people?: Record<string, Person>;
  /** The channel tells later whether a page arrived. */
  receipts?: boolean;
  /** On Temporal's dev server, where no time is skipped: for tests of what the test server does otherwise, such as continuing as new. */
  realTime?: boolean;
  /** Other channels than the one that fills `sent`, and links. */
  pages?: Pick<PageParts, 'channels' | 'links'>;
  /** With `realTime`: where the server keeps its database, so that it can be killed and started again. */
  folder?: string;
}

interface Server {
  env: TestWorkflowEnvironment;
  stopServer: () => Promise<void>;
  killServer: World['killServer'];
}

async function timeSkippingServer(): Promise<Server> {
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await findBinary('temporal-test-server') } },
  });
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: { Runbook: 2, Severity: 2, IncidentState: 2, Target: 2, WaitingFor: 2, EscalationLevel: 3, NextEscalationAt: 6 },
  });
  return { env, stopServer: async () => undefined, killServer: nothingToKill };
}

async function nothingToKill(): Promise<never> {
  throw new Error('only a world with a folder can lose its server');
}

async function devServer(kept: string | undefined): Promise<Server> {
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'temporal-')));
  const options = { folder, database: kept === undefined ? ('memory' as const) : ('file' as const) };
  let server = await startTemporal(options);
  const port = Number(server.address.split(':')[1]);
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address, namespace: server.namespace });
  const stopServer = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const killServer = async (): Promise<() => Promise<void>> => {
    process.kill(server.pid, 'SIGKILL');
    await server.stop();
    return async () => void (server = await startTemporal({ ...options, port }));
  };
  return { env, stopServer, killServer: kept === undefined ? nothingToKill : killServer };
}

/** Starts a world, with the practice runbooks unless given others. Its clock is shared by the tests of a file, and only moves when a test passes time. */
export async function openWorld({ bundles = testBundles, realTime = false, folder, people: others = {}, pages: otherPages, receipts = false }: WorldOptions = {}): Promise<World> {
  quietRuntime();
  const { env, stopServer, killServer } = await (realTime ? devServer(folder) : timeSkippingServer());
  const { incidents, runs } = await bundles();
  const parts = { connection: env.nativeConnection, namespace: 'default' };
  const client = new Client({ connection: env.connection, namespace: 'default' });
  const control = controlActivities({ client });
  const neighbours = neighbourActivities({ client });
  const reports = new Map<string, IncidentView>();
  const opened: TestIncident[] = [];
  const hosts: { worker: Worker; run: Promise<void> }[] = [];
  const running = new Map<string, { worker: Worker; run: Promise<void> }>();

  const channel: Channel = {
    name: 'test',
    receipts,
    addressOf: () => 'somewhere',
    check: async () => ({ state: 'works', says: '' }),
    async send(message) {
      await world.onSend(message);
      const acceptedAt = await env.currentTimeMs();
      const begun = zero.get(message.key.split('/')[0] ?? '');
      world.sent.push({ ...message, minute: begun ? Math.floor((acceptedAt - begun.at) / begun.minute) : -1 });
      return { acceptedAt, answer: 'ok' };
    },
    close: async () => undefined,
  };
  const zero = new Map<string, { at: number; minute: number }>();
  const build = {
    incidents: () => incidentWorker(parts, incidents, neighbours),
    runs: () => runWorker(parts, runs, { ...control, openIncident: async () => ({ incidentId: null, state: 'queued' }) }),
    pages: () =>
      pageWorker(parts, {
        ...pageActivities({
          holders: (role, at) => holders({ roles: { ...standardRoles, '24/7 Hotline': ['hotline'] } }, role, at),
          people: { ...Object.fromEntries(people.map((id) => [id, { name: id, contacts: [{ email: `${id}@example.com` }] }])), ...others },
          channels: [channel],
          log: channel,
          ...otherPages,
        }),
        ...doctorChannelActivities({ people: {}, channels: [channel] }),
        pingOutside: async () => undefined,
        countCanary: async () => undefined,
        storeReport: async (view) => {
          reports.set(view.incident.id, view);
          return { file: `${view.incident.id}.md` };
        },
        ...neighbours,
        ...silenceActivities({
          client,
          config: { times: standardTimes, automation: {}, links: { console: 'http://console', temporalUi: 'http://ui', keys: [], validFor: 1 }, temporal: { address: '', namespace: 'default', connection: () => ({}) } },
          runbooks: [practiceRunbook],
        }),
        handOn: async () => [],
        bar: control.bar,
        holdRisky: control.holdRisky,
        letIn: control.letIn,
      }),
  };
  const begin = async (which: keyof typeof build): Promise<void> => {
    const worker = await build[which]();
    running.set(which, { worker, run: worker.run() });
  };
  const finish = async (one: { worker: Worker; run: Promise<void> } | undefined): Promise<void> => {
    if (!one) return;
    if (one.worker.getState() === 'RUNNING') one.worker.shutdown();
    await one.run;
  };

  const world: World = {
    env,
    reports,
    client,
    seed,
    sent: [],
    killServer,
    async hostWorker(host, activities) {
      const worker = await hostWorker(parts, host, activities);
      hosts.push({ worker, run: worker.run() });
    },
    async setMode(mode, scope) {
      const change = sign({ v: 1, id: randomUUID(), incidentId: 'mode', person: 'alice', via: 'cli', at: Date.now(), action: { kind: 'mode', scope, mode } }, seed);
      await client.workflow.signalWithStart('mode', {
        workflowId: modeId, taskQueue: queues.incidents, args: [{ publicKeys: [publicKeyOf(seed)] }], signal: 'set', signalArgs: [change],
      });
      return change;
    },
    onSend: async () => undefined,
    restart: begin,
    async end(which) {
      await finish(running.get(which));
      running.delete(which);
    },
    async endIncidents() {
      // Closed, not terminated: a terminated workflow's open tasks would keep the server's clock from being skipped for ever.
      // One after the other: sleeps side by side confuse the test server's clock.
      for (const incident of opened.splice(0)) {
        const gone = await incident.signal('resolve', incident.sign({ kind: 'resolve', reason: 'the test is over' })).then(() => false, () => true);
        if (!gone) await incident.until(({ state }) => state === 'closed', 'the close');
      }
    },
    async close() {
      // Incidents last: what asks one of them would wait for an answer until the end of its grace.
      const { incidents: last, ...others } = Object.fromEntries(running);
      await Promise.all([...Object.values(others), ...hosts].map(finish));
      await finish(last);
      await env.teardown();
      await stopServer();
    },
    async open({ activities, runbook = practiceRunbook, runs: type = 'practice', environment, start: more = {}, alert: alertMore = {} }) {
      const host = `app-${randomUUID().slice(0, 8)}`;
      if (activities) await world.hostWorker(host, activities);
      const at = await env.currentTimeMs();
      const alert: Alert = {
        source: 'test', status: 'firing', runbook: type, target: host, targetIsClear: true, severity: runbook.severity,
        title: 'It is broken', description: '', labels: {}, acceptedAt: at, ...alertMore,
      };
      const workflowId = `incident/${type}/${host}`;
      const start: IncidentStart = {
        v: 1, id: uuidv7(), alert, severity: runbook.severity,
        place: { name: `${host}:/data`, environment: environment ?? host, host, hosts: [host], mount: '/data' },
        ladder: runbook.ladder, times: standardTimes, automation: {}, publicKeys: [publicKeyOf(seed)],
        links: { console: 'http://console', temporal: `http://ui/${encodeURIComponent(workflowId)}` },
        runbook: { title: runbook.title, prevention: runbook.prevention }, ...more,
      };
      zero.set(start.id, { at, minute: start.times.minute });
      const handle = await client.workflow.signalWithStart('incident', {
        workflowId, taskQueue: queues.incidents, args: [start], signal: 'alert', signalArgs: [alert],
        memo: { incidentId: start.id, openedAt: at, environment: start.place.environment, title: runbook.title },
        typedSearchAttributes: [{ key: searchAttributes.runbook, value: type }],
      });
      const signed: TestIncident['sign'] = (action, { person = 'alice', roles, seed: key = seed, incidentId = start.id } = {}) =>
        sign({ v: 1, id: randomUUID(), incidentId, person, via: 'cli', at: Date.now(), action, ...(roles && { roles }) }, key);
      const mine = (): Sent[] => world.sent.filter((m) => m.key.startsWith(start.id));
      const incident: TestIncident = {
        handle, start, host,
        view: () => query<IncidentView>(client, handle, 'show'),
        pass: (minutes) => env.sleep(Math.round(minutes * start.times.minute)),
        async until(holds, what) {
          const patience = performance.now() + 50_000; // before the test's own time is over, so that the view is told
          for (let tries = 0; tries < 600 && performance.now() < patience; tries += 1) {
            const view = await incident.view();
            if (await holds(view)) return view;
            await env.sleep(tries < 10 ? 20 : Math.max(20, start.times.minute / 60)); // of the server's time: real work goes on meanwhile
          }
          throw new Error(`${what} did not happen; ${JSON.stringify(await incident.view(), null, 1)}`);
        },
        async act(action, person = 'alice', roles) {
          const { said } = await handle.executeUpdate<{ said: string }, [SignedAction]>(action.kind, { args: [signed(action, { person, ...(roles && { roles }) })] });
          return said;
        },
        sign: signed,
        signal: (kind, input) => handle.signal(kind, ...(input === undefined ? [] : [input])),
        async story(...what) {
          const { timeline } = await incident.view();
          const wanted = timeline.filter((line) => what.length === 0 || what.includes(line.what));
          return wanted.map((line) => `${Math.floor((line.at - at) / start.times.minute)} ${line.what}: ${line.text}`);
        },
        async refused(action) {
          const input = 'signature' in action ? action : signed(action);
          const kind = 'signature' in action ? action.action.kind : action.kind;
          const said = await handle.executeUpdate(kind, { args: [input] }).catch((error: unknown) => error);
          if (!(said instanceof Error)) throw new Error(`not refused: ${JSON.stringify(said)}`);
          return said.cause instanceof Error ? said.cause.message : said.message;
        },
        async alert(again = {}) {
          await handle.signal('alert', { ...alert, acceptedAt: await env.currentTimeMs(), ...again });
        },
        pages: () => mine().map((m) => `${m.person.id} @ ${m.minute}`),
        paged: () =>
          mine().flatMap((m) => {
            const [, level, round] = m.key.split('/');
            return /^(\d+|last resort)$/.test(level ?? '') ? [`${level}/${round} ${m.person.id} @ ${m.minute}`] : [];
          }),
        told: () => mine().flatMap((m) => (m.urgency === 'normal' ? [`${m.person.id} @ ${m.minute}`] : [])),
        now: () => env.currentTimeMs(),
      };
      opened.push(incident);
      return incident;
    },
  };
  await Promise.all((['incidents', 'runs', 'pages'] as const).map(begin));
  return world;
}

let quieted = false;
/** The SDK's own log only where a test asks for it: by LOG=1, or with a `logger`, before all else. */
export function quietRuntime(logger?: Logger): void {
  if (quieted) return;
  quieted = true;
  Runtime.install({
    logger: logger ?? new DefaultLogger(process.env['LOG'] ? 'INFO' : 'ERROR', (entry) => {
      if (process.env['LOG']) console.error(entry.level, entry.message, entry.meta ?? '');
    }),
    telemetryOptions: { logging: { forward: {}, filter: process.env['LOG'] ? 'WARN' : 'ERROR' } },
  });
}
