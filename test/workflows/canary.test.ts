import { randomUUID } from 'node:crypto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBinary } from '../../sandbox/servers/binaries.js';
import { canaryActivities } from '../../src/activities/canary.js';
import { doctorChannelActivities } from '../../src/activities/doctor-channels.js';
import { pageActivities } from '../../src/activities/pages.js';
import { emailChannel } from '../../src/channels/email.js';
import { logChannel } from '../../src/channels/log.js';
import { Secret } from '../../src/config.js';
import type { CanaryResult } from '../../src/domain/canary.js';
import { createMetrics } from '../../src/metrics.js';
import { incidentWorker, pageWorker } from '../../src/workers/build.js';
import { workflowBundle } from '../../src/workers/bundle.js';
import { queues } from '../../src/workflows/names.js';
import { openPostOffice, type PostOffice, type Treatment } from '../support/post-office.js';
import { openReceiver, type Receiver } from '../support/receiver.js';
import { quietRuntime } from '../support/world.js';

let env: TestWorkflowEnvironment;
let office: PostOffice;
let outside: Receiver;
let metrics: ReturnType<typeof createMetrics>;
let treat: (address: string) => Treatment = () => 'accept';
let status = 200;
const logged: Record<string, unknown>[] = [];
let end: () => Promise<void>;

const holders: Record<string, string[]> = { Primary: ['alice'], Secondary: ['bob'] };
const nowhere = async (): Promise<never> => Promise.reject(new Error('a canary asks nothing of it'));

beforeAll(async () => {
  quietRuntime();
  office = await openPostOffice((address) => treat(address));
  outside = await openReceiver(() => ({ status }));
  env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path: await findBinary('temporal-test-server') } } });
  metrics = createMetrics();
  const logger = pino({}, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  const email = emailChannel({ server: { host: '127.0.0.1', port: office.port }, from: 'Responder <responder@example.com>' });
  const people = Object.fromEntries(['canary', 'alice', 'bob'].map((id) => [id, { contacts: [{ email: `${id}@example.com` }] }]));
  const paging = { people, channels: [email], log: logChannel({ logger }), holders: (role: string) => ({ people: holders[role] ?? [] }) };
  const canary = { every: 3_600_000, to: 'canary', ping: new Secret(`${outside.url}/ping/of-the-canary`) };
  const parts = { connection: env.nativeConnection, namespace: 'default' };
  const neighbours = { findCause: nowhere, causeIsOpen: nowhere, attachSymptoms: nowhere, tellDatabaseIncidents: nowhere };
  const workers = await Promise.all([
    incidentWorker(parts, await workflowBundle('incidents'), neighbours),
    pageWorker(parts, { ...pageActivities(paging), ...canaryActivities({ canary, logger, metrics: metrics.canary }), ...doctorChannelActivities(paging), storeReport: nowhere, ...neighbours, pageHeld: nowhere, handOn: nowhere, bar: nowhere, holdRisky: nowhere, letIn: nowhere }),
  ]);
  const running = workers.map((worker) => worker.run());
  end = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await email.close();
  };
});

afterAll(async () => {
  await end?.();
  await env?.teardown();
  await office?.close();
  await outside?.close();
});

/** One canary, with its waits skipped. */
async function fly(to = 'canary'): Promise<CanaryResult> {
  office.letters.length = outside.requests.length = logged.length = 0;
  return env.client.workflow.execute<(plan: { to: string }) => Promise<CanaryResult>>('canary', { workflowId: `canary-${randomUUID()}`, taskQueue: queues.incidents, args: [{ to }] });
}

async function counted(): Promise<Record<string, number>> {
  const { values } = await metrics.registry.getSingleMetric('responder_canaries_total')!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels['outcome'], value]));
}

describe('a canary', () => {
  it('pages its person, marked as one, and then tells the watch outside', async () => {
    expect(await fly()).toEqual({ outcome: 'delivered' });
    expect(office.letters.map(({ to, subject }) => [to, subject])).toEqual([['canary@example.com', '[Medium] Canary on responder – Notice: this is how a page arrives']]);
    expect(office.letters[0]?.text).toContain('CANARY: nothing is wrong');
    expect(outside.requests.map(({ path }) => path)).toEqual(['/ping/of-the-canary']);
    expect(await counted()).toEqual({ delivered: 1, 'page failed': 0, 'ping failed': 0 });
    expect(logged).toEqual([]);
  });

  it('whose page is not delivered within two minutes tells level 1, and nobody outside', { timeout: 60_000 }, async () => {
    treat = (address) => (address.startsWith('canary') ? 451 : 'accept');
    const { outcome, because } = await fly();
    treat = () => 'accept';
    expect({ outcome, because }).toEqual({ outcome: 'page failed', because: expect.stringMatching(/canary|timed out/i) as string });
    expect(office.letters.map(({ to }) => to).toSorted()).toEqual(['alice@example.com', 'bob@example.com']);
    expect(office.letters[0]?.subject).toBe('[Critical] Canary on responder – Notice: page failed');
    expect(office.letters[0]?.text).toContain('pages of incidents may not arrive either');
    expect(outside.requests).toEqual([]);
    expect(await counted()).toEqual({ delivered: 1, 'page failed': 1, 'ping failed': 0 });
    expect(logged).toMatchObject([{ level: 50, msg: 'canary failed', outcome: 'page failed' }]);
  });

  it('whose page reached another in place of its person tells nobody outside', async () => {
    holders['Escalation contact'] = ['bob'];
    const { outcome, because } = await fly('somebody-who-left');
    delete holders['Escalation contact'];
    expect({ outcome, because }).toEqual({ outcome: 'page failed', because: expect.stringContaining('somebody-who-left was not reached') as string });
    expect(office.letters.map(({ to, subject }) => `${to} ${subject.split(' – ')[1]}`)).toEqual(expect.arrayContaining(['bob@example.com Notice: this is how a page arrives', 'alice@example.com Notice: page failed']));
    expect(outside.requests).toEqual([]);
  });

  it('that can not tell the watch outside tells level 1, without the address of the watch', { timeout: 60_000 }, async () => {
    status = 500;
    const { outcome, because } = await fly();
    status = 200;
    expect(outcome).toBe('ping failed');
    expect(because).not.toContain('of-the-canary');
    expect(outside.requests.length).toBeGreaterThan(2);
    expect(office.letters.map(({ to }) => to).toSorted()).toEqual(['alice@example.com', 'bob@example.com', 'canary@example.com']);
    expect(JSON.stringify([office.letters, logged])).not.toContain('of-the-canary');
    expect(await counted()).toEqual({ delivered: 1, 'page failed': 2, 'ping failed': 1 });
  });

  it('is told to Prometheus with its interval and when one was last delivered', async () => {
    const text = await metrics.registry.metrics();
    expect(text).toContain('responder_canary_interval_seconds 3600');
    expect(Number(/^responder_canary_delivered_timestamp_seconds (\S+)/m.exec(text)?.[1])).toBeGreaterThan(Date.now() / 1_000 - 300);
  });
});
