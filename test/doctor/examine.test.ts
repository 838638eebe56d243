import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mailbox, startMailbox } from '../../sandbox/servers/mailbox.js';
import { startTemporal, type TemporalServer } from '../../sandbox/servers/temporal.js';
import { doctorChannelActivities } from '../../src/activities/doctor-channels.js';
import { runbooks } from '../../src/catalogue.js';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { emailChannel } from '../../src/channels/email.js';
import { type Config, Secret } from '../../src/config.js';
import { doctorOf } from '../../src/doctor/examine.js';
import type { HostLook } from '../../src/domain/doctor.js';
import { standardTimes } from '../../src/domain/times.js';
import { lazyConnection } from '../../src/lazy-connection.js';
import { hostWorker, incidentWorker, pageWorker } from '../../src/workers/build.js';
import { workflowBundle } from '../../src/workers/bundle.js';
import { openClosers } from '../support/closers.js';
import { quietRuntime } from '../support/world.js';

const closers = openClosers();
let temporal: TemporalServer;
let mailbox: Mailbox;
let native: NativeConnection;
let config: Config;
const running: { worker: Worker; run: Promise<void> }[] = [];

beforeAll(async () => {
  quietRuntime();
  const folder = await mkdtemp(join(tmpdir(), 'responder-doctor-'));
  closers.add(() => rm(folder, { recursive: true, force: true }));
  [temporal, mailbox] = await Promise.all([startTemporal({ folder, database: 'memory' }), startMailbox()]);
  closers.add(() => temporal.stop());
  closers.add(() => mailbox.close());
  native = await NativeConnection.connect({ address: temporal.address });
  closers.add(() => native.close());
  const person = (id: string) => ({ id, name: id, contacts: [{ email: `${id}@authos.test` }, { email: `${id}@elsewhere.test` }], token: new Secret('0123456789abcdef') });
  config = {
    hosts: { 'app-1': { name: 'app-1' }, 'app-2': { name: 'app-2' } },
    people: { alice: person('alice'), bob: person('bob') },
    roster: { roles: { Primary: ['alice'], Secondary: ['bob'], 'Escalation contact': ['bob'] } },
    times: standardTimes,
    channels: { email: {}, log: {} }, sources: { alertmanager: {} }, encryption: { keys: [] }, automation: {},
    temporal: { address: temporal.address, namespace: 'default' },
  } as unknown as Config;
});

afterAll(async () => {
  for (const { worker } of running) worker.shutdown();
  await Promise.all(running.map(({ run }) => run));
  await closers.close();
});

/** What the doctor of a server that speaks to `address` finds. */
async function examined({ address = temporal.address, namespace = 'default', sendTest = false, automation = {} } = {}) {
  const { connection, close } = lazyConnection({ address });
  try {
    const changed = { ...config, automation, temporal: { ...config.temporal, address, namespace } };
    return await doctorOf({ client: new Client({ connection, namespace }), config: changed, runbooks: runbooks.map(plainRunbook), modes: async () => ({ global: 'automatic', runbooks: {} }) }).examine({ sendTest });
  } finally {
    await close();
  }
}

type Found = Awaited<ReturnType<typeof examined>>;
const findings = ({ checks }: Found) => checks.flatMap(({ area, subject, state, says }) => (state === 'finding' && area !== 'people' ? [`${subject}: ${says}`] : []));

/** Workers of incidents and pages, and of one host that answers with `looks`. */
async function start(looks: HostLook[]): Promise<void> {
  const parts = { connection: native, namespace: 'default' };
  const channel = emailChannel({ server: { host: '127.0.0.1', port: mailbox.port }, from: 'responder@authos.test' });
  closers.add(() => channel.close());
  const none = {} as Parameters<typeof incidentWorker>[2];
  const workers = [
    await incidentWorker(parts, await workflowBundle('incidents'), none),
    await pageWorker(parts, doctorChannelActivities({ people: config.people, channels: [channel] }) as Parameters<typeof pageWorker>[1]),
    await hostWorker(parts, 'app-1', { examineHost: async () => ({ user: 'responder', looks }) }),
  ];
  running.push(...workers.map((worker) => ({ worker, run: worker.run() })));
}

