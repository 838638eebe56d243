import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

describe('the ladder', () => {
  it('goes up while nobody answers, and ends in the last resort that never ends', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(121);
    expect(incident.paged().toSorted(byMinute)).toEqual(
      [
        '1/0.0 infra @ 0', '1/0.0 ops-primary @ 0', '1/0.0-secondary ops-secondary @ 5', '1/0.0-contact engineering-manager @ 10',
        ...round('1/0.1', 15, 'infra', 'ops-primary', 'ops-secondary'), '2/0.0 engineering-manager @ 15',
        ...round('1/0.2', 30, 'infra', 'ops-primary', 'ops-secondary'), '2/0.1 engineering-manager @ 30', '3/0.0 cto @ 30',
        ...round('1/0.3', 45, 'infra', 'ops-primary', 'ops-secondary'), '2/0.2 engineering-manager @ 45', '3/0.1 cto @ 45',
        '2/0.3 engineering-manager @ 60', '3/0.2 cto @ 60', '3/0.3 cto @ 75',
        ...round('last resort/0.0', 90, 'engineering-manager', 'hotline'), ...round('last resort/0.1', 120, 'engineering-manager', 'hotline'),
      ].toSorted(byMinute),
    );
    const view = await incident.view();
    expect(view.level).toBe(4);
    expect(new Set(view.pages.map(({ key }) => key)).size).toBe(view.pages.length);
    expect(view.pages.filter(({ late }) => late)).toEqual([]);
    expect(view.nextPage?.who).toBe('Last resort, due 150 min');
  });

  it('stops repeats but no level on an acknowledgement, and starts the highest again when that lapses', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(2);
    expect(await incident.act({ kind: 'acknowledge' })).toContain('unresolved, it still escalates');
    await incident.pass(29.5);
    expect(incident.paged().filter((page) => !page.endsWith('@ 0'))).toEqual(['2/0.0 engineering-manager @ 15', '2/0.1 engineering-manager @ 30', '3/0.0 cto @ 30'].toSorted(asSent(incident.paged())));
    expect((await incident.view()).acknowledgement?.by).toEqual({ kind: 'person', person: 'alice', via: 'cli' });
    await incident.pass(1.5);
    expect(incident.paged().at(-1)).toBe('3/1.0 cto @ 32');
    expect(await incident.story('acknowledge', 'lapse')).toEqual([
      expect.stringContaining('2 acknowledge: acknowledged until'),
      '32 lapse: the acknowledgement of alice (cli) lapsed',
    ]);
    expect((await incident.view()).acknowledgement).toBeUndefined();
  });

  it('is held by a snooze with a reason, up to its limit, and then pages what fell due once', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(10.5);
    expect(await incident.refused({ kind: 'snooze', minutes: 16, reason: 'lunch' })).toContain('1 to 15 min, not 16');
    expect(await incident.refused({ kind: 'snooze', minutes: 0, reason: 'lunch' })).toContain('not 0');
    expect(await incident.refused({ kind: 'snooze', minutes: 5, reason: ' ' })).toContain('needs a reason');
    await incident.act({ kind: 'snooze', minutes: 15, reason: 'waiting for the provider' });
    const before = incident.paged().length;
    await incident.pass(14.9);
    expect(incident.paged()).toHaveLength(before);
    await incident.pass(1);
    expect(incident.paged().slice(before)).toEqual(['2/0.0 engineering-manager @ 25']);
    expect((await incident.view()).pages.at(-1)?.late).toBe(true);
  });

  it('is taken up by a person, to the next level or a chosen one, and pages neither a second time at its time', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.pass(1.1);
    await incident.act({ kind: 'escalate', reason: 'I need help' });
    await incident.pass(1);
    expect(await incident.refused({ kind: 'escalate', level: 4 })).toBe('there is no level 4: this incident has levels 1 to 3');
    await incident.act({ kind: 'escalate', level: 3 });
    await incident.pass(14);
    expect(incident.paged().slice(2)).toEqual(['2/0.0 engineering-manager @ 1', '3/0.0 cto @ 2']);
    expect(await incident.story('escalate')).toEqual(['1 escalate: escalated: I need help', '2 escalate: escalated: asked for']);
  });

  it('is taken up early by a run that tried and did not cure', async () => {
    const incident = await world.open({ activities: hostNeeding('Safe Cure').activities });
    await incident.pass(16);
    expect(incident.paged().filter((page) => page.startsWith('2/'))).toEqual(['2/0.0 engineering-manager @ 1']);
    expect(await incident.story('escalate')).toEqual(['1 escalate: escalated: run 1 ended unrecovered']);
  });
});

describe('a pager', () => {
  it('that refuses delays nobody else and is tried again with the same key', async () => {
    world.onSend = async ({ person, key }) => {
      if (person.id === 'infra' && key.startsWith(incident.start.id)) throw new Error('421 try later');
    };
    const incident = await world.open({ activities: hostNeeding('Safe Cure').activities });
    await incident.pass(5.5);
    expect(incident.paged()).toEqual(['1/0.0 ops-primary @ 0', '2/0.0 engineering-manager @ 1', '1/0.0-secondary ops-secondary @ 5']);
    expect(await incident.story('run')).toHaveLength(2);
    world.onSend = async () => undefined;
    await incident.until((view) => view.pages.some(({ person }) => person === 'infra'), 'the page to infra');
    const late = (await incident.view()).pages.find(({ person }) => person === 'infra');
    expect(late?.key).toBe(`${incident.start.id}/1/0.0/infra`);
    expect(late?.attempts).toBeGreaterThan(1);
    expect((await incident.story('problem')).join('\n')).toContain('421 try later');
  });

  it('that hangs delays neither other pages nor the run', async () => {
    let release = (): void => undefined;
    const hanging = new Promise<void>((resolve) => (release = resolve));
    world.onSend = ({ person, key }) => (person.id === 'infra' && key.startsWith(one.start.id) ? hanging : Promise.resolve());
    const host = hostNeeding('Safe Cure');
    const one = await world.open({ activities: host.activities });
    const other = await world.open({ activities: hostNeeding().activities });
    await other.until(() => other.paged().length === 2, 'the pages of another incident');
    await one.until(() => host.did.length === 1, 'the cure of the run');
    expect(one.paged()).toEqual(['1/0.0 ops-primary @ 0']);
    release();
    await one.until(() => one.paged().includes('1/0.0 infra @ 0'), 'the page to infra');
    world.onSend = async () => undefined;
  });
});

function round(name: string, at: number, ...people: string[]): string[] {
  return people.map((person) => `${name} ${person} @ ${at}`);
}

function byMinute(one: string, other: string): number {
  return Number(one.split('@ ')[1]) - Number(other.split('@ ')[1]) || one.localeCompare(other);
}

/** People of one moment are told side by side: their order among themselves means nothing. */
function asSent(order: string[]): (one: string, other: string) => number {
  return (one, other) => order.indexOf(one) - order.indexOf(other);
}
