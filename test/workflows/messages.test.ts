import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

describe('what reaches an incident', () => {
  it('from the Temporal UI is recorded as unverified, and may do little', async () => {
    const incident = await world.open({ activities: practiceHost().activities });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    await incident.signal('acknowledge');
    await incident.signal('note', { text: 'I look at it' });
    await incident.signal('escalate', 'more eyes');
    await incident.signal('snooze', { minutes: 5, reason: 'tea' });
    await incident.signal('stop', { reason: 'tea' });
    await incident.signal('check');
    await incident.signal('undo', { undo: '1.2' });
    await incident.signal('resolve', { reason: 'tea' });
    await incident.signal('note', incident.sign({ kind: 'note', text: 'forged' }, { seed: new Uint8Array(32).fill(7), person: 'cto' }));
    await incident.signal('note', { text: '<b>late</b>' });
    const view = await incident.until(({ timeline }) => timeline.some(({ text }) => text === '<b>late</b>'), 'the note');
    expect(view.timeline.filter(({ actor }) => actor.kind === 'unverified').map(({ what, text }) => `${what}: ${text.split(':')[0]}`)).toEqual([
      expect.stringContaining('acknowledge: acknowledged until'),
      'note: I look at it',
      'escalate: escalated',
      'refused: snooze refused', 'refused: stop refused', 'refused: check refused', 'refused: undo refused', 'refused: resolve refused',
      'refused: note refused',
      'note: <b>late</b>',
    ]);
    expect(view.state).toBe('open');
    expect(view.acknowledgement?.by).toEqual({ kind: 'unverified', via: 'temporal' });
    await incident.until(() => incident.paged().some((page) => page.startsWith('2/0.0 engineering-manager')), 'the page');
  });

  it('twice under one id changes nothing the second time', async () => {
    const incident = await world.open({ activities: practiceHost().activities });
    const signed = incident.sign({ kind: 'escalate', reason: 'help' });
    await incident.until(({ level }) => level === 1, 'the first page'); // before it, the first level is the next one
    await incident.signal('escalate', signed);
    await incident.until(({ level }) => level === 2, 'the escalation');
    expect(await incident.handle.executeUpdate('escalate', { args: [signed] })).toEqual({ said: 'done before' });
    await incident.signal('escalate', signed);
    await incident.act({ kind: 'note', text: 'after it' });
    expect(await incident.story('escalate')).toHaveLength(1);
    expect((await incident.view()).level).toBe(2);
  });

  it('from an earlier incident under the same workflow id is dropped', async () => {
    const incident = await world.open({ activities: practiceHost().activities });
    await incident.until(({ asks }) => asks.length === 1, 'the question');
    const before = await incident.view();
    const foreign = { v: 1, incidentId: randomUUID(), run: 1, quietUntil: 0 };
    await incident.handle.signal('ended', { ...foreign, end: 'recovered', reason: 'not ours', triedToResolve: false, steps: [], found: [], done: [], followUps: [], usedUp: [] });
    await incident.handle.signal('found', { ...foreign, phase: 'proven', mode: 'dry-run', found: ['not ours'], done: [] });
    await incident.handle.signal('asks', { ...foreign, ask: { ...before.asks[0], id: '9.9' } });
    await incident.handle.signal('changed', { ...foreign, undo: { ...before.undos[0], id: '9.9' } });
    await incident.handle.signal('undone', { incidentId: foreign.incidentId, id: before.undos[0]?.id, state: 'failed', evidence: 'not ours' });
    const after = await incident.view();
    expect({ ...after, nextPage: undefined }).toEqual({ ...before, nextPage: undefined, timeline: after.timeline, pages: after.pages });
    expect(JSON.stringify(after)).not.toContain('not ours');
  });
});
