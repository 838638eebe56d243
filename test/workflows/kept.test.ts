import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/domain/page.js';
import { hostNeeding, practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

/** What the server tells an incident of alerts that it kept. */
describe('an incident whose alerts were kept by the server', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => world?.close());

  const delivery = (person: string): Delivery => ({ key: `k/1/0.0/${person}`, person, why: 'Primary', channel: 'test', dueAt: 0, sentAt: 0, acceptedAt: 0, attempts: 1, repeats: 0, late: true });

  it('pages nobody of level 1 again whom the server paged, pages the one it missed, and its ladder goes on', async () => {
    const paged = { deliveries: [delivery('ops-primary')], missing: [{ person: 'infra', mayHaveArrived: false }] };
    const incident = await world.open({ activities: practiceHost().activities, start: { paged } });
    await incident.until(() => incident.pages().length > 0, 'the page of whom the server missed');
    await incident.pass(6);
    await incident.until(() => incident.pages().includes('ops-secondary @ 5'), 'the secondary');
    expect(incident.pages().filter((page) => page.endsWith('@ 0'))).toEqual(['infra @ 0']);
    expect((await incident.view()).runs).toHaveLength(1);
    await world.endIncidents();
  });

  it('sends what the server left for later: by contacts with a delay, unless somebody has it, and at the end of quiet hours', async () => {
    const begun = await world.env.currentTimeMs();
    const later = [{ person: 'infra', at: begun + 150_000 }, { person: 'ops-primary', at: begun + 120_000, after: 120_000 }];
    const incident = await world.open({ activities: hostNeeding().activities, start: { paged: { deliveries: [delivery('ops-primary')], missing: [], later } } });
    await incident.pass(1);
    expect(incident.pages()).toEqual([]);
    await incident.pass(3);
    expect(incident.pages()).toEqual(['ops-primary @ 2', 'infra @ 2']);
    expect(world.sent.flatMap(({ key }) => (key.startsWith(incident.start.id) ? [key.slice(37)] : []))).toEqual(['1/0.0/ops-primary/after-120s', '1/0.0/infra']);
    expect((await incident.story('page'))[0]).toMatch(/infra is not told before .*: quiet hours$/);
    const now = await world.env.currentTimeMs();
    const other = await world.open({ activities: hostNeeding().activities, start: { paged: { deliveries: [delivery('ops-primary')], missing: [], later: [{ person: 'ops-primary', at: now + 120_000, after: 120_000 }] } } });
    await other.pass(1);
    await other.act({ kind: 'acknowledge' }, 'infra');
    await other.pass(3);
    expect(other.pages()).toEqual([]);
    await world.endIncidents();
  });

  it('counts a word that is said twice once, and only what is new of one that has grown', async () => {
    const incident = await world.open({ activities: practiceHost().activities });
    const { count } = (await incident.view()).alerts;
    const said = (id: string, alerts: number) => incident.alert({ kept: { id, count: alerts, fired: true } });
    await said('one', 5);
    await said('one', 5);
    await said('two', 1);
    await said('one', 8);
    await incident.until((view) => view.alerts.count === count + 9, 'nine more');
  });

  it('takes what the server paged under another id into its record', async () => {
    const incident = await world.open({ activities: practiceHost().activities });
    await incident.alert({ kept: { id: 'three', count: 1, fired: true, paged: { deliveries: [delivery('hotline')], missing: [] } } });
    const view = await incident.until(({ pages }) => pages.some(({ person }) => person === 'hotline'), 'the page in the record');
    expect(view.timeline.map(({ text }) => text)).toContain('runbook not started, since Temporal was away: the server paged hotline by test (late)');
  });

  it('pages a reopening that the server has paged only to whom it missed', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.until(() => incident.pages().length >= 2, 'the first pages');
    await incident.signal('resolve', incident.sign({ kind: 'resolve', reason: 'it looks well' }));
    await incident.until(({ state }) => state === 'closed', 'the close');
    const before = incident.paged().length;
    const paged = { deliveries: [delivery('ops-primary')], missing: [{ person: 'infra', mayHaveArrived: false }] };
    await incident.alert({ kept: { id: 'four', count: 1, fired: true, paged } });
    await incident.until(() => incident.paged().length > before, 'the page of whom the server missed');
    await incident.pass(6);
    await incident.until(() => incident.paged().some((page) => page.startsWith('1/1.0-secondary')), 'the secondary');
    expect(incident.paged().slice(before).map((page) => page.split(' @')[0])).toEqual(['1/1.0 infra', '1/1.0-secondary ops-secondary']);
  });
});
