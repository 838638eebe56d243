import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { webhookChannel } from '../../src/channels/webhook.js';
import { hostNeeding } from '../support/practice-host.js';
import { openReceiver, type Received, type Receiver, type Reply } from '../support/receiver.js';
import { openWorld, type World } from '../support/world.js';

const onCall = ['ops-primary', 'ops-secondary', 'engineering-manager', 'cto', 'infra', 'hotline'];
const taken: Reply = { status: 204 };
const keyOf = ({ body }: Received): string => (JSON.parse(body) as { data: { key: string } }).data.key;

describe('a receiver of an incident’s pages', () => {
  let world: World;
  let receiver: Receiver;
  let first: Reply = taken;
  beforeAll(async () => {
    receiver = await openReceiver((request) => (receiver.requests.filter((one) => keyOf(one) === keyOf(request)).length === 1 ? first : taken));
    const webhook = webhookChannel({ receivers: { bridge: { url: receiver.url, secrets: [`whsec_${Buffer.alloc(32, 'k').toString('base64')}`] } }, timeoutMs: 3_000 });
    world = await openWorld({ people: Object.fromEntries(onCall.map((id) => [id, { name: id, contacts: [{ webhook: 'bridge' }] }])), pages: { channels: [webhook] } });
  });
  afterEach(async () => {
    first = taken;
    await world.endIncidents();
  });
  afterAll(async () => {
    await world?.close();
    await receiver?.close();
  });

  it.each<[string, Reply, { repeats: number; requests: number; problem: RegExp }]>([
    ['takes every page', taken, { repeats: 0, requests: 1, problem: /^$/ }],
    ['answers 503 once', { status: 503 }, { repeats: 0, requests: 2, problem: /503/ }],
    ['answers 429 once and wants to be left alone for 7 s', { status: 429, headers: { 'retry-after': '7' } }, { repeats: 0, requests: 2, problem: /429/ }],
    ['answers 500 once, and may have taken it', { status: 500 }, { repeats: 1, requests: 2, problem: /500/ }],
    ['cuts the connection once', 'cut', { repeats: 1, requests: 2, problem: /may have arrived|cut|closed|socket|other side/i }],
    ['hangs once', 'hang', { repeats: 1, requests: 2, problem: /no answer|time|abort/i }],
    ['redirects once, where no other contact is left', { status: 302, headers: { location: '/elsewhere' } }, { repeats: 0, requests: 2, problem: /302/ }],
  ])('that %s gets each page, under one id, and what may be a repeat is counted', { timeout: 120_000 }, async (_what, fault, { repeats, requests, problem }) => {
    first = fault;
    const incident = await world.open({ activities: hostNeeding().activities });
    const view = await incident.until(({ pages }) => pages.length >= 2, 'level 1');
    const keys = ['infra', 'ops-primary'].map((person) => `${incident.start.id}/1/0.0/${person}`);
    expect(view.pages.map(({ key }) => key).toSorted()).toEqual(keys);
    for (const key of keys) {
      const got = receiver.requests.filter((request) => keyOf(request) === key);
      expect(got).toHaveLength(requests);
      expect(new Set(got.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    }
    expect(view.pages.map((page) => ({ repeats: page.repeats, attempts: page.attempts, late: page.late }))).toEqual(keys.map(() => ({ repeats, attempts: requests, late: false })));
    const problems = (await incident.story('problem')).join('\n');
    expect(problems).toMatch(problem);
    expect(problems).not.toContain('given up');
  });
});

it('an incident that reaches nobody is in the log, says so in its timeline, repeats slowly, and stays open', { timeout: 240_000 }, async () => {
  const alone = await openWorld({ people: Object.fromEntries(onCall.map((id) => [id, { name: id, contacts: [] }])) });
  try {
    const incident = await alone.open({ activities: hostNeeding().activities });
    await incident.pass(121);
    const view = await incident.view();
    expect(view.state).toBe('open');
    expect(new Set(view.pages.map(({ person, channel }) => `${person} ${channel}`))).toEqual(new Set(['nobody test']));
    expect(incident.paged().filter((page) => page.startsWith('last resort'))).toEqual([90, 120].map((at, n) => `last resort/0.${n} nobody @ ${at}`));
    expect(await incident.story('problem')).toContainEqual(expect.stringContaining('NOBODY was told'));
    expect(view.nextPage?.who).toBe('Last resort, due 150 min');
  } finally {
    await alone.endIncidents();
    await alone.close();
  }
});
