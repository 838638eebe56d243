import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkerOptions, WorkflowBundle } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findBinary } from '../../sandbox/servers/binaries.js';
import { pageActivities } from '../../src/activities/pages.js';
import type { PageMetrics, PageParts } from '../../src/activities/pager.js';
import type { Channel, Person } from '../../src/channels/channel.js';
import { emailChannel } from '../../src/channels/email.js';
import { paced } from '../../src/channels/paced.js';
import type { Pace } from '../../src/channels/paced.js';
import { logChannel } from '../../src/channels/log.js';
import { pagerDutyChannel } from '../../src/channels/pagerduty.js';
import { webhookChannel } from '../../src/channels/webhook.js';
import type { PagePart } from '../../src/domain/ladder.js';
import type { PageRequest, PageResult } from '../../src/domain/page.js';
import type { Role } from '../../src/domain/runbook.js';
import { linkReader, linkSigner } from '../../src/links/signed-links.js';
import { question as ask } from '../support/incident-view.js';
import { openPostOffice } from '../support/post-office.js';
import { openReceiver } from '../support/receiver.js';
import type { Received, Receiver, Reply } from '../support/receiver.js';
import type { PostOffice, Treatment } from '../support/post-office.js';
import type { page } from './pages.workflow.js';

let env: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
/** The server's time, which earlier tests have moved; due times are of it. */
let clock: number;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const path = await findBinary('temporal-test-server');
  env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./pages.workflow.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
});
beforeEach(async () => {
  clock = await env.currentTimeMs();
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});
afterAll(async () => {
  await env?.teardown();
});

const people: Record<string, Person> = Object.fromEntries(
  ['alice', 'bob', 'carol'].map((id) => [id, { name: id, contacts: [{ email: `${id}@example.com` }] }]),
);
const rota: Partial<Record<Role, string[]>> = { Primary: ['alice'], Secondary: ['bob'], CTO: ['carol'], 'Escalation contact': ['carol'] };

interface World {
  office: PostOffice;
  /** Lines of the log channel. */
  logged: Record<string, unknown>[];
  accepted: Parameters<PageMetrics['accepted']>[0][];
  failed: Parameters<PageMetrics['failed']>[0][];
  /** What the metrics say of pages that nobody has. */
  loud: string[];
  send(request: PageRequest, how?: 'patient' | 'short', meanwhile?: (handle: WorkflowHandle) => Promise<void>): Promise<PageResult>;
}

interface Wishes {
  treat?: (address: string, tryNumber: number) => Treatment;
  roles?: Partial<Record<Role, string[]>>;
  people?: Record<string, Person>;
  parts?: Partial<PageParts>;
  /** Channels before mail. */
  channels?: PageParts['channels'];
  smtpTimeoutMs?: number;
  onFailed?: () => void;
  /** Everybody's, for mail. */
  pace?: Pace;
  worker?: Pick<WorkerOptions, 'maxHeartbeatThrottleInterval'>;
}

