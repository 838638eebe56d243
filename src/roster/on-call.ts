import type { Person } from '../config/people.js';
import type { Role } from '../domain/runbook.js';
import { holders, nextHandOver, type Roster, turnAt } from './roster.js';

/** Who is paged for a role at one moment, as people read it. Times in ms since the epoch. */
export interface OnCall {
  role: Role;
  /** Empty if not even the Escalation contact has a holder. */
  people: { id: string; name: string }[];
  by: 'list' | 'rotation' | 'override' | 'standing in';
  reason?: string;
  next?: { at: number; people: { id: string; name: string }[] };
}

/** The same people that a page of that moment would go to. */
export function onCall({ roster, people }: { roster: Roster; people: Readonly<Record<string, Pick<Person, 'name'>>> }, role: Role, at: number): OnCall {
  const named = (ids: string[]): OnCall['people'] => ids.map((id) => ({ id, name: people[id]?.name ?? id }));
  const { people: paged, standInFor } = holders(roster, role, at);
  const { by, reason } = turnAt(roster, role, at);
  const next = nextHandOver(roster, role, at);
  return {
    role,
    people: named(paged),
    by: standInFor === undefined ? by : 'standing in',
    ...(reason !== undefined && { reason }),
    ...(next && { next: { at: next.at, people: named(next.turn.people) } }),
  };
}
