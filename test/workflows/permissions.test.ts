import { utils as ed25519 } from '@noble/ed25519';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Permissions } from '../../src/domain/permissions.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { asked, ended } from '../support/moments.js';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterEach(async () => world.endIncidents());
afterAll(async () => world?.close());

const reports = (view: IncidentView) => view.runs[0]?.steps.filter(({ phase }) => phase === 'resolve').flatMap(({ acts }) => acts) ?? [];
const none: Permissions = { twoPeople: [], ownRequests: 'refused' };

describe('an incident with permissions', () => {
  it('judges by the roles that our server signed, and by nothing that anybody else adds', async () => {
    const host = hostNeeding('Restart', 'Delete');
    const permissions: Permissions = { ...none, decline: ['Primary'], approve: { disruptive: ['Primary'], destructive: ['CTO'] } };
    const incident = await world.open({ activities: host.activities, start: { permissions } });
    await asked(incident, 'Restart');
    const approval = { kind: 'approve', ask: '1.1' } as const;
    expect(await incident.refused(incident.sign(approval, { roles: ['CTO'] }))).toBe('to approve a disruptive act is left to Primary by the config, and alice is none of them');
    expect(await incident.refused({ ...incident.sign(approval, { roles: ['CTO'] }), roles: ['Primary'] })).toContain('approve needs a person that our server knows');
    expect(await incident.refused(incident.sign(approval, { roles: ['Primary'], seed: ed25519.randomSecretKey() }))).toContain('approve needs a person that our server knows');
    await incident.signal('decline', { ask: '1.1' });
    const view = await incident.until(({ timeline }) => timeline.some(({ text }) => text.startsWith('decline refused')), 'the refusal on record');
    expect(view.timeline.at(-1)).toMatchObject({ actor: { kind: 'unverified' }, text: 'decline refused: decline is left to Primary by the config' });
    expect(host.did).toEqual([]);

    await incident.act(approval, 'alice', ['Primary']);
    await asked(incident, 'Delete');
    await incident.act({ kind: 'approve', ask: '1.2' }, 'carol', ['CTO']);
    await ended(incident);
    expect(host.did).toEqual(['Restart', 'Delete']);
  });

  it('lets nobody approve what a run of their own asks, and everybody what an incident asks that they opened', async () => {
    const host = hostNeeding('Restart');
    const incident = await world.open({ activities: host.activities, start: { permissions: none }, alert: { labels: { opened_by: 'alice' } } });
    await asked(incident, 'Restart');
    await incident.act({ kind: 'approve', ask: '1.1' }, 'alice', []);
    await ended(incident);
    await incident.act({ kind: 'check', run: true }, 'bob', []);
    const view = await asked(incident, 'Restart');
    expect(view.asks.at(-1)).toMatchObject({ id: '2.1', requestedBy: 'bob' });
    expect(await incident.refused(incident.sign({ kind: 'approve', ask: '2.1' }, { person: 'bob', roles: ['CTO'] }))).toBe('bob asked for the run that asks 2.1: somebody else has to approve');
    expect(await incident.act({ kind: 'approve', ask: '2.1' }, 'alice', [])).toContain('approved');
  });

  it('waits for a second person where two have to approve, and names both', async () => {
    const host = hostNeeding('Restart', 'Delete');
    const incident = await world.open({ activities: host.activities, start: { permissions: { ...none, twoPeople: ['destructive'] } } });
    await asked(incident, 'Restart');
    await incident.act({ kind: 'approve', ask: '1.1' }, 'alice', []);
    await asked(incident, 'Delete');
    expect(await incident.act({ kind: 'approve', ask: '1.2' }, 'alice', [])).toContain('still waits for a second person');
    expect(await incident.refused(incident.sign({ kind: 'approve', ask: '1.2' }, { roles: [] }))).toBe('alice has approved question 1.2 already: it takes a second person');
    const view = await incident.view();
    expect(view.asks.at(-1)).toMatchObject({ needsTwoPeople: true, first: { by: { person: 'alice' } } });
    expect(host.did).toEqual(['Restart']);
    await incident.act({ kind: 'approve', ask: '1.2' }, 'bob', []);
    const over = await ended(incident);
    expect(host.did).toEqual(['Restart', 'Delete']);
    expect(reports(over).find(({ act }) => act === 'Delete')?.approvedBy).toBe('alice (cli) and bob (cli)');
  });

  it('skips what only one of two has approved when the time is over', async () => {
    const host = hostNeeding('Delete');
    const incident = await world.open({ activities: host.activities, start: { permissions: { ...none, twoPeople: ['destructive'] } } });
    await asked(incident, 'Delete');
    await incident.act({ kind: 'approve', ask: '1.1' }, 'alice', []);
    await incident.pass(10.5);
    const view = await ended(incident);
    expect(reports(view).find(({ act }) => act === 'Delete')?.outcome).toMatchObject({ kind: 'skipped', reason: 'expired' });
    expect(host.did).toEqual([]);
  });

  it('keeps what our server forbade on record, each once and never so many that they are all of it', async () => {
    const incident = await world.open({ start: { permissions: none } });
    await incident.until(({ timeline }) => timeline.length > 0, 'the opening');
    const refusal = incident.sign({ kind: 'refusal', of: 'resolve', why: 'it is left to CTO' });
    await incident.handle.signal('refusal', refusal);
    await incident.handle.signal('refusal', refusal);
    await incident.handle.signal('refusal', { ...refusal, id: 'x' });
    await incident.handle.signal('refusal', incident.sign({ kind: 'refusal', of: 'resolve', why: 'forged' }, { seed: ed25519.randomSecretKey() }));
    const refused = async () => (await incident.view()).timeline.filter(({ what }) => what === 'refused').map(({ text }) => text);
    expect(await refused()).toEqual(['resolve refused: it is left to CTO']);
    for (let n = 1; n <= 60; n += 1) await incident.handle.signal('refusal', incident.sign({ kind: 'refusal', of: 'stop', why: `try ${n}` }));
    await incident.until(async () => (await refused()).at(-1) === 'stop refused: try 60', 'the last refusal');
    expect(await refused()).toHaveLength(40);
    expect((await refused())[0]).toBe('resolve refused: it is left to CTO');
  });
});