/** Real SMTP, a real worker, the time-skipping server. */
async function world(wishes: Wishes = {}): Promise<World> {
  const office = await openPostOffice(wishes.treat);
  open.push(office);
  const email = emailChannel({
    server: { host: '127.0.0.1', port: office.port },
    from: 'Responder <responder@example.com>',
    ...(wishes.smtpTimeoutMs === undefined ? {} : { timeoutMs: wishes.smtpTimeoutMs }),
  });
  open.push(email);
  const logged: Record<string, unknown>[] = [];
  const log = logChannel({ logger: pino({}, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) }) });
  const accepted: World['accepted'] = [];
  const failed: World['failed'] = [];
  const loud: string[] = [];
  const roles = wishes.roles ?? rota;
  const activities = pageActivities({
    holders: (role) => ({ people: roles[role] ?? [] }),
    people: wishes.people ?? people,
    channels: [...(wishes.channels ?? []), wishes.pace ? paced(email, { paceOf: () => wishes.pace }) : email],
    log,
    metrics: {
      accepted: (event) => accepted.push(event),
      failed: (event) => {
        failed.push(event);
        wishes.onFailed?.();
      },
      nobody: ({ kind }) => loud.push(`nobody for a ${kind}`),
      unreached: ({ kind }) => loud.push(`${kind} unreached`),
      lastResort: ({ severity }) => loud.push(`last resort of ${severity}`),
    },
    ...wishes.parts,
  });
  return {
    office,
    logged,
    accepted,
    failed,
    loud,
    async send(request, how = 'patient', meanwhile = async () => {}) {
      const taskQueue = `pages-${randomUUID()}`;
      const worker = await Worker.create({ connection: env.nativeConnection, taskQueue, workflowBundle, activities, ...wishes.worker });
      return worker.runUntil(async () => {
        const handle = await env.client.workflow.start<typeof page>('page', { taskQueue, workflowId: taskQueue, args: [request, how] });
        const [result] = await Promise.all([handle.result(), meanwhile(handle)]);
        return result;
      });
    },
  };
}

/** The channel for signed webhooks, and who receives them. */
async function bridge(reply: (request: Received, number: number) => Reply): Promise<{ webhook: Channel; receiver: Receiver }> {
  const receiver = await openReceiver(reply);
  const secrets = [`whsec_${Buffer.alloc(32, 'k').toString('base64')}`];
  const webhook = webhookChannel({ receivers: { bridge: { url: receiver.url, secrets } } });
  open.push(receiver, webhook);
  return { webhook, receiver };
}

const incidentId = '0190f3c0-0000-7000-8000-000000000001';
const common = () => ({
  incident: {
    id: incidentId,
    workflowId: 'incident/diskSpaceCritical/app-1-var',
    runbook: 'diskSpaceCritical',
    title: 'Disk Space Critical',
    severity: 'Critical' as const,
    target: 'app-1:/var',
    openedAt: clock,
    links: { console: 'http://127.0.0.1:8080/incidents/1', temporal: '' },
  },
  story: { wrong: 'Disk 93 % full', state: 'open', found: [], done: [], asked: [], next: 'Level 2 is paged in 15 min.' },
});
const part = (level: PagePart['level'], roles: Role[], more: Partial<PagePart> = {}): PagePart => ({ level, round: '1.0', roles, reason: 'due', ...more });
const pageOf = (...parts: PagePart[]): PageRequest => ({ kind: 'page', ...common(), due: { dueAt: clock, parts, late: false } });
const shortOf = ({ deliveries }: PageResult) => deliveries.map(({ person, channel, attempts, repeats }) => ({ person, channel, attempts, repeats }));

