import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Person } from '../../src/channels/channel.js';
import type { TimeOfDay } from '../../src/roster/quiet-hours.js';
import { hostNeeding, over } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

const hour = 3_600_000;
const utc = (at: number): TimeOfDay => ({ hour: new Date(at).getUTCHours(), minute: new Date(at).getUTCMinutes() });
const infra: Person = { contacts: [{ email: 'infra@example.com' }] };

/** Infra sleeps for 21 to 22 minutes more; the tests of this file share a clock. */
async function asleep(): Promise<void> {
  const now = await world.env.currentTimeMs();
  infra.quietHours = { from: utc(now - hour), until: utc(now + 22 * 60_000), zone: 'UTC' };
}

let world: World;
beforeAll(async () => {
  world = await openWorld({
    receipts: true,
    people: {
      'ops-primary': { contacts: [{ email: 'ops-primary@example.com' }, { phone: '+4930123456', after: 120_000 }] },
      'ops-secondary': { contacts: [{ slackWebhook: 'ops', updates: true }] },
      infra,
    },
  });
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

const keysOf = (id: string, person: string): string[] => world.sent.flatMap(({ key, person: to, minute }) => (key.startsWith(id) && to.id === person ? [`${key.slice(id.length + 1)} @ ${minute}`] : []));

describe('a contact with a delay', () => {
  it('is tried after it, under a key of its own, by each page that nobody has acknowledged', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(1.5);
    expect(keysOf(incident.start.id, 'ops-primary')).toEqual(['1/0.0/ops-primary @ 0']);
    await incident.pass(1);
    expect(keysOf(incident.start.id, 'ops-primary')).toEqual(['1/0.0/ops-primary @ 0', '1/0.0/ops-primary/after-120s @ 2']);
    expect((await incident.view()).pages.at(-1)).toMatchObject({ channel: 'test 2', why: 'Primary (level 1), not acknowledged for 2 min', late: false });
    expect((await incident.story('page')).at(-1)).toBe('2 page: not acknowledged, next contact of ops-primary: ops-primary by test 2');
    await incident.pass(15);
    expect(keysOf(incident.start.id, 'ops-primary').slice(2)).toEqual(['1/0.1/ops-primary @ 15', '1/0.1/ops-primary/after-120s @ 17']);
  });

  it('is left in peace once somebody has acknowledged, or the incident has closed', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(1);
    await incident.act({ kind: 'acknowledge' }, 'infra');
    const other = await world.open({ activities: hostNeeding().activities });
    await other.pass(1);
    await other.act({ kind: 'resolve', reason: 'a false alarm' });
    await incident.pass(5);
    for (const { start } of [incident, other]) expect(keysOf(start.id, 'ops-primary').filter((key) => key.includes('after-'))).toEqual([]);
  });
});

describe('a receipt', () => {
  it('of a page that did not arrive makes the next contact be tried at once, until there is none or somebody has it', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.until(() => incident.paged().length === 2, 'the first pages');
    const key = `${incident.start.id}/1/0.0/ops-primary`;
    const undelivered = async (): Promise<void> => incident.handle.signal('undelivered', { v: 1, incidentId: incident.start.id, key, status: 'failed' });
    await undelivered();
    await incident.until(({ pages }) => pages.some(({ channel }) => channel === 'test 2'), 'the next contact');
    expect((await incident.view()).pages.at(-1)).toMatchObject({ key, why: 'Primary (level 1), not reached by test' });
    await undelivered();
    await incident.until(({ timeline }) => timeline.some(({ text }) => text.startsWith('there is no other contact')), 'the end of the contacts');
    expect(await incident.story('problem')).toEqual(['0 problem: ops-primary was not reached by test: failed', '0 problem: ops-primary was not reached by test 2: failed', expect.stringContaining('there is no other contact')]);
    const other = await world.open({ activities: hostNeeding().activities });
    await other.until(() => other.paged().length === 2, 'the first pages');
    await other.act({ kind: 'acknowledge' });
    await other.handle.signal('undelivered', { v: 1, incidentId: other.start.id, key: `${other.start.id}/1/0.0/ops-primary`, status: 'failed' });
    await other.pass(3);
    expect(keysOf(other.start.id, 'ops-primary')).toEqual(['1/0.0/ops-primary @ 0']);
  });
});

