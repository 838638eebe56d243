import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { over, practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

describe('an incident, end to end on skipped time', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => world?.close());

  it('pages, diagnoses, cures with an approval, proves, watches, closes and reports', async () => {
    const host = practiceHost();
    host.onCure = (what) => {
      if (what === 'Restart') host.verdict = over;
      return { outcome: 'done', evidence: `${what} ran`, ...(what === 'Restart' ? { file: 'restart.txt' } : {}) };
    };
    const incident = await world.open({ activities: host.activities });
    await incident.until((view) => view.asks.length === 1, 'the question');
    expect(incident.pages()).toEqual(expect.arrayContaining(['ops-primary @ 0', 'infra @ 0']));
    expect(await incident.act({ kind: 'approve', ask: '1.1' })).toContain('approved: Restart');
    await incident.until((view) => view.state === 'watching', 'the watch');
    await incident.pass(11);
    await incident.until((view) => view.state === 'closed', 'the close');
    await incident.pass(0.1);
    const view = await incident.view();
    expect(view.closedAs).toBe('recovered');
    expect(view.timeline.filter(({ text }) => text.includes('whole output')).map(({ text }) => text)).toEqual(["Restart: its whole output is in the host's records, restart.txt"]);
    expect(host.did).toEqual(['Safe Cure', 'Temporary Cure', 'Restart', 'undo Temporary Cure']);
    expect(world.reports.get(incident.start.id)?.closedAs).toBe('recovered');
  });
});