describe('a page', () => {
  it('goes to everyone of the due moment once, with the key of incident, level, round and person', async () => {
    const { office, send, accepted } = await world();
    const request = pageOf(part(1, ['Primary', 'Secondary']));
    const { deliveries, problems } = await send(request);
    expect(problems).toEqual([]);
    expect(office.letters.map(({ to, key }) => ({ to, key })).sort((a, b) => a.to.localeCompare(b.to))).toEqual([
      { to: 'alice@example.com', key: `${incidentId}/1/1.0/alice` },
      { to: 'bob@example.com', key: `${incidentId}/1/1.0/bob` },
    ]);
    for (const delivery of deliveries) {
      expect(delivery.sentAt).toBeLessThanOrEqual(delivery.acceptedAt);
      expect(delivery.acceptedAt).toBeLessThanOrEqual(Date.now());
      expect(delivery).toMatchObject({ channel: 'email', attempts: 1, repeats: 0, late: false, dueAt: request.kind === 'page' && request.due.dueAt });
    }
    expect(accepted.map(({ channel, repeat }) => ({ channel, repeat }))).toEqual([
      { channel: 'email', repeat: false },
      { channel: 'email', repeat: false },
    ]);
  });

  it('reaches a person with two roles by one mail, as the higher level', async () => {
    const { office, send } = await world({ roles: { ...rota, CTO: ['alice'] } });
    const { deliveries } = await send(pageOf(part(1, ['Primary'], { round: '1.1', reason: 'repeat' }), part(2, ['CTO'])));
    expect(deliveries).toHaveLength(1);
    expect(deliveries[0]).toMatchObject({ key: `${incidentId}/2/1.0/alice`, why: 'CTO (level 2), Primary (level 1)' });
    expect(office.letters).toHaveLength(1);
    expect(office.letters[0]?.subject).toBe('[Critical] Disk Space Critical on app-1:/var – Level 2');
    expect(office.letters[0]?.text).toContain('Escalated to you: you hold it already');
  });

  it('repeats nobody else while one recipient is put off twice', async () => {
    const { office, send, failed } = await world({ treat: (address, n) => (address.startsWith('bob') && n <= 2 ? 451 : 'accept') });
    const result = await send(pageOf(part(1, ['Primary', 'Secondary', 'CTO'])));
    expect(shortOf(result)).toEqual([
      { person: 'alice', channel: 'email', attempts: 1, repeats: 0 },
      { person: 'bob', channel: 'email', attempts: 3, repeats: 0 },
      { person: 'carol', channel: 'email', attempts: 1, repeats: 0 },
    ]);
    expect(['alice', 'bob', 'carol'].map((id) => office.to(`${id}@example.com`).length)).toEqual([1, 1, 1]);
    expect(failed.map(({ failure }) => failure)).toEqual(['retryable', 'retryable']);
    expect(result.problems).toEqual([expect.stringMatching(/^bob was reached by email at try 3; before that email: mail to bob@example\.com: .*451 not now/)]);
  });

  it('is sent again with the same Message-ID, and counted, when the connection is cut before the answer', async () => {
    const { office, send } = await world({ treat: (address, n) => (address.startsWith('alice') && n === 1 ? 'keep and cut' : 'accept') });
    const result = await send(pageOf(part(1, ['Primary', 'Secondary'])));
    expect(shortOf(result)).toEqual([
      { person: 'alice', channel: 'email', attempts: 2, repeats: 1 },
      { person: 'bob', channel: 'email', attempts: 1, repeats: 0 },
    ]);
    const [first, again, ...more] = office.to('alice@example.com');
    expect(again?.messageId).toBe(first?.messageId);
    expect(more).toEqual([]);
    expect(office.to('bob@example.com')).toHaveLength(1);
  });

  it('goes out once the mail server is back', async () => {
    let failures = 0;
    let reopened: Promise<PostOffice> | undefined;
    const { office, send } = await world({
      onFailed: () => {
        failures += 1;
        if (failures === 2) reopened = openPostOffice(undefined, office.port);
      },
    });
    await office.close();
    const result = await send(pageOf(part(1, ['Primary'])));
    const second = await reopened;
    if (second === undefined) return expect.fail('the mail server was not away');
    open.push(second);
    expect(second.to('alice@example.com')).toHaveLength(1);
    expect(result.deliveries[0]?.attempts).toBeGreaterThan(2);
    expect(result.deliveries[0]?.repeats).toBe(0);
    expect(result.problems.join()).toContain('ECONNREFUSED');
  });

  it('does not wait for a server that hangs: the others are reached, and the one left is sent again and counted', async () => {
    const { office, send } = await world({
      treat: (address, n) => (address.startsWith('alice') && n === 1 ? 'hang' : 'accept'),
      parts: { sendTimeoutMs: 1_000 },
    });
    const result = await send(pageOf(part(1, ['Primary', 'Secondary'])));
    expect(shortOf(result)).toEqual([
      { person: 'alice', channel: 'email', attempts: 2, repeats: 1 },
      { person: 'bob', channel: 'email', attempts: 1, repeats: 0 },
    ]);
    expect(office.letters).toHaveLength(2);
  });

  it('sends only what is missing when an attempt never comes back, and counts what may be a repeat', async () => {
    const treat = (address: string, n: number): Treatment => (address.startsWith('alice') && n === 1 ? 'hang' : 'accept');
    const { office, send } = await world({ treat, worker: { maxHeartbeatThrottleInterval: '100 ms' } });
    const result = await send(pageOf(part(1, ['Primary', 'Secondary'])), 'short');
    expect(shortOf(result)).toEqual([
      { person: 'alice', channel: 'email', attempts: 2, repeats: 1 },
      { person: 'bob', channel: 'email', attempts: 1, repeats: 0 },
    ]);
    expect(office.to('bob@example.com')).toHaveLength(1);
  });

  it('counts a repeat for whomever the lost attempt could not tell of', async () => {
    const { office, send } = await world({ treat: (address, n) => (address.startsWith('alice') && n === 1 ? 'hang' : 'accept') });
    const { deliveries } = await send(pageOf(part(1, ['Primary', 'Secondary', 'CTO'])), 'short');
    const again = deliveries.filter(({ repeats }) => repeats === 1).map(({ person }) => person);
    // It told of the first that was reached; of the second it would have told a moment later.
    expect(again).toHaveLength(2);
    expect(again).toContain('alice');
    const letters = office.letters.filter(({ to }) => again.some((person) => person !== 'alice' && to.startsWith(person)));
    expect(letters).toHaveLength(2);
    expect(letters[1]?.messageId).toBe(letters[0]?.messageId);
  });

  it('takes the next contact at once when an address is refused', async () => {
    const { office, send } = await world({
      treat: (address) => (address.startsWith('old') ? 550 : 'accept'),
      people: { ...people, alice: { name: 'Alice', contacts: [{ email: 'old@example.com' }, { email: 'alice@example.com' }] } },
    });
    const result = await send(pageOf(part(1, ['Primary'])));
    expect(shortOf(result)).toEqual([{ person: 'alice', channel: 'email 2', attempts: 2, repeats: 0 }]);
    expect(result.problems).toEqual([expect.stringMatching(/^alice was reached by email 2 at try 2; before that email: .*550/)]);
    expect(office.to('alice@example.com')).toHaveLength(1);
  });

  it('takes the next contact within a minute when the first goes on failing, retries included', async () => {
    const { office, send, failed } = await world({
      treat: (address) => (address.startsWith('old') ? 451 : 'accept'),
      people: { ...people, alice: { name: 'Alice', contacts: [{ email: 'old@example.com' }, { email: 'alice@example.com' }] } },
    });
    const dueAt = await env.currentTimeMs();
    const result = await send({ kind: 'page', ...common(), due: { dueAt, parts: [part(1, ['Primary'])], late: false } });
    // Tries at 0, 1, 3, 7, 15 and 31 s. The sixth is the first after 25 s; this server dates an attempt by the end of the one
    // before, so that here it may be the seventh.
    expect(failed.length).toBeGreaterThanOrEqual(6);
    expect(failed.length).toBeLessThanOrEqual(7);
    expect(result.deliveries[0]).toMatchObject({ channel: 'email 2', attempts: failed.length + 1 });
    expect(office.to('alice@example.com')).toHaveLength(1);
  });

  it('leaves contacts with a delay for later, and takes them at once when the others fail', async () => {
    const contacts = [{ email: 'alice@example.com' }, { email: 'phone@example.com', after: 120_000 }, { email: 'home@example.com', after: 300_000 }];
    const { office, send } = await world({ people: { ...people, alice: { contacts } } });
    const request = pageOf(part(1, ['Primary']));
    expect((await send(request)).later).toEqual([{ person: 'alice', after: 120_000 }, { person: 'alice', after: 300_000 }]);
    const waited = { until: clock, after: 120_000 };
    const { deliveries, later } = await send({ ...request, waited, only: [{ person: 'alice', mayHaveArrived: false }] } as PageRequest);
    expect(later).toBeUndefined();
    expect(deliveries).toMatchObject([{ key: `${incidentId}/1/1.0/alice/after-120s`, channel: 'email 2' }]);
    expect(office.letters.map(({ to }) => to)).toEqual(['alice@example.com', 'phone@example.com']);
    const failing = await world({ people: { ...people, alice: { contacts } }, treat: (address) => (address.startsWith('alice') ? 550 : 'accept') });
    const result = await failing.send(request);
    expect(shortOf(result)).toEqual([{ person: 'alice', channel: 'email 2', attempts: 2, repeats: 0 }]);
    expect(result.later).toEqual([{ person: 'alice', after: 300_000 }]);
  });

  it('takes the next contact at the first failure when it was handed on for those whom the first tries did not reach', async () => {
    const { office, send } = await world({
      treat: (address) => (address.startsWith('old') ? 451 : 'accept'),
      people: { ...people, alice: { name: 'Alice', contacts: [{ email: 'old@example.com' }, { email: 'alice@example.com' }] } },
    });
    const due = { dueAt: (await env.currentTimeMs()) - 30_000, parts: [part(1, ['Primary'])], late: false };
    const result = await send({ kind: 'page', ...common(), due, only: [{ person: 'alice', mayHaveArrived: false }] });
    expect(shortOf(result)).toEqual([{ person: 'alice', channel: 'email 2', attempts: 2, repeats: 0 }]);
    expect(office.to('alice@example.com')).toHaveLength(1);
  });

  it('takes the next contact at once when the first wants to be left alone for longer than a minute', async () => {
    const { webhook, receiver } = await bridge((_request, n) => (n === 1 ? { status: 429, headers: { 'retry-after': '3600' } } : { status: 204 }));
    const { office, send, failed } = await world({
      people: { ...people, alice: { contacts: [{ webhook: 'bridge' }, { email: 'alice@example.com' }] } },
      channels: [webhook],
    });
    const result = await send(pageOf(part(1, ['Primary'])));
    expect(shortOf(result)).toEqual([{ person: 'alice', channel: 'email 2', attempts: 2, repeats: 0 }]);
    expect(office.to('alice@example.com')).toHaveLength(1);
    expect(receiver.requests).toHaveLength(1);
    expect(failed).toEqual([expect.objectContaining({ channel: 'webhook', failure: 'retryable' })]);
  });

  it('goes by the next contact where its person has had as many messages as they want by the first, counted and in the record; one that is Critical does not', async () => {
    const contacts = [{ email: 'alice@example.com' }, { email: 'alice@phone.example.com' }];
    const { office, send, failed } = await world({ people: { alice: { name: 'Alice', contacts } }, pace: { atMost: { messages: 1, per: 600_000 } } });
    const page = (severity: 'High' | 'Critical', round: string): PageRequest => ({ ...pageOf(part(1, ['Primary'], { round })), incident: { ...common().incident, severity } });
    await send(page('High', '1.0'));
    const { deliveries, problems } = await send(page('High', '2.0'));
    expect(failed).toEqual([{ kind: 'page', channel: 'email', failure: 'too many' }]);
    expect(deliveries).toMatchObject([{ person: 'alice', channel: 'email 2', repeats: 0 }]);
    expect(problems.join()).toContain('alice has had 1 messages by email and wants no more yet');
    expect((await send(page('Critical', '3.0'))).deliveries).toMatchObject([{ channel: 'email', attempts: 1 }]);
    expect(office.letters.map(({ to, key }) => `${to} ${key.slice(37)}`)).toEqual(['alice@example.com 1/1.0/alice', 'alice@phone.example.com 1/2.0/alice', 'alice@example.com 1/3.0/alice']);
  });

  it('leaves a receiver alone for as long as it asks, however often it is its turn, and tells it the same id', async () => {
    const { webhook, receiver } = await bridge((_request, n) => (n === 1 ? { status: 503, headers: { 'retry-after': '5' } } : { status: 204 }));
    const { send } = await world({ people: { ...people, alice: { contacts: [{ webhook: 'bridge' }] } }, channels: [webhook] });
    const result = await send(pageOf(part(1, ['Primary'])));
    expect(shortOf(result)).toEqual([{ person: 'alice', channel: 'webhook', attempts: 2, repeats: 0 }]);
    // Its turn came after 1, 3 and 7 s of the server's time.
    expect((await env.currentTimeMs()) - clock).toBeGreaterThanOrEqual(5_000);
    expect(receiver.requests).toHaveLength(2);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it.each([['ahead', 3_600_000], ['back', -3_600_000]])('goes out once, in time and not marked late where the clock of the machine jumps %s by an hour', async (_where, jump) => {
    let jumped = 0;
    const { webhook, receiver } = await bridge((_request, n) => (n === 1 ? { status: 429, headers: { 'retry-after': '1' } } : { status: 204 }));
    const { send } = await world({
      people: { ...people, alice: { contacts: [{ webhook: 'bridge' }] } },
      channels: [webhook],
      parts: { now: () => Date.now() + jumped },
      onFailed: () => void (jumped = jump),
    });
    const result = await send(pageOf(part(1, ['Primary'])));
    expect(result.deliveries).toMatchObject([{ channel: 'webhook', attempts: 2, repeats: 0, late: false }]);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(receiver.requests).toHaveLength(2);
  });

  it('stops when the incident no longer wants it', async () => {
    let reached = (): void => {};
    const hanging = new Promise<void>((resolve) => (reached = resolve));
    const { send, office } = await world({
      treat: () => {
        reached();
        return 'hang';
      },
      worker: { maxHeartbeatThrottleInterval: '100 ms' },
    });
    const sent = send(pageOf(part(1, ['Primary'])), 'patient', async (handle) => {
      await hanging;
      await handle.cancel();
    });
    await expect(sent).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(office.letters).toEqual([]);
  });

  it('says late when it leaves after its time', async () => {
    const { office, send } = await world();
    const request: PageRequest = { kind: 'page', ...common(), due: { dueAt: clock - 120_000, parts: [part(1, ['Primary'])], late: false } };
    expect((await send(request)).deliveries[0]?.late).toBe(true);
    expect(office.letters[0]?.subject).toContain('Level 1 (late)');
  });
});

describe('whom a page reaches', () => {
  it('is the Escalation contact for a role that nobody holds, and says so', async () => {
    const { send } = await world();
    const result = await send(pageOf(part(2, ['Backend Engineer'])));
    expect(result.deliveries).toHaveLength(1);
    expect(result.deliveries[0]).toMatchObject({ person: 'carol', why: 'Escalation contact, standing in for Backend Engineer (level 2)' });
    expect(result.problems).toEqual(['nobody who can be reached holds Backend Engineer: the Escalation contact is told instead']);
  });

  it('is the Escalation contact for a holder without an address', async () => {
    const { send } = await world({ people: { carol: people['carol'] as Person, bob: { contacts: [] } } });
    const result = await send(pageOf(part(1, ['Primary', 'Secondary'])));
    expect(result.deliveries.map(({ person }) => person)).toEqual(['carol']);
    expect(result.problems).toContain('bob, who holds Secondary, has no address on any channel');
    expect(result.problems).toContain('alice, who holds Primary, has no address on any channel');
  });

  it('is the log, loudly, when there is nobody at all', async () => {
    const { send, logged, office, loud } = await world({ roles: {} });
    const result = await send(pageOf(part(1, ['Primary'])));
    expect(office.letters).toEqual([]);
    expect(result.deliveries).toMatchObject([{ person: 'nobody', channel: 'log', key: `${incidentId}/1/1.0/nobody` }]);
    expect(result.problems.join('\n')).toContain('NOBODY was told');
    expect(logged).toMatchObject([{ level: 50, page: { subject: '[Critical] Disk Space Critical on app-1:/var – Level 1' } }]);
    expect(loud).toEqual(['nobody for a page']);
  });

  it('is counted at each try while it is nobody a minute after it was due, and the last resort once for all tries', async () => {
    const { send, loud } = await world({ treat: (_address, n) => (n <= 3 ? 451 : 'accept') });
    const late = { kind: 'page' as const, ...common(), due: { dueAt: (await env.currentTimeMs()) - 90_000, parts: [part('last resort', ['Escalation contact'])], late: true } };
    expect((await send(late)).deliveries).toMatchObject([{ person: 'carol', attempts: 4 }]);
    expect(loud).toEqual(['last resort of Critical', 'page unreached', 'page unreached', 'page unreached']);
    const inTime = await world({ treat: (_address, n) => (n === 1 ? 451 : 'accept') });
    await inTime.send({ ...late, due: { ...late.due, dueAt: await env.currentTimeMs(), parts: [part(2, ['CTO'])] } });
    expect(inTime.loud).toEqual([]);
  });
});

describe('the links of a page', () => {
  it("are the person's own, for the incident and its questions, and reach neither the log nor the answer of the activity", async () => {
    const key = 'd4'.repeat(32);
    const links = { signer: linkSigner([key]), base: 'https://responder.example.com', validForMs: 3_600_000 };
    const { send, office, logged } = await world({ roles: { Primary: ['alice', 'bob'] }, parts: { links } });
    const request = pageOf(part(1, ['Primary']));
    request.story.asked = [ask];
    const result = await send(request);
    const nobodys = await send(pageOf(part(2, ['CTO'])));
    for (const person of ['alice', 'bob']) {
      const [letter] = office.to(`${person}@example.com`);
      const urls = [...(letter?.text ?? '').matchAll(/^(\w[\w. ]*): https:\/\/responder\.example\.com\/links\/(\S+)$/gm)];
      const granted = await Promise.all(urls.map(async ([, label, token = '']) => [label, await linkReader([key]).read(token, Date.now())]));
      const mine = { incident: incidentId, person };
      expect(granted).toEqual([
        ['Acknowledge', { ...mine, action: 'acknowledge' }],
        ['Approve 1.1', { ...mine, action: 'approve', ask: '1.1' }],
        ['Decline 1.1', { ...mine, action: 'decline', ask: '1.1' }],
        ['Resolve', { ...mine, action: 'resolve' }],
      ]);
      for (const [, , token = ''] of urls) expect(letter?.html).toContain(`href="https://responder.example.com/links/${token}"`);
    }
    // Others read along at a pager.
    const receiver = await openReceiver(() => ({ status: 202, headers: { 'content-type': 'application/json' }, body: '{"status":"success"}' }));
    const pagerDuty = pagerDutyChannel({ routingKeys: { oncall: 'r'.repeat(32) }, api: receiver.url });
    open.push(receiver, pagerDuty);
    const atPager = await world({ channels: [pagerDuty], people: { alice: { contacts: [{ pagerduty: 'oncall' }] } }, parts: { links } });
    await atPager.send(request);
    expect(receiver.json()).toMatchObject([{ links: [{ text: 'Acknowledge' }] }]);
    expect(receiver.json()[0]?.links).toHaveLength(1);
    expect(JSON.stringify([result, nobodys, logged])).not.toContain('/links/');
    expect(logged).toHaveLength(1);
  });
});

describe('questions and notices', () => {
  it('close at a pager what this person got by it, when it is over', async () => {
    const receiver = await openReceiver(() => ({ status: 202, headers: { 'content-type': 'application/json' }, body: '{"status":"success"}' }));
    const pagerDuty = pagerDutyChannel({ routingKeys: { oncall: 'r'.repeat(32) }, api: receiver.url });
    open.push(receiver, pagerDuty);
    const { send, office } = await world({ channels: [pagerDuty], people: { ...people, alice: { contacts: [{ pagerduty: 'oncall' }] } } });
    const pages = [
      { key: 'i/1/1.0/alice', person: 'alice', channel: 'pagerduty' },
      { key: 'i/1/1.1/alice', person: 'alice', channel: 'email 2' },
      { key: 'i/1/1.0/bob', person: 'bob', channel: 'email' },
    ];
    await send({ kind: 'notice', subject: 'closed-0', roles: [], people: ['alice', 'bob'], dueAt: clock, news: { kind: 'over', pages }, ...common() });
    expect(receiver.json()).toEqual([{ routing_key: 'r'.repeat(32), event_action: 'resolve', dedup_key: 'i/1/1.0/alice' }]);
    expect(office.letters.map(({ to }) => to)).toEqual(['bob@example.com']);
  });

  it('tell a pager who has it, beside every other way that shows it, and no way that does not', async () => {
    const receiver = await openReceiver(() => ({ status: 202, headers: { 'content-type': 'application/json' }, body: '{"status":"success"}' }));
    const pagerDuty = pagerDutyChannel({ routingKeys: { oncall: 'r'.repeat(32) }, api: receiver.url });
    open.push(receiver, pagerDuty);
    const contacts = [{ email: 'alice@example.com' }, { pagerduty: 'oncall' }, { email: 'room@example.com', updates: true }];
    const { send, office } = await world({ channels: [pagerDuty], people: { ...people, alice: { contacts } } });
    const pages = ['email', 'pagerduty 2', 'email 3'].map((channel, n) => ({ key: `i/1/1.${n}/alice`, person: 'alice', channel }));
    const notice = { kind: 'notice' as const, roles: [], people: ['alice', 'bob'], dueAt: clock, ...common() };
    const told = await send({ ...notice, subject: 'news-1', news: { kind: 'acknowledged', says: 'bob has acknowledged', pages } });
    expect(told.deliveries.map(({ key }) => key)).toEqual([`${incidentId}/news-1/alice/pagerduty 2`, `${incidentId}/news-1/alice/email 3`]);
    expect(receiver.json()).toEqual([{ routing_key: 'r'.repeat(32), event_action: 'acknowledge', dedup_key: 'i/1/1.1/alice' }]);
    expect(office.letters.map(({ to, subject }) => `${to} ${subject}`)).toEqual(['room@example.com [Critical] Disk Space Critical on app-1:/var – Notice: bob has acknowledged']);
    expect((await send({ ...notice, subject: 'news-2', news: { kind: 'changed', says: 'escalated', pages: pages.slice(0, 2) } })).deliveries).toEqual([]);
    const over = await send({ ...notice, subject: 'closed-0', news: { kind: 'over', pages } });
    expect(over.deliveries.map(({ person, channel }) => `${person} ${channel}`).sort()).toEqual(['alice email', 'alice email 3', 'alice pagerduty 2', 'bob email']);
    expect(receiver.json()).toMatchObject([{}, { event_action: 'resolve' }]);
  });

  it('asks the people who were paged, once each', async () => {
    const { office, send } = await world();
    await send({ kind: 'ask', ...common(), asks: [ask, { ...ask, id: '1.2' }], people: ['alice', 'bob', 'alice'], dueAt: clock });
    expect(office.letters.map(({ key }) => key).sort()).toEqual([`${incidentId}/ask/1.1/alice`, `${incidentId}/ask/1.1/bob`]);
    expect(office.letters[0]?.text).toContain(`responder approve ${incidentId} 1.2`);
  });

  it('asks the Escalation contact when nobody was paged yet', async () => {
    const { send } = await world();
    const { deliveries } = await send({ kind: 'ask', ...common(), asks: [ask], people: ['nobody'], dueAt: clock });
    expect(deliveries.map(({ person, why }) => ({ person, why }))).toEqual([{ person: 'carol', why: 'Escalation contact' }]);
  });

  it('tells a role and the people paged before, each once', async () => {
    const { office, send } = await world();
    await send({ kind: 'notice', ...common(), subject: 'told', roles: ['Primary', 'CTO'], people: ['alice'], dueAt: clock });
    expect(office.letters.map(({ key }) => key).sort()).toEqual([`${incidentId}/told/alice`, `${incidentId}/told/carol`]);
  });
});
