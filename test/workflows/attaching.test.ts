import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { hostNeeding, over } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  // A real server: the test server lists nothing.
  world = await openWorld({ realTime: true });
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

/** A minute takes 400 ms; only how long a busy machine may take over an answer or a page is not scaled. */
const quick = { times: { ...scaled(standardTimes, 1 / 150), approvalExpires: 60_000, lateAfter: 5_000 } };
const inTheIndex = async (environment: string): Promise<void> => {
  await expect.poll(async () => {
    for await (const { memo } of world.client.workflow.list({ query: "WorkflowType = 'incident' AND ExecutionStatus = 'Running'" })) {
      if (memo?.['environment'] === environment) return true;
    }
    return false;
  }, { timeout: 10_000 }).toBe(true);
};

describe('a symptom of an open cause', { timeout: 90_000 }, () => {
  it('attaches before its first page, holds what disturbs, tells its findings there, and is checked when the cause closes', async () => {
    const diskHost = hostNeeding('Restart');
    const disk = await world.open({ activities: diskHost.activities, runs: 'diskSpaceCritical', environment: 'one', start: quick });
    await disk.until(({ asks }) => asks.length === 1, "the cause's question");
    await inTheIndex('one');

    const host = hostNeeding('Safe Cure', 'Restart');
    const symptom = await world.open({ activities: host.activities, runs: 'highErrorRate', environment: 'one', start: quick });
    await symptom.until(({ runs }) => runs[0]?.end !== undefined, "the symptom's run");
    const attached = await symptom.view();
    expect(attached.state).toBe('attached');
    expect(symptom.pages()).toEqual([]);
    expect(host.did).toEqual(['Safe Cure']);
    expect(attached.runs[0]?.steps.find(({ title }) => title === 'Restart')?.acts[0]?.outcome).toMatchObject({ kind: 'skipped', reason: 'held' });
    expect(await disk.story('found')).toEqual(expect.arrayContaining([expect.stringContaining('explains Practice on')]));

    host.verdict = over;
    await disk.act({ kind: 'resolve', reason: 'room was made by hand' });
    await symptom.until(({ state }) => state === 'closed', "the symptom's close");
    expect((await symptom.view()).closedAs).toBe('recovered');
    expect(symptom.pages()).toEqual([]);
  });

  it('is found by a cause that comes second, and stands alone with a new time zero when it outlives it', async () => {
    const host = hostNeeding('Restart');
    const symptom = await world.open({ activities: host.activities, runs: 'highErrorRate', environment: 'two', start: quick });
    await symptom.until(({ asks }) => asks.length === 1, "the symptom's question");
    await inTheIndex('two');

    const databaseHost = hostNeeding('Restart');
    const database = await world.open({ activities: databaseHost.activities, runs: 'databaseConnectionFailures', environment: 'two', start: quick });
    await symptom.until(({ state }) => state === 'attached', 'the attachment');
    const pagedBefore = symptom.paged().length;
    // The run went on with its question; what is approved now is held all the same.
    await symptom.act({ kind: 'approve', ask: '1.1' });
    await symptom.until(({ runs }) => runs[0]?.end !== undefined, "the run's end");
    expect(host.did).not.toContain('Restart');
    expect(symptom.paged()).toHaveLength(pagedBefore);

    await database.act({ kind: 'resolve', reason: 'it was mended by hand' });
    const alone = await symptom.until(({ state, runs }) => state === 'open' && runs.at(-1)?.kind === 'full' && runs.length > 2, 'a new run of its own');
    expect(alone.timeline.map(({ text }) => text)).toEqual(expect.arrayContaining([expect.stringContaining('detached from')]));
    await symptom.until(() => symptom.paged().some((page) => page.startsWith('1/1.0 ops-primary')), 'level 1 first, in a new cycle');
  });
});
