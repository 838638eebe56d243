import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentView } from '../../src/domain/incident.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld({ realTime: true });
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

const workers = ['incidents', 'runs', 'pages'] as const;

/**
 * A minute of the process takes 200 ms: a test server skips no time while a workflow waits for its worker. Workers take a
 * while to stop and to start, so that the levels are told by the clock.
 */
const quick = { times: { ...scaled(standardTimes, 1 / 300), lateAfter: 2_000 } };

describe('after an outage of all workers', () => {
  it('pages only the highest level that fell due, once, and says that it is late', async () => {
    const incident = await world.open({ activities: hostNeeding().activities, start: quick });
    await incident.until((view) => view.pages.length >= 2, 'the first page');
    const back = await outage(incident, 36);
    const view = await incident.until(({ pages }) => pages.some(({ acceptedAt }) => acceptedAt > back), 'the late page');
    expect(lateLevels(view, back)).toEqual([minutesAt(view, back) < 90 ? '3' : 'last resort']);
    expect(incident.paged().filter((page) => page.startsWith('2/0.0'))).toEqual([]);
  });

  it('pages level 1, late, for an incident that was opened meanwhile', async () => {
    await Promise.all(workers.map((which) => world.end(which)));
    const incident = await world.open({ activities: hostNeeding().activities, start: quick });
    await incident.pass(6);
    await Promise.all(workers.map((which) => world.restart(which)));
    const view = await incident.until(({ pages }) => pages.length >= 3, 'the late page');
    expect(lateLevels(view, view.incident.openedAt)).toEqual(['1']);
    expect(view.pages.map(({ person }) => person)).toEqual(expect.arrayContaining(['ops-primary', 'ops-secondary', 'infra']));
  });
});

describe('an incident whose run', () => {
  it('cannot even be loaded pages and escalates in the same way', async () => {
    const incident = await world.open({ runs: 'notInTheBundle', start: quick });
    const view = await incident.until(({ runs, pages }) => runs[0]?.end === 'failed' && pages.some(({ key }) => key.includes('/2/0.0/')), 'the escalation');
    expect(view.runs[0]?.reason).toContain('nothing was heard of it');
    expect(view.pages.map(({ key }) => key.split('/').slice(1).join('/'))).toEqual(
      expect.arrayContaining(['1/0.0/ops-primary', '1/0.0/infra', '1/0.0-secondary/ops-secondary', '2/0.0/engineering-manager']),
    );
  });
});

/** When they began to come back. */
async function outage(incident: TestIncident, minutes: number): Promise<number> {
  await Promise.all(workers.map((which) => world.end(which)));
  await incident.pass(minutes);
  const back = await incident.now();
  await Promise.all(workers.map((which) => world.restart(which)));
  return back;
}

/** Levels of the pages that were late after this moment; and `twice` if somebody was paged twice by them. */
function lateLevels(view: IncidentView, after: number): string[] {
  const late = view.pages.filter((page) => page.late && page.acceptedAt > after);
  const people = new Set(late.map(({ person }) => person));
  return [...new Set(late.map(({ key }) => key.split('/')[1] ?? '')), ...(people.size < late.length ? ['twice'] : [])];
}

function minutesAt(view: IncidentView, at: number): number {
  return (at - view.incident.openedAt) / quick.times.minute;
}