describe('an update', () => {
  it('goes where pages are shown when the incident changes hands or escalates, and nowhere else', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(6);
    await incident.act({ kind: 'acknowledge' }, 'alice');
    await incident.act({ kind: 'acknowledge' }, 'alice');
    await incident.act({ kind: 'note', text: 'mine' }, 'infra');
    await incident.pass(9.5);
    const updates = world.sent.filter(({ key, kind }) => key.startsWith(incident.start.id) && kind === 'notice');
    expect(updates.map(({ key, minute, news, lead }) => `${key.slice(37)} @ ${minute} ${news?.kind}: ${lead}`)).toEqual([
      'news-1/ops-secondary/test @ 6 acknowledged: For your information: It is broken – alice has acknowledged.',
      'news-2/ops-secondary/test @ 6 acknowledged: For your information: It is broken – infra has taken over from alice.',
      'news-3/ops-secondary/test @ 15 changed: For your information: It is broken – escalated: Level 2 Engineering Manager, due 15 min.',
    ]);
    expect(updates[0]?.news?.pages.map(({ key }) => key.slice(37))).toEqual(['1/0.0-secondary/ops-secondary']);
  });
});

describe('an update of a recovery', () => {
  it('goes where pages are shown once it is proven, before the all-clear', async () => {
    const host = hostNeeding();
    const incident = await world.open({ activities: host.activities });
    await incident.pass(6);
    await incident.until(({ runs }) => runs.at(-1)?.endedAt !== undefined, 'the end of the run');
    host.verdict = over;
    await incident.act({ kind: 'check' }, 'alice');
    await incident.until(({ state }) => state === 'watching', 'the watch');
    const updates = () => world.sent.filter(({ key, kind, news }) => key.startsWith(incident.start.id) && kind === 'notice' && news);
    await incident.until(() => updates().length > 0, 'the update');
    expect(updates().map(({ key, lead }) => `${key.slice(37)}: ${lead}`)).toEqual(['news-1/ops-secondary/test: For your information: It is broken – it has recovered, and is watched.']);
  });
});

describe('quiet hours', () => {
  it('hold nothing that is Critical', async () => {
    await asleep();
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(1);
    expect(keysOf(incident.start.id, 'infra')).toEqual(['1/0.0/infra @ 0']);
  });

  it('hold what is Medium until they end, visibly, and then send the last of it once; others are paged meanwhile', async () => {
    await asleep();
    const incident = await world.open({ activities: hostNeeding().activities, start: { severity: 'Medium' } });
    await incident.pass(16);
    expect(keysOf(incident.start.id, 'infra')).toEqual([]);
    expect(keysOf(incident.start.id, 'ops-primary')[0]).toBe('1/0.0/ops-primary @ 0');
    const held = (await incident.story('page')).filter((line) => line.includes('quiet hours'));
    expect(held).toEqual([expect.stringMatching(/^0 page: infra is not told before .*Z: quiet hours$/), expect.stringMatching(/^15 page: infra is not told before .*Z: quiet hours$/)]);
    await incident.pass(6.5);
    await incident.until(({ pages }) => pages.some(({ person }) => person === 'infra'), 'the page after quiet hours');
    const paged = (await incident.view()).pages.filter(({ person }) => person === 'infra');
    expect(paged.slice(0, 1)).toEqual([expect.objectContaining({ late: false, why: expect.stringMatching(/, held until .* UTC for your quiet hours$/) as string })]);
    expect(new Date(paged[0]?.acceptedAt ?? 0).toISOString().slice(11, 16)).toBe(new Date(paged[0]?.dueAt ?? 0).toISOString().slice(11, 16));
    expect((await incident.story('page')).join('\n')).toContain('quiet hours of infra are over: infra by test');
  });
});
