import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { controlActivities } from '../../src/activities/control.js';
import type { IncidentView } from '../../src/domain/incident.js';
import type { StepOutcome } from '../../src/domain/step.js';
import { ended } from '../support/moments.js';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

const outcomeOf = (view: IncidentView, name: string): StepOutcome | undefined => view.runs[0]?.steps.flatMap(({ acts }) => acts).find(({ act }) => act === name)?.outcome;

/** Takes a resource as some other act does, by the same door. */
async function hold(environment: string, resources: string[], lease: number): Promise<void> {
  const request = { holder: 'another', incidentId: 'another', risky: false, resources, lease };
  const { locks } = await controlActivities({ client: world.client }).clear({ environment, request, runbook: 'another' });
  expect(locks).toEqual({ kind: 'granted' });
}

describe('acts that touch the same', () => {
  it('never overlap, whatever incidents they belong to, and all get their turn', async () => {
    let going = 0;
    let most = 0;
    const hosts = [1, 2, 3].map(() => hostNeeding('Safe Cure', 'Temporary Cure'));
    for (const host of hosts) {
      host.onCure = async (what) => {
        going += 1;
        most = Math.max(most, going);
        await new Promise((resolve) => setImmediate(resolve)); // the others have every chance to begin
        await world.env.currentTimeMs();
        going -= 1;
        return { outcome: 'done', evidence: `${what} ran` };
      };
    }
    const incidents = await Promise.all(hosts.map((host) => world.open({ activities: host.activities, environment: 'shared' })));
    for (const incident of incidents) expect(outcomeOf(await ended(incident), 'Temporary Cure')).toMatchObject({ kind: 'done' });
    expect(most).toBe(1);
  });

  it('wait for each other, 10 min at most, and then say who has it', async () => {
    const host = hostNeeding('Safe Cure');
    await hold('busy', ['thing:shared'], 20 * 60_000);
    const incident = await world.open({ activities: host.activities, environment: 'busy' });
    await incident.pass(9);
    expect((await incident.view()).runs[0]?.end).toBeUndefined();
    await incident.pass(2);
    const view = await ended(incident);
    expect(outcomeOf(view, 'Safe Cure')).toEqual({ kind: 'skipped', reason: 'locked', detail: 'by another' });
    expect(host.did).toEqual([]);
  });

  it('go on when the lease of one that died is over, after a second look', async () => {
    const host = hostNeeding('Safe Cure', 'Temporary Cure');
    await hold('dead', ['thing:shared'], 3 * 60_000);
    const incident = await world.open({ activities: host.activities, environment: 'dead' });
    await incident.pass(2);
    expect(host.did).toEqual([]);
    host.needless.add('Safe Cure');
    await incident.pass(4);
    const view = await ended(incident);
    expect(outcomeOf(view, 'Safe Cure')).toMatchObject({ kind: 'skipped', reason: 'condition does not hold' });
    expect(host.did).toEqual(['Temporary Cure']);
  });
});

describe('restarts', () => {
  it('happen by themselves once in 30 min over all incidents; a person may exceed that', async () => {
    const expiring = async (environment: string): Promise<IncidentView> => {
      const incident = await world.open({
        activities: Object.assign(hostNeeding('Restart'), { down: true }).activities,
        environment,
        start: { place: { name: 'app:/data', environment, host: shared, hosts: [shared], mount: '/data' } },
      });
      await incident.until(({ asks }) => asks.length === 1, 'the question');
      await incident.pass(10.5);
      return ended(incident);
    };
    const host = Object.assign(hostNeeding('Restart'), { down: true });
    const shared = 'app-shared';
    await world.hostWorker(shared, host.activities);
    expect(outcomeOf(await expiring('budget'), 'Restart')).toMatchObject({ kind: 'done' });
    expect(outcomeOf(await expiring('budget'), 'Restart')).toMatchObject({ kind: 'skipped', reason: 'limit' });
    const incident = await world.open({ environment: 'budget', start: { place: { name: 'app:/data', environment: 'budget', host: shared, hosts: [shared], mount: '/data' } } });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    await incident.act({ kind: 'approve', ask: '1.1' });
    expect(outcomeOf(await ended(incident), 'Restart')).toMatchObject({ kind: 'done' });
    expect(host.did).toEqual(['Restart', 'Restart']);
  });
});
