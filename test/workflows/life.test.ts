import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/domain/step.js';
import { standardTimes } from '../../src/domain/times.js';
import { hostNeeding, notYet, over, practiceHost, relieved } from '../support/practice-host.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

/** A host on which the safe cure helps, with this verdict. */
function curable(verdict: Verdict = over) {
  const host = hostNeeding('Safe Cure');
  host.onCure = (what) => {
    host.verdict = verdict;
    return { outcome: 'done', evidence: `${what} ran` };
  };
  return host;
}

describe('an incident that is taken over', () => {
  it('is held by the new person, with a reason on record, and whoever had it is told of both', async () => {
    const incident = await world.open({ activities: hostNeeding().activities });
    await incident.until(({ pages }) => pages.length > 0, 'the first page');
    expect(await incident.refused({ kind: 'take-over', reason: ' ' })).toBe('to take over needs a reason');
    expect(await incident.act({ kind: 'take-over', reason: 'I am near' }, 'ops-primary')).toContain('yours until');
    expect(await incident.act({ kind: 'take-over', reason: 'my shift has begun' }, 'alice')).toContain("yours instead of ops-primary (cli)'s until");
    expect((await incident.view()).acknowledgement?.by).toMatchObject({ person: 'alice' });
    expect(await incident.refused({ kind: 'take-over', reason: 'again' })).toContain('alice has it already');
    await incident.signal('take-over', { reason: 'a stranger' });
    await incident.until(() => incident.told().length > 0, 'the notice');
    const [told] = world.sent.filter(({ key }) => key.startsWith(`${incident.start.id}/`) && key.includes('taken-over'));
    expect(told).toMatchObject({ person: { id: 'ops-primary' }, urgency: 'normal', text: expect.stringContaining('taken over by alice (cli): my shift has begun') as string });
    expect((await incident.story('acknowledge')).map((line) => line.replace(/ until [^ ]+Z/, ''))).toEqual(['0 acknowledge: took over: I am near', '0 acknowledge: took over from ops-primary (cli): my shift has begun']);
    expect(await incident.story('refused')).toEqual([expect.stringContaining('take-over needs a person that our server knows')]);
  });
});

describe('recovery', () => {
  it('that does not last through the watch pages what fell due meanwhile, once, and starts the next run', async () => {
    const host = curable();
    const incident = await world.open({ activities: host.activities });
    await incident.until((view) => view.state === 'watching', 'the watch');
    const before = incident.paged().length;
    await incident.pass(6);
    expect(incident.paged()).toHaveLength(before); // the secondary's 5 min have passed
    expect((await incident.view()).waitingFor).toBe('the watch');
    host.verdict = notYet;
    host.onCure = () => ({ outcome: 'failed', evidence: 'it does not help any more' });
    await incident.until((view) => view.runs.length === 2, 'the next run');
    expect(incident.paged().slice(before)).toEqual([expect.stringMatching(/^1\/0\.0-secondary ops-secondary @ [789]$/)]);
    const view = await incident.until(({ runs }) => runs[1]?.end !== undefined, 'the end of the next run');
    expect(view.runs.map(({ kind, end }) => [kind, end])).toEqual([['full', 'relapsed'], ['full', 'unrecovered']]);
    expect(await incident.story('state')).toEqual([expect.stringContaining('open → watching'), expect.stringContaining('watching → open')]);
  });

  it('by hand is noticed by the check of every 15 min', async () => {
    const host = hostNeeding();
    const incident = await world.open({ activities: host.activities });
    await incident.until((view) => view.runs[0]?.end === 'unrecovered', 'the end of the run');
    await incident.pass(16);
    const checked = await incident.until(({ runs }) => runs[1]?.end !== undefined, 'the check');
    expect(checked.runs[1]).toMatchObject({ kind: 'check', end: 'unrecovered' });
    host.verdict = over;
    await incident.pass(32);
    const view = await incident.until(({ state }) => state === 'closed', 'the close');
    expect(view.runs.map(({ kind, end }) => [kind, end])).toEqual([['full', 'unrecovered'], ['check', 'unrecovered'], ['check', 'recovered']]);
    expect(view.closedAs).toBe('recovered');
    expect(host.did).toEqual([]);
    expect(world.reports.get(incident.start.id)?.closedAs).toBe('recovered');
    // Everyone who was paged hears that it is over, once and without being asked for anything.
    expect(new Set(incident.told().map((told) => told.split(' ')[0]))).toEqual(new Set(view.pages.map(({ person }) => person)));
  });

  it("is not believed on a monitor's word: 'resolved' starts a check and nothing else; alerts are counted", async () => {
    const host = hostNeeding();
    const incident = await world.open({ activities: host.activities });
    await incident.until((view) => view.runs[0]?.end === 'unrecovered', 'the end of the run');
    await incident.alert();
    await incident.alert({ status: 'resolved' });
    const view = await incident.until(({ runs }) => runs[1]?.end !== undefined, 'the check');
    expect(view.runs[1]).toMatchObject({ kind: 'check', end: 'unrecovered' });
    expect(view.alerts).toMatchObject({ count: 3, lastStatus: 'resolved' });
    expect(view.state).toBe('open');
    await incident.alert();
    expect((await incident.view()).alerts).toMatchObject({ count: 4, lastStatus: 'firing' });
    expect(await incident.story('alert')).toEqual([
      '0 alert: Critical alert from test: It is broken',
      expect.stringContaining('says that it is resolved: it is checked'),
      expect.stringContaining('fires again'),
    ]);
  });

  it('is tried by itself in three runs at most, then only by a person', async () => {
    const host = curable();
    const incident = await world.open({ activities: host.activities });
    for (const run of [1, 2, 3]) {
      await incident.until((view) => view.runs.length === run && view.state === 'watching', `the watch of run ${run}`);
      host.verdict = notYet;
      await incident.until((view) => view.runs[run - 1]?.end === 'relapsed', `the relapse of run ${run}`);
    }
    await incident.pass(16);
    const view = await incident.until(({ runs }) => runs[3]?.end !== undefined, 'the check');
    expect(view.runs.map(({ kind }) => kind)).toEqual(['full', 'full', 'full', 'check']);
    expect(host.did).toHaveLength(3);
    expect(await incident.act({ kind: 'check', run: true })).toBe('a run starts');
    await incident.until(({ runs }) => runs[4]?.kind === 'full', 'the run that a person started');
    expect(await incident.refused({ kind: 'check' })).toContain('run 5 is going on');
  });
});

