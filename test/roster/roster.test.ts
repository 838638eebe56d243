import { describe, expect, it } from 'vitest';
import { onCall } from '../../src/roster/on-call.js';
import { holders, nextHandOver, type Roster, rolesOf, turnAt } from '../../src/roster/roster.js';

const at = (iso: string): number => Date.parse(iso);
const roster: Roster = {
  roles: {
    Primary: { shifts: [['alice'], ['bob']], handOver: { weekday: 1, hour: 9, minute: 0 }, zone: 'UTC', since: '2026-11-02' },
    Secondary: ['bob', 'carol'],
    CTO: [],
    'Escalation contact': ['dave'],
  },
  overrides: [
    { role: 'Primary', from: at('2026-11-04T00:00Z'), until: at('2026-11-10T00:00Z'), people: ['carol'], reason: 'swap' },
    { role: 'Primary', from: at('2026-11-05T00:00Z'), until: at('2026-11-06T00:00Z'), people: ['dave'] },
    { role: 'Secondary', from: at('2026-11-04T00:00Z'), until: at('2026-11-05T00:00Z'), people: ['alice'] },
  ],
};
const turns = (role: 'Primary' | 'Secondary', from: string, count: number): string[] => {
  const found: string[] = [];
  for (let moment: number | undefined = at(from); moment !== undefined && found.length < count; ) {
    const turn = turnAt(roster, role, moment);
    found.push(`${new Date(moment).toISOString().slice(5, 16)} ${turn.people.join('+')} ${turn.by}`);
    moment = turn.until;
  }
  return found;
};

describe('the roster', () => {
  it('gives somebody the roles of their turn, and none for which they would only stand in', () => {
    expect([rolesOf(roster, 'carol', at('2026-11-03T12:00Z')), rolesOf(roster, 'carol', at('2026-11-04T12:00Z')), rolesOf(roster, 'dave', at('2026-11-03T12:00Z'))]).toEqual([['Secondary'], ['Primary'], ['Escalation contact']]);
  });

  it('follows the rotation, and overrides for their span only, the later one where two overlap', () => {
    expect(turns('Primary', '2026-11-02T09:00Z', 7)).toEqual([
      '11-02T09:00 alice rotation',
      '11-04T00:00 carol override',
      '11-05T00:00 dave override',
      '11-06T00:00 carol override',
      '11-09T09:00 carol override',
      '11-10T00:00 bob rotation',
      '11-16T09:00 alice rotation',
    ]);
    expect(turns('Secondary', '2026-11-02T09:00Z', 9)).toEqual(['11-02T09:00 bob+carol list', '11-04T00:00 alice override', '11-05T00:00 bob+carol list']);
  });

  it('finds the next moment at which somebody else has it, past hand-overs that change nobody', () => {
    expect(nextHandOver(roster, 'Primary', at('2026-11-06T12:00Z'))).toMatchObject({ at: at('2026-11-10T00:00Z'), turn: { people: ['bob'] } });
    expect(nextHandOver(roster, 'Secondary', at('2026-12-01T00:00Z'))).toBeUndefined();
    expect(nextHandOver({ roles: { Primary: { ...(roster.roles.Primary as object), shifts: [['alice']] } as never } }, 'Primary', at('2026-11-06T12:00Z'))).toBeUndefined();
  });

  it('pages the Escalation contact for a role without a holder, and says so', () => {
    expect(holders(roster, 'CTO', at('2026-11-06T00:00Z'))).toEqual({ people: ['dave'], standInFor: 'CTO' });
    expect(holders(roster, 'Backend Engineer', 0)).toEqual({ people: ['dave'], standInFor: 'Backend Engineer' });
    expect(holders(roster, 'Primary', at('2026-11-03T00:00Z'))).toEqual({ people: ['alice'] });
  });

  it('is shown with names, reasons and the next hand-over', () => {
    const config = { roster, people: { alice: { name: 'Alice' }, carol: { name: 'Carol' } } };
    expect(onCall(config, 'Primary', at('2026-11-04T12:00Z'))).toEqual({
      role: 'Primary', people: [{ id: 'carol', name: 'Carol' }], by: 'override', reason: 'swap', next: { at: at('2026-11-05T00:00Z'), people: [{ id: 'dave', name: 'dave' }] },
    });
    expect(onCall(config, 'CTO', 0)).toEqual({ role: 'CTO', people: [{ id: 'dave', name: 'dave' }], by: 'standing in' });
  });
});
