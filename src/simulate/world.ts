import { setTimeout as pause } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { Client, isGrpcDeadlineError } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { findBinary } from '../../sandbox/servers/binaries.js';
import type { CanaryActivities } from '../activities/canary.js';
import { controlActivities } from '../activities/control.js';
import { doctorChannelActivities } from '../activities/doctor-channels.js';
import type { NeighbourActivities } from '../activities/neighbours.js';
import { pageActivities } from '../activities/pages.js';
import { patrolAlertActivities } from '../activities/patrol-alerts.js';
import { silenceActivities } from '../activities/silences.js';
import { runbooks } from '../catalogue.js';
import type { Channel, Message } from '../channels/channel.js';
import type { Config } from '../config.js';
import { hostWorker, incidentWorker, pageWorker, runWorker } from '../workers/build.js';
import { workflowBundle } from '../workers/bundle.js';
import { waysToTell } from '../workers/ways-to-tell.js';
import { registerSearchAttributes } from '../setup/temporal.js';
import { simulatedHost } from './host.js';

/** A message that a channel would have sent. */
export interface Sent {
  /** ms since the epoch, by the simulation's clock. */
  at: number;
  channel: string;
  message: Message;
}

/** Temporal's time-skipping server with every worker of the config on it. */
export interface SimulatedWorld {
  client: Client;
  sent: Sent[];
  now(): Promise<number>;
  /** Lets so much time pass, ms: skipped where nothing happens, real where a workflow or an activity is at work. Rejects once `signal` is aborted. */
  pass(ms: number): Promise<void>;
  query<Answer>(workflowId: string, name: string): Promise<Answer>;
  close(): Promise<void>;
}

interface SimulatedWorldOptions {
  config: Config;
  /** Asked with the simulation's time, ms since the epoch. */
  recovered: (now: number) => boolean;
  onProgress: (line: string) => void;
  signal: AbortSignal;
}

/**
 * Opens it. The workers are those of production, but for two things: channels keep what they would send, and hosts answer as
 * `simulatedHost` does. Throws an Error in words if the test server can't be found or started.
 */
export async function openSimulatedWorld({ config, recovered, onProgress, signal }: SimulatedWorldOptions): Promise<SimulatedWorld> {
  quietRuntime();
  const [path, incidents, runs] = await Promise.all([
    findBinary('temporal-test-server', { onProgress }),
    workflowBundle('incidents'),
    workflowBundle('simulated-runs'),
  ]);
  const env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  const namespace = 'default';
  await registerSearchAttributes(env.connection, namespace);
  const client = new Client({ connection: env.connection, namespace });
  const sent: Sent[] = [];
  // A thread of its own would load the SDK anew: more than a second of the few that this takes.
  const parts = { connection: env.nativeConnection, namespace, inThisThread: true as const };
  const control = controlActivities({ client });
  const paging = pagingWithout(config, sent);
  const host = simulatedHost({ recovered: async () => recovered(await env.currentTimeMs()) });
  const { bar, holdRisky, letIn } = control;
  const workers = await Promise.all([
    incidentWorker(parts, incidents, alone),
    pageWorker(parts, { ...pageActivities(paging), ...noCanary, ...doctorChannelActivities(paging), ...silenceActivities({ client, config, runbooks }), ...patrolAlertActivities({ client, config, runbooks }), storeReport: async ({ incident }) => ({ file: `${incident.id}.md` }), ...alone, bar, holdRisky, letIn }),
    runWorker(parts, runs, { ...control, openIncident: async () => ({ incidentId: null, state: 'simulated' }) }),
    ...Object.keys(config.hosts).map((name) => hostWorker(parts, name, host)),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    client,
    sent,
    now: () => env.currentTimeMs(),
    pass: (ms) => unlessAborted(signal, env.sleep(Math.max(1, Math.round(ms)))),
    query: (workflowId, name) => patiently(client, () => client.workflow.getHandle(workflowId).query(name)),
    async close() {
      await shutDown(workers, running);
      await env.teardown();
      await paging.close();
    },
  };
}

/** The parts by which pages are sent in earnest, with channels that keep instead of sending. */
function pagingWithout(config: Config, sent: Sent[]) {
  const parts = waysToTell(config, pino({ enabled: false }));
  // Its own clock is real time; what is due is due by the server's.
  const now = (): number => Context.current().info.currentAttemptScheduledTimestampMs;
  const keeping = (channel: Channel): Channel => ({
    name: channel.name,
    ...(channel.shared !== undefined && { shared: channel.shared }),
    addressOf: (contact) => channel.addressOf(contact),
    check: async () => ({ state: 'is there', says: 'simulated' }),
    async send(message) {
      sent.push({ at: now(), channel: channel.name, message });
      return { acceptedAt: now(), answer: 'simulated' };
    },
    close: async () => undefined,
  });
  const close = async (): Promise<void> => void (await Promise.all([...parts.channels, parts.log].map((channel) => channel.close())));
  return { ...parts, channels: parts.channels.map(keeping), log: keeping(parts.log), now, close };
}

const noCanary: CanaryActivities = { pingOutside: async () => undefined, countCanary: async () => undefined };

/** No other incident is open, and the test server could list none. */
const alone: NeighbourActivities = {
  findCause: async () => null,
  causeIsOpen: async () => false,
  attachSymptoms: async () => undefined,
  tellDatabaseIncidents: async () => undefined,
};

/** The test server loses a query now and then, when a task of the workflow comes between: it is asked anew. */
async function patiently<Answer>(client: Client, ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await client.withDeadline(Date.now() + 2_000, ask);
    } catch (error) {
      if (tries === 5 || !isGrpcDeadlineError(error)) throw error;
      await pause(50);
    }
  }
}

async function unlessAborted(signal: AbortSignal, doing: Promise<void>): Promise<void> {
  doing.catch(() => undefined); // it fails once the server is gone
  signal.throwIfAborted();
  await Promise.race([doing, new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))]);
}

async function shutDown(workers: Worker[], running: Promise<void>[]): Promise<void> {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  await Promise.all(running);
}

let quiet = false;
/** The SDK's own lines are of no use to whoever simulates. Once a process. */
function quietRuntime(): void {
  if (quiet) return;
  quiet = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
    shutdownSignals: [],
  });
}
