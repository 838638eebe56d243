import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { standardTimes } from '../../src/domain/times.js';
import { hostNeeding, over, practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

/** A host that its last temporary cure helps. */
function curedBy(last: 'Temporary Cure') {
  const host = practiceHost();
  host.onCure = (what) => {
    if (what === last) host.verdict = over;
    return { outcome: 'done', evidence: `${what} ran` };
  };
  return host;
}

describe('what is temporary', () => {
  it('is taken back after proof and before the watch; one that must wait keeps neither the watch nor another undo from going on', async () => {
    const host = curedBy('Temporary Cure');
    let ready = false;
    host.onTakeBack = (what) => (what === 'Temporary Cure' && !ready ? { outcome: 'refused', evidence: 'its store does not answer yet' } : { outcome: 'done', evidence: `${what} is taken back` });
    const incident = await world.open({ activities: host.activities, runs: 'temporary' });
    await incident.until(({ undos }) => undos.length === 2 && undos.every(({ state }) => state === 'waiting' || state === 'done'), 'a first try at both');
    expect((await incident.view()).undos.map(({ title, state }) => [title, state])).toEqual([['Take Safe Cure back', 'done'], ['Take Temporary Cure back', 'waiting']]);
    await incident.pass(13);
    const view = await incident.until(({ state }) => state === 'closed', 'the close');
    expect(view.closedAs).toBe('recovered');
    expect(view.undos[1]?.state).toBe('waiting');
    const tries = host.did.filter((did) => did === 'undo Temporary Cure').length;
    await incident.pass(15);
    expect(host.did.filter((did) => did === 'undo Temporary Cure').length).toBeGreaterThan(tries);
    ready = true;
    const later = await incident.until(({ undos }) => undos[1]?.state === 'done', 'the undo after the close');
    expect(later.state).toBe('closed');
    await incident.until(() => world.reports.get(incident.start.id)?.undos[1]?.state === 'done', 'the report with the late undo');
    const lines = await incident.story('undo', 'run', 'state');
    const at = (text: string): number => lines.findIndex((line) => line.includes(text));
    expect(at('open → watching')).toBeLessThan(at('Take Safe Cure back: done'));
    expect(at('Take Safe Cure back: done')).toBeLessThan(at('run 1 ended recovered'));
  });

  it('that fails is a follow-up and one notice to the primary, and the watch goes on', async () => {
    const host = curedBy('Temporary Cure');
    host.onTakeBack = () => ({ outcome: 'failed', evidence: 'permission denied' });
    const incident = await world.open({ activities: host.activities });
    await incident.pass(13);
    const view = await incident.until(({ state }) => state === 'closed', 'the close');
    expect(view.followUps).toContain('Undo by hand: Take Temporary Cure back (permission denied)');
    await incident.pass(1);
    expect(world.sent.filter(({ key }) => key.startsWith(`${incident.start.id}/undo-`)).map(({ person, urgency }) => [person.id, urgency])).toEqual([['ops-primary', 'normal']]);
  });
});

describe('what is offered', () => {
  it('is taken back by a person only, once, and an undo of another incident under the same name changes nothing', async () => {
    const host = hostNeeding('Restart');
    const incident = await world.open({ activities: host.activities });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    await incident.act({ kind: 'approve', ask: '1.1' });
    const { undos } = await incident.until(({ runs }) => runs[0]?.end !== undefined, 'the end of the run');
    expect(undos).toMatchObject([{ title: 'Take Restart back', kind: 'offered', state: 'registered' }]);
    const id = undos[0]?.id ?? '';
    await incident.handle.signal('undone', { incidentId: 'an earlier one', id, state: 'failed', evidence: 'not ours' });
    await incident.signal('undo', { undo: id });
    expect((await incident.view()).undos[0]?.state).toBe('registered');
    expect(await incident.refused({ kind: 'undo', undo: '9.9' })).toContain('there is no undo 9.9');
    expect(await incident.act({ kind: 'undo', undo: id })).toBe('undoing: Take Restart back');
    const view = await incident.until((v) => v.undos[0]?.state === 'done', 'the undo');
    expect(view.undos[0]?.by).toBe('alice (cli)');
    expect(host.did).toEqual(['Restart', 'undo Restart']);
    expect(await incident.refused({ kind: 'undo', undo: id })).toBe(`undo ${id} is done`);
  });
});

describe('an undo that outlives its incident', () => {
  // Last in this file: after a signal to an incident that is gone, the test server's clock can't be skipped any more.
  it('goes on waiting when its incident is gone, and is one notice to the primary when its time is over', async () => {
    const host = curedBy('Temporary Cure');
    host.onTakeBack = () => ({ outcome: 'refused', evidence: 'its endpoint does not answer' });
    const incident = await world.open({ activities: host.activities, start: { times: { ...standardTimes, undoWaits: 150 * standardTimes.minute } } });
    await incident.pass(13);
    await incident.until(({ state }) => state === 'closed', 'the close');
    await incident.pass(61);
    await incident.handle.result();
    const tries = host.did.length;
    await incident.pass(30);
    expect(host.did.length).toBeGreaterThan(tries);
    const told = incident.told().length;
    await incident.pass(46);
    await incident.until(() => incident.told().length > told, 'the notice');
    expect(incident.told().slice(told)).toEqual([expect.stringMatching(/^ops-primary @ 15\d$/)]);
  });
});
