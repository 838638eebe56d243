import { utils as ed25519 } from '@noble/ed25519';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentView } from '../../src/domain/incident.js';
import type { StepOutcome } from '../../src/domain/step.js';
import { asked, ended } from '../support/moments.js';
import { hostNeeding, over, practiceHost } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

const outcomes = (view: IncidentView): Record<string, StepOutcome> =>
  Object.fromEntries(view.runs[0]?.steps.filter(({ phase }) => phase === 'resolve').flatMap(({ acts }) => acts.map(({ act, outcome }) => [act, outcome])) ?? []);

describe('a question', () => {
  it('shows everyone paged what would run, and an answer counts once, in time and from a person we know', async () => {
    const host = hostNeeding('Restart', 'Delete');
    const incident = await world.open({ activities: host.activities });
    const view = await asked(incident, 'Restart');
    expect(view.asks[0]).toMatchObject({ id: '1.1', command: 'cure Restart', host: incident.host, risk: 'disruptive', undo: 'take Restart back', evidence: 'Restart is needed' });
    expect(view.waitingFor).toBe('an approval');
    await incident.until(() => world.sent.filter(({ key }) => key.startsWith(`${incident.start.id}/ask/1.1/`)).length === 2, 'the messages');
    expect(await incident.refused({ kind: 'approve', ask: '7.7' })).toBe('there is no question 7.7; open: 1.1');

    const approval = { kind: 'approve', ask: '1.1' } as const;
    for (const foreign of [incident.sign(approval, { seed: ed25519.randomSecretKey() }), incident.sign(approval, { incidentId: 'another' }), { ...incident.sign(approval), person: 'mallory' }]) {
      expect(await incident.refused(foreign)).toContain('approve needs a person that our server knows');
    }
    await incident.signal('approve', { ask: '1.1' });
    const refused = await incident.until(({ timeline }) => timeline.filter(({ what }) => what === 'refused').length === 4, 'the refusals on record');
    expect(refused.timeline.at(-1)).toMatchObject({ actor: { kind: 'unverified' }, what: 'refused' });
    expect(host.did).toEqual([]);

    expect(await incident.act(approval)).toBe(`approved: Restart on ${incident.host}`);
    expect(await incident.refused(approval)).toContain('question 1.1 was approved by alice (cli)');
    await asked(incident, 'Delete');
    await incident.signal('decline', { reason: 'keep the data' });
    const over = await ended(incident);
    expect(outcomes(over)).toMatchObject({ Restart: { kind: 'done' }, Delete: { kind: 'skipped', reason: 'declined', detail: 'by via Temporal, unverified' } });
    expect(host.did).toEqual(['Restart']);
    expect(over.runs[0]?.steps.find(({ title }) => title === 'Restart')?.acts[0]?.approvedBy).toBe('alice (cli)');
  });

  it('that nobody answers expires: a destructive act is skipped, a disruptive one too while it is not down; one level is escalated', async () => {
    const host = hostNeeding('Restart', 'Delete');
    const incident = await world.open({ activities: host.activities });
    await asked(incident, 'Restart');
    await incident.pass(9.8);
    await asked(incident, 'Restart');
    await incident.pass(0.5);
    await asked(incident, 'Delete');
    expect(await incident.refused({ kind: 'approve', ask: '1.1' })).toContain('was expired');
    expect(incident.paged().filter((page) => page.startsWith('2/0'))).toEqual(['2/0.0 engineering-manager @ 10']);
    await incident.pass(10.5);
    const view = await ended(incident);
    expect(outcomes(view)).toMatchObject({ Restart: { kind: 'skipped', reason: 'expired' }, Delete: { kind: 'skipped', reason: 'expired' } });
    expect(host.did).toEqual([]);
    expect((await incident.story('escalate')).map((line) => line.split(': ').at(-1))).toEqual(['nobody answered 1.1', 'run 1 ended unrecovered']);
  });

  it.each([
    { name: 'goes ahead when it expires on a component that our own probe finds down', severity: 'Critical', acknowledge: false, did: ['Restart'] },
    { name: 'does not go ahead by itself below Critical', severity: 'High', acknowledge: false, did: [] },
    { name: 'does not go ahead by itself when somebody has acknowledged', severity: 'Critical', acknowledge: true, did: [] },
  ] as const)('$name', async ({ severity, acknowledge, did }) => {
    const host = Object.assign(hostNeeding('Restart'), { down: true });
    const incident = await world.open({ activities: host.activities, start: { severity } });
    await asked(incident, 'Restart');
    if (acknowledge) await incident.signal('acknowledge');
    await incident.pass(11);
    const view = await ended(incident);
    expect(host.did).toEqual(did);
    expect(outcomes(view)['Restart']).toMatchObject(did.length > 0 ? { kind: 'done' } : { kind: 'skipped', reason: 'expired' });
  });

  it('is followed by a second look: what is needless by then is not done', async () => {
    const host = hostNeeding('Restart', 'Delete');
    const incident = await world.open({ activities: host.activities });
    await asked(incident, 'Restart');
    host.needless.add('Restart');
    await incident.act({ kind: 'approve', ask: '1.1' });
    await asked(incident, 'Delete');
    host.verdict = over;
    await incident.act({ kind: 'approve', ask: '1.2' });
    const view = await ended(incident);
    expect(outcomes(view)).toMatchObject({
      Restart: { kind: 'skipped', reason: 'condition does not hold', detail: 'it is needless' },
      Delete: { kind: 'skipped', reason: 'already recovered' },
    });
    expect(host.did).toEqual([]);
  });
});

