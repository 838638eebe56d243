import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hostNeeding, over, practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

describe('an incident whose run', () => {
  it('throws at once pages as ever, escalates, and says what is wrong', async () => {
    const incident = await world.open({ runs: 'throwing' });
    await incident.pass(30.5);
    const view = await incident.view();
    expect(view.runs[0]).toMatchObject({ end: 'failed', reason: 'this runbook has a bug' });
    expect(incident.paged().slice(0, 5)).toEqual(expect.arrayContaining([
      '1/0.0 infra @ 0', '1/0.0 ops-primary @ 0', '2/0.0 engineering-manager @ 0', '1/0.0-secondary ops-secondary @ 5', '1/0.0-contact engineering-manager @ 10',
    ]));
    expect((await incident.story('escalate'))[0]).toContain('escalated: run 1 ended failed');
    const escalated = world.sent.find(({ key }) => key === `${incident.start.id}/2/0.0/engineering-manager`);
    expect(escalated?.text).toContain('Run 1 failed: this runbook has a bug');
  });

  it('never says a word counts it as failed after 10 min of silence, and stops it', async () => {
    const incident = await world.open({ runs: 'hanging' });
    await incident.pass(9.5);
    expect((await incident.view()).runs[0]?.end).toBeUndefined();
    await incident.pass(1);
    expect((await incident.view()).runs[0]?.reason).toContain('nothing was heard of it');
    expect(incident.paged()).toContain('2/0.0 engineering-manager @ 10');
    await incident.pass(20);
    expect(incident.paged()).toContain('3/0.0 cto @ 30');
    // The check of 15 min later is as silent: no level is left, so that the highest starts again.
    await incident.pass(5);
    expect(incident.paged()).toContain('3/1.0 cto @ 35');
  });

  it('goes on with a diagnosis that fails, and shows it in its own words', async () => {
    const host = Object.assign(practiceHost(), { lookFails: true, verdict: over });
    const incident = await world.open({ activities: host.activities });
    await incident.pass(15);
    const view = await incident.until(({ state }) => state === 'closed', 'the close');
    expect(view.found).toContain('Look Around: failed: there is nothing to look at');
    expect(host.did).toEqual([]);
  });

  it('is stopped by a person leaves the incident open and the ladder on its times', async () => {
    const host = hostNeeding('Delete');
    const incident = await world.open({ activities: host.activities });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    await incident.act({ kind: 'stop', reason: 'I do it by hand' });
    const view = await incident.until(({ runs }) => runs[0]?.end !== undefined, 'the end of the run');
    expect(view.runs[0]).toMatchObject({ end: 'stopped', reason: 'I do it by hand' });
    expect(view.state).toBe('open');
    await incident.pass(15.5);
    expect(incident.paged().filter((page) => page.startsWith('2/'))).toEqual(['2/0.0 engineering-manager @ 15']);
    expect(await incident.refused({ kind: 'stop', reason: 'again' })).toMatch(/no run is going on|run/);
    expect(host.did).toEqual([]);
  });
});
