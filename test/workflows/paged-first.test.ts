import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

describe('the first run', () => {
  it('begins after the first page also where the incident begins late, as in a storm', async () => {
    await world.end('incidents');
    const incident = await world.open({ activities: hostNeeding().activities, start: { runWaits: 20_000 } });
    await world.env.sleep(10_000);
    await world.restart('incidents');
    const { timeline } = await incident.until(({ runs }) => runs.length > 0, 'the run');
    expect(timeline.map(({ what }) => what).filter((what) => what === 'page' || what === 'run').slice(0, 2)).toEqual(['page', 'run']);
  });

  it('does not wait for a pager that is away', async () => {
    world.onSend = async () => {
      throw new Error('connect ECONNREFUSED');
    };
    const incident = await world.open({ activities: hostNeeding().activities, start: { runWaits: 20_000 } });
    const { runs, pages } = await incident.until((view) => view.runs.length > 0, 'the run');
    world.onSend = async () => undefined;
    expect(pages).toEqual([]);
    expect((runs[0]?.startedAt ?? 0) - incident.start.alert.acceptedAt).toBeGreaterThanOrEqual(20_000);
  });

  it('of incidents that open together begins after the pages of the others', async () => {
    const high = { severity: 'High', runWaits: 20_000 } as const;
    const incidents = [];
    for (let n = 0; n < 3; n++) incidents.push(await world.open({ activities: hostNeeding().activities, start: high }));
    const views = await Promise.all(incidents.map((incident) => incident.until(({ runs }) => runs.length > 0, 'the run')));
    const pagedAt = Math.min(...views.map(({ pages }) => pages[0]?.acceptedAt ?? Number.NaN));
    const last = Math.max(...views.map(({ runs }) => runs[0]?.startedAt ?? Number.NaN));
    expect(last - pagedAt).toBeGreaterThan(400);
  });
});