describe('what the config, the mode and the target allow', () => {
  it('is less than the runbook would do, by policy', async () => {
    const host = hostNeeding('Safe Cure', 'Delete', 'Restart');
    const incident = await world.open({ activities: host.activities, start: { automation: { 'practice/Safe Cure': 'ask', destructive: 'never', disruptive: 'as specified' } } });
    await asked(incident, 'Safe Cure');
    await incident.act({ kind: 'approve', ask: '1.1' });
    await asked(incident, 'Restart');
    await incident.act({ kind: 'decline', ask: '1.2' });
    const view = await ended(incident);
    expect(outcomes(view)).toMatchObject({ 'Safe Cure': { kind: 'done' }, Delete: { kind: 'skipped', reason: 'mode', detail: expect.stringContaining('the config forbids cure Delete') } });
  });

  it('is nothing on a target that is not clear, nor in observe-only', async () => {
    const host = practiceHost();
    const incident = await world.open({ activities: host.activities, alert: { targetIsClear: false } });
    const view = await ended(incident);
    expect(view.runs[0]?.end).toBe('observed');
    expect(view.mode).toBe('observe-only');
    expect(host.did).toEqual([]);
    await incident.pass(15.5);
    expect(incident.paged().filter((page) => page.startsWith('2/'))).toEqual(['2/0.0 engineering-manager @ 15']);
  });

  it('follows the kill switch, even between an answer and its act, and not a change that is forged or sent again', async () => {
    const host = hostNeeding('Restart');
    const incident = await world.open({ activities: host.activities });
    await asked(incident, 'Restart');
    await world.setMode('observe-only', 'practice');
    const on = await world.setMode('automatic', 'other');
    const switched = world.client.workflow.getHandle('mode');
    await switched.signal('set', { ...on, id: 'new', action: { ...on.action, scope: 'practice' } });
    await incident.act({ kind: 'approve', ask: '1.1' });
    const view = await ended(incident);
    expect(outcomes(view)['Restart']).toMatchObject({ kind: 'skipped', reason: 'mode', detail: 'observe-only since it was asked' });
    expect(host.did).toEqual([]);

    const dry = hostNeeding('Safe Cure', 'Delete');
    await world.setMode('dry-run', 'practice');
    const shown = await world.open({ activities: dry.activities });
    const end = await ended(shown);
    expect(end.runs[0]?.end).toBe('observed');
    expect(outcomes(end)).toMatchObject({
      'Safe Cure': { kind: 'skipped', reason: 'mode', detail: 'dry-run: would run cure Safe Cure (safe, at once)' },
      Delete: { kind: 'skipped', reason: 'mode', detail: 'dry-run: would run cure Delete (destructive, after approval)' },
    });
    const would = end.runs[0]?.steps.flatMap(({ acts }) => acts.flatMap(({ act, would: one }) => (one ? [[act, one]] : [])));
    expect(Object.fromEntries(would ?? [])).toEqual({
      'Safe Cure': { command: 'cure Safe Cure', approval: 'at once' },
      Delete: { command: 'cure Delete', approval: 'after approval' },
    });
    await shown.pass(31);
    expect(shown.paged().filter((page) => !page.startsWith('1/'))).toEqual([]);
    expect(await shown.story('page')).toEqual(expect.arrayContaining([expect.stringContaining('dry-run: would page'), expect.stringContaining('Level 3 CTO')]));
    expect(dry.did).toEqual([]);

    const back = await world.setMode('automatic', 'practice');
    await world.setMode('observe-only', 'practice');
    await switched.signal('set', back);
    const quiet = await world.open({ activities: hostNeeding('Safe Cure').activities });
    expect((await ended(quiet)).mode).toBe('observe-only');
    await world.setMode('automatic', 'practice');
  });
});