describe('a mitigated incident', () => {
  it('holds the ladder, offers what is left without expiry, and pages the highest due when it gets worse', async () => {
    const host = practiceHost();
    host.onCure = (what) => {
      if (what === 'Safe Cure') host.verdict = relieved;
      return { outcome: 'done', evidence: `${what} ran` };
    };
    const incident = await world.open({ activities: host.activities });
    const offered = await incident.until((view) => view.asks.length === 3, 'the offers');
    expect(offered.asks.map(({ act, expiresAt }) => [act, expiresAt]).toSorted()).toEqual([['Delete', null], ['Log Everyone Out', null], ['Restart', null]]);
    expect(offered.state).toBe('mitigated');
    expect(offered.nextPage).toBeUndefined();
    const before = incident.paged().length;
    await incident.pass(25);
    expect(incident.paged()).toHaveLength(before);
    expect((await incident.view()).asks.every(({ answer }) => answer === undefined)).toBe(true);
    host.verdict = notYet;
    // Its page is on its way when the state has turned.
    const worse = await incident.until(({ state, pages }) => state === 'open' && pages.at(-1)?.late === true, 'the turn for the worse, and its page');
    expect(worse.asks.every(({ expiresAt }) => expiresAt !== null)).toBe(true);
    expect(incident.paged().slice(before).map((page) => page.split(' ').slice(0, 2).join(' '))[0]).toBe('3/0.0 cto');
  });

  it('acts on an offer that somebody takes a day later, and closes a relieved disk after 24 h with a follow-up', async () => {
    const host = practiceHost();
    host.verdict = relieved;
    const incident = await world.open({ activities: host.activities, runs: 'diskSpaceCritical' });
    const { asks } = await incident.until((view) => view.asks.length === 3, 'the offers');
    await incident.pass(60 * 20);
    await incident.act({ kind: 'approve', ask: asks.find(({ act }) => act === 'Delete')?.id ?? '' });
    await incident.until(() => host.did.includes('Delete'), 'the act that was offered');
    await incident.pass(60 * 4 + 1);
    const view = await incident.until(({ state }) => state === 'closed', 'the close');
    expect(view.closedAs).toBe('relieved, not recovered');
    expect(view.followUps).toEqual([expect.stringContaining('relieved, not recovered'), expect.stringContaining('buy a bigger one'), 'Prevention: Practise more often']);
    expect(host.did.filter((did) => did === 'Delete')).toHaveLength(1);
  });

  it('reminds the primary once a day, for as long as it lasts', async () => {
    const host = practiceHost();
    host.verdict = relieved;
    const incident = await world.open({ activities: host.activities });
    await incident.until((view) => view.state === 'mitigated', 'mitigated');
    const before = incident.paged().length;
    await incident.pass(60 * 24 * 3 + 15);
    expect(incident.told().map((told) => told.replace(/\d$/, '')))
      .toEqual(['ops-primary @ 144', 'ops-primary @ 288', 'ops-primary @ 432']); // a few minutes after zero it was mitigated
    expect(incident.paged()).toHaveLength(before);
    expect((await incident.view()).state).toBe('mitigated');
    expect(await eventsOf(incident)).toBeLessThan(300); // it wakes up when something is due, and not all the time
    await incident.act({ kind: 'resolve', reason: 'the provider has it' });
  });
});