describe('the doctor', () => {
  it('finds that Temporal is not there, and still tells who would be paged', async () => {
    const found = await examined({ address: '127.0.0.1:9' });
    expect(found.green).toBe(false);
    expect(findings(found)).toContainEqual(expect.stringMatching(/^connection: Temporal at 127\.0\.0\.1:9 does not answer/));
    expect(found.roster.find(({ role }) => role === 'Primary')?.held[0]?.people).toEqual(['alice']);
  });

  it('finds that the namespace is not there', async () => {
    expect(findings(await examined({ namespace: 'of-old' }))).toContainEqual(`namespace: Temporal at ${temporal.address} has no namespace of-old`);
  });

  it('finds that search attributes are not registered', async () => {
    const connection = await Connection.connect({ address: temporal.address });
    await connection.workflowService.registerNamespace({ namespace: 'bare', workflowExecutionRetentionPeriod: { seconds: 86_400 as never } });
    await connection.close();
    await expect.poll(async () => findings(await examined({ namespace: 'bare' })), { timeout: 30_000 }).toContainEqual(expect.stringMatching(/^search attributes: not all are registered: .*Runbook/));
  });

  it('finds every queue that no worker serves', async () => {
    expect(findings(await examined())).toEqual([...['incidents', 'pages', 'runs', 'host:app-1', 'host:app-2'].map((queue) => `${queue}: no worker serves it`), 'doctor: channels and hosts could not be looked at: no incident worker is there to ask']);
  });

  it('asks the workers that are there, and names the steps that can not run', async () => {
    await start([
      { right: 'firewall', state: 'finding', says: 'command not found: ufw' },
      { right: 'application', state: 'note', says: 'this version has no artisan queue:flush', command: 'queue:flush' },
      { right: 'reading', state: 'ok', says: 'may read' },
    ]);
    await expect.poll(async () => findings(await examined()), { timeout: 30_000 }).toEqual([
      'runs: no worker serves it', 'host:app-2: no worker serves it',
      'app-1: firewall: command not found: ufw',
    ]);
    const { checks } = await examined();
    expect(checks.find(({ says }) => says.endsWith('ufw'))?.steps).toEqual(expect.arrayContaining(['bruteForceAttack: Block Attacking IPs']));
    expect(checks.find(({ says }) => says.endsWith('queue:flush'))?.steps).toEqual(['diskSpaceCritical: Clean Failed Jobs']);
    // What is never done needs nothing.
    const spared = await examined({ automation: { 'diskSpaceCritical/Clean Failed Jobs': 'never', 'bruteForceAttack/Block Attacking IPs': 'never' } });
    expect(spared.checks.filter(({ area, state }) => area === 'hosts' && state !== 'ok').map(({ says }) => says)).toEqual([]);
  });

  it('tells by which channel each person is reached, and sends each way a test page only if asked', async () => {
    const found = await examined();
    expect(found.people.find(({ id }) => id === 'alice')?.ways).toEqual([{ channel: 'email', address: 'alice@authos.test', looked: { state: 'works', says: `127.0.0.1:${mailbox.port} takes us` } }, { channel: 'email 2', address: 'alice@elsewhere.test', looked: { state: 'works', says: `127.0.0.1:${mailbox.port} takes us` } }]);
    expect(mailbox.messages).toEqual([]);
    const tested = await examined({ sendTest: true });
    expect(mailbox.messages.map(({ to, subject }) => `${to.join()}: ${subject}`).sort()).toEqual(['alice@authos.test', 'alice@elsewhere.test', 'bob@authos.test', 'bob@elsewhere.test'].map((to) => `${to}: Test page: nothing is wrong`));
    expect(tested.people.flatMap(({ ways }) => ways.map(({ test }) => test?.state))).toEqual(['works', 'works', 'works', 'works']);
  });

  it('finds a mail server that is away', async () => {
    await mailbox.close();
    const found = await examined({ sendTest: true });
    expect(findings(found)).toContainEqual(expect.stringMatching(/^email: 127\.0\.0\.1:\d+: .*ECONNREFUSED/));
    expect(findings(found)).toContainEqual(expect.stringMatching(/^bob by email 2: test page to bob@elsewhere\.test: .*ECONNREFUSED/));
    expect(findings(found)).toContain('bob: would not be reached now: none of their ways works');
    expect(found.checks.find(({ subject }) => subject === 'email')?.remedy).toMatch(/^not reached, or put off/);
  });
});
