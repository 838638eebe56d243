import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { hostNeeding, over, practiceHost } from '../support/practice-host.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld({ realTime: true });
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

/**
 * Continues as new whenever nothing is under way and the history has grown at all. On a real server, as the test server loses
 * queries, updates and children of a workflow that has continued as new; so a minute takes 400 ms. Only how long a busy machine
 * may take over an answer or a page is not scaled.
 */
const restless = { historyAtMost: 20, times: { ...scaled(standardTimes, 1 / 150), approvalExpires: 60_000, lateAfter: 5_000 } };

describe('an incident that continues as new at any moment', { timeout: 90_000 }, () => {
  it('tells the same story: every page once, no answer lost, no undo forgotten', async () => {
    const host = practiceHost();
    let ready = false;
    host.onCure = (what) => {
      if (what === 'Restart') host.verdict = over;
      return { outcome: 'done', evidence: `${what} ran` };
    };
    host.onTakeBack = (what) => (ready ? { outcome: 'done', evidence: `${what} is taken back` } : { outcome: 'refused', evidence: 'not yet' });
    const incident = await world.open({ activities: host.activities, start: restless });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    const first = await executionOf(incident);
    // While the question is open: notes that make the history grow, then the answer.
    for (const text of ['one', 'two', 'three', 'four', 'five']) await incident.act({ kind: 'note', text });
    await incident.until(async () => (await executionOf(incident)) !== first, 'another execution');
    expect((await incident.view()).asks[0]?.answer).toBeUndefined();

    const approval = incident.sign({ kind: 'approve', ask: '1.1' });
    await incident.signal('approve', approval);
    await incident.until(({ state }) => state === 'watching', 'the watch');
    const waiting = await incident.until(({ undos }) => undos[0]?.state === 'waiting', 'the undo that waits');
    const second = await executionOf(incident);
    await incident.signal('approve', approval); // delivered twice
    await incident.alert();
    await incident.alert();
    await incident.until(({ state }) => state === 'closed', 'the close');
    expect(await executionOf(incident)).not.toBe(second);
    ready = true;
    const view = await incident.until(({ undos }) => undos[0]?.state === 'done', 'the undo');
    expect(waiting.undos.map(({ id }) => id)).toEqual(view.undos.map(({ id }) => id));

    expect(view.closedAs).toBe('recovered');
    expect(view.alerts.count).toBe(3);
    expect(host.did.filter((did) => !did.startsWith('undo'))).toEqual(['Safe Cure', 'Temporary Cure', 'Restart']);
    expect(new Set(view.pages.map(({ key }) => key)).size).toBe(view.pages.length);
    expect(world.sent.filter(({ key }) => key === `${incident.start.id}/1/0.0/ops-primary`)).toHaveLength(1);
    const lines = view.timeline.map(({ what, text }) => `${what}: ${text}`);
    expect(lines.filter((line) => line.startsWith('decision'))).toEqual(['decision: 1.1 (Restart): approved']);
    expect(lines.filter((line) => line.startsWith('note'))).toHaveLength(5);
    expect(world.reports.get(incident.start.id)?.runs[0]?.steps.length).toBeGreaterThan(5);
  });

  it('does not wait with its ladder for a pager that is out of order', async () => {
    const host = hostNeeding();
    world.onSend = async ({ person, key }) => {
      if (person.id === 'infra' && key.startsWith(incident.start.id)) throw new Error('421 try later');
    };
    const incident = await world.open({ activities: host.activities, start: restless });
    // Sent, and not only due.
    await incident.until(() => incident.paged().some((page) => page.startsWith('3/0.0 cto')), 'the page of level 3');
    world.onSend = async () => undefined;
    expect(incident.paged().filter((page) => page.includes('/0.0')).map((page) => page.split(' @')[0])).toEqual([
      '1/0.0 ops-primary', '1/0.0-secondary ops-secondary', '1/0.0-contact engineering-manager', '2/0.0 engineering-manager', '3/0.0 cto',
    ]);
  });
});

async function executionOf(incident: TestIncident): Promise<string> {
  return (await incident.handle.describe()).runId;
}