describe('closing', () => {
  it('by a person stops the run, refuses its question, takes back what is temporary and pages nothing more; a re-alert reopens it', async () => {
    const host = practiceHost();
    const incident = await world.open({ activities: host.activities });
    await incident.until((view) => view.asks.length === 1, 'the question');
    expect(await incident.refused({ kind: 'resolve', reason: '' })).toContain('needs a reason');
    expect(await incident.act({ kind: 'resolve', reason: 'a false alarm' })).toContain('closing');
    await incident.until(({ state }) => state === 'closed', 'the close');
    const pages = incident.paged().length;
    const closed = await incident.until(({ undos }) => undos[0]?.state === 'done', 'the undo');
    expect(closed).toMatchObject({ closedAs: 'resolved by a person', closeReason: 'a false alarm', waitingFor: 'nothing' });
    expect(closed.runs[0]?.end).toBe('stopped');
    expect(closed.asks[0]?.answer?.answer).toBe('withdrawn');
    expect(await incident.refused({ kind: 'approve', ask: '1.1' })).toContain('the incident is closed');
    await incident.pass(50);
    expect(host.did).toEqual(['Safe Cure', 'Temporary Cure', 'undo Temporary Cure']);
    expect(incident.paged()).toHaveLength(pages);

    await incident.alert();
    const again = await incident.until(({ runs }) => runs.length === 2, 'the second run');
    expect(again.incident.id).toBe(incident.start.id);
    expect(again.state).toBe('open');
    await incident.pass(5.1);
    expect(incident.paged().slice(pages).map((page) => page.split(' @')[0]).toSorted()).toEqual(
      ['1/1.0 infra', '1/1.0 ops-primary', '1/1.0-secondary ops-secondary'],
    );
    await incident.act({ kind: 'resolve', reason: 'a false alarm again' });
    await incident.until(({ state }) => state === 'closed', 'the second close');
    await incident.pass(61);
    await incident.handle.result();
    expect(await eventsOf(incident)).toBeLessThan(300);
    await expect(incident.alert()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  });

  it('by a person does not wait longer than a minute for a run that does not stop, and reopens without it', async () => {
    const host = hostNeeding('Safe Cure', 'Delete');
    let finish = (): void => undefined;
    host.onCure = () => new Promise((resolve) => (finish = () => resolve({ outcome: 'done', evidence: 'at last' })));
    const incident = await world.open({ activities: host.activities, start: { times: { ...standardTimes, stopWait: 1_000 } } });
    await incident.until(() => host.did.length === 1, 'the act that takes long');
    await incident.act({ kind: 'resolve', reason: 'enough' });
    const closed = await incident.until(({ state }) => state === 'closed', 'the close');
    expect(closed.runs[0]).toMatchObject({ end: 'failed', reason: 'it did not stop in time' });
    finish();
    const told = await incident.until(({ runs }) => runs[0]?.end === 'stopped', 'its last word');
    expect(told.runs[0]?.steps.flatMap(({ acts }) => acts).find(({ act }) => act === 'Safe Cure')?.outcome.kind).toBe('done');
    expect(host.did).toEqual(['Safe Cure']);
    host.onCure = () => ({ outcome: 'done', evidence: 'ran' });
    await incident.alert();
    await incident.until(() => host.did.length === 2, 'an act of the reopened incident');
    await incident.act({ kind: 'resolve', reason: 'done' });
  });
});

describe('flapping', () => {
  it('is recognised at the third reopening in an hour: paged as such, and from then on the ladder goes on', async () => {
    const host = hostNeeding();
    host.verdict = over;
    const incident = await world.open({ activities: host.activities });
    const recover = async (): Promise<void> => {
      await incident.until(({ state }) => state === 'watching', 'the watch');
      await incident.pass(11);
      await incident.until(({ state }) => state === 'closed', 'the close');
    };
    const reopen = async (): Promise<string[]> => {
      const before = incident.paged().length;
      await incident.alert();
      await incident.until(({ state }) => state === 'watching', 'the watch of the reopened incident');
      return incident.paged().slice(before).map((page) => page.split(' @')[0] ?? '').toSorted();
    };
    for (const cycle of [1, 2, 3]) {
      await recover();
      expect(await reopen()).toEqual([`1/${cycle}.0 infra`, `1/${cycle}.0 ops-primary`]);
    }
    expect(await incident.story('state')).toContainEqual(expect.stringMatching(/flapping: reopened 3 times within the hour/));
    await incident.act({ kind: 'acknowledge' });
    await recover();
    expect(await reopen()).toEqual([]);
    expect(await incident.story('state')).toContainEqual(expect.stringMatching(/reopened by .*it flaps: the ladder goes on/));
    // What is not resolved for good still escalates, at the times of the last beginning.
    await recover();
    expect(await reopen()).toEqual(['2/3.0 engineering-manager']);
  });
});

/** Of its latest execution. */
async function eventsOf(incident: TestIncident): Promise<number> {
  return (await incident.handle.describe()).historyLength;
}
