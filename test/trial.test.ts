import { describe, expect, it } from 'vitest';
import type { IncidentView, RunRecord } from '../src/domain/incident.js';
import type { ActReport } from '../src/domain/step.js';
import { trialOf } from '../src/trial.js';
import { at, delivery, incidentView, openedAt } from './support/incident-view.js';

const window = { since: openedAt - 1_000, until: at(60 * 24) };

const skipped = (act: string, more: Partial<ActReport> = {}): ActReport => ({
  act,
  risk: 'destructive',
  outcome: { kind: 'skipped', reason: 'mode', detail: 'observe-only: would run it' },
  startedAt: at(1),
  endedAt: at(1),
  ...more,
});
const sessions = skipped('Delete all sessions', { would: { command: 'rm -rf sessions/*', approval: 'after approval' } });
const logs = skipped('Delete logs older than 7 days', { would: { command: 'find -mtime +7 -delete', approval: 'at once' } });
const run = (n: number, ...acts: ActReport[]): RunRecord => ({
  n,
  kind: 'full',
  workflowId: `x/run/${n}`,
  startedAt: at(0),
  quietUntil: at(9),
  phase: 'ended',
  steps: [{ title: 'Clear Files', phase: 'resolve', acts }],
});
const watched = (change: Partial<IncidentView> = {}): IncidentView => incidentView({ mode: 'observe-only', closedAs: 'recovered', closedAt: at(30), runs: [run(1, logs, sessions)], ...change });

async function* each(...views: (IncidentView | 'unreadable')[]): AsyncGenerator<IncidentView | 'unreadable'> {
  yield* views;
}

describe('a trial', () => {
  it('tells each act that the mode alone held back, with its command, and whether a person would have been asked', async () => {
    const { runbooks } = await trialOf(each(watched()), window);
    expect(runbooks).toMatchObject([{ runbook: 'diskSpaceCritical', title: 'Disk Space Critical', incidents: 1 }]);
    expect(runbooks[0]?.would).toEqual([
      { step: 'Clear Files', act: 'Delete logs older than 7 days', risk: 'destructive', command: 'find -mtime +7 -delete', approval: 'at once', incidents: 1 },
      { step: 'Clear Files', act: 'Delete all sessions', risk: 'destructive', command: 'rm -rf sessions/*', approval: 'after approval', incidents: 1 },
    ]);
  });

  it('counts an act once for each incident, however many runs would have done it', async () => {
    const { runbooks } = await trialOf(each(watched({ runs: [run(1, logs), run(2, logs)] }), watched()), window);
    expect(runbooks[0]?.would.map(({ act, incidents }) => [act, incidents])).toEqual([
      ['Delete logs older than 7 days', 2],
      ['Delete all sessions', 1],
    ]);
  });

  it('leaves out what was not held back by the mode', async () => {
    const notNeeded = skipped('Archive', { outcome: { kind: 'skipped', reason: 'condition does not hold', detail: 'nothing is old' } });
    expect((await trialOf(each(watched({ runs: [run(1, notNeeded)] })), window)).runbooks).toMatchObject([{ incidents: 1, would: [] }]);
  });

  it('says how incidents ended by themselves, and how soon somebody was paged', async () => {
    const open = watched({ state: 'open', pages: [] });
    delete open.closedAs;
    delete open.closedAt;
    const views = [watched(), watched({ closedAt: at(50) }), watched({ closedAt: at(40), pages: [delivery({ acceptedAt: at(3) })] }), open];
    const { runbooks } = await trialOf(each(...views), window);
    expect(runbooks[0]).toMatchObject({
      incidents: 4,
      ended: [
        { as: 'recovered', incidents: 3, median: 40 * 60_000 },
        { as: 'open', incidents: 1 },
      ],
      toPage: { median: 2_000, longest: 180_000 },
    });
    expect(runbooks[0]?.ended[1]).not.toHaveProperty('median');
  });

  it('counts automatic incidents, and says nothing of them', async () => {
    expect(await trialOf(each(incidentView()), window)).toMatchObject({ incidents: 1, runbooks: [] });
  });

  it('is about incidents that were opened in its time, and names what it could not read', async () => {
    const early = watched({ incident: { ...incidentView().incident, openedAt: window.since - 1 } });
    expect(await trialOf(each(early, 'unreadable'), window)).toMatchObject({ incidents: 0, unreadable: 1, runbooks: [] });
  });
});
