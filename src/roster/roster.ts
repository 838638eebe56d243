import { type Rotation, shiftAt } from './rotation.js';
import { roles as allRoles, type Role } from '../domain/runbook.js';

/** Somebody else has a role for a while; ms since the epoch, `until` excluded. */
export interface Override {
  role: Role;
  from: number;
  until: number;
  people: string[];
  reason?: string;
}

/** Who holds which role, by people's ids of the config, in the order in which they are paged. */
export interface Roster {
  roles: Partial<Record<Role, string[] | Rotation>>;
  /** Where two cover the same moment, the later in the list counts. */
  overrides?: readonly Override[];
}

/** People to page for a role. `standInFor` names the role if nobody holds it and the Escalation contact is paged instead. */
export interface Holders {
  people: string[];
  standInFor?: Role;
}

/** Who has a role at one moment, why, and until when if that is by the clock. */
export interface Turn {
  people: string[];
  by: 'list' | 'rotation' | 'override';
  /** Of an override. */
  reason?: string;
  /** The next moment at which the clock may change it, ms since the epoch. */
  until?: number;
}

/** The roles of RUNBOOKS.md, "Contact Information", by the ids of `standardPeople`. The Engineering Manager is the Escalation contact. */
export const standardRoles: Partial<Record<Role, string[]>> = {
  Primary: ['ops-primary'],
  Secondary: ['ops-secondary'],
  'Escalation contact': ['engineering-manager'],
  'Engineering Manager': ['engineering-manager'],
  CTO: ['cto'],
  'Database Administrator': ['dba'],
  'Infrastructure Team': ['infra'],
  'Infrastructure Engineer': ['infra'],
  'Infrastructure/DevOps Engineer': ['infra'],
  'Security Team': ['security'],
  'Security Engineer': ['security'],
};

/**
 * Who holds `role` at `at` (ms since the epoch); a pure function, so that a retry of a page finds the same people. Nobody:
 * the Escalation contact stands in. `people` is empty only if that role has no holder either, which the config refuses.
 */
export function holders(roster: Roster, role: Role, at: number): Holders {
  const { people } = turnAt(roster, role, at);
  if (people.length > 0) return { people };
  return { people: turnAt(roster, 'Escalation contact', at).people, standInFor: role };
}

/** Whose turn a role is at `at`, ms since the epoch; nobody's if the config names nobody. */
export function turnAt({ roles, overrides = [] }: Roster, role: Role, at: number): Turn {
  const own = overrides.filter((one) => one.role === role);
  const override = own.findLast(({ from, until }) => from <= at && at < until);
  const held = roles[role] ?? [];
  const shift = Array.isArray(held) ? undefined : shiftAt(held, at);
  const changes = [...own.flatMap(({ from, until }) => [from, until]), ...(shift ? [shift.until] : [])].filter((change) => change > at);
  const until = changes.length > 0 ? { until: Math.min(...changes) } : {};
  if (override) return { people: override.people, by: 'override', ...(override.reason !== undefined && { reason: override.reason }), ...until };
  return shift ? { people: shift.people, by: 'rotation', ...until } : { people: held as string[], by: 'list', ...until };
}

/** Every role that a person has at `at`, ms since the epoch; not those for which they would only stand in. */
export function rolesOf(roster: Roster, person: string, at: number): Role[] {
  return allRoles.filter((role) => turnAt(roster, role, at).people.includes(person));
}

/** The next moment at which other people have the role, and they; undefined if that is more than 400 turns away. */
export function nextHandOver(roster: Roster, role: Role, at: number): { at: number; turn: Turn } | undefined {
  const now = turnAt(roster, role, at);
  let { until } = now;
  for (let turns = 0; until !== undefined && turns < 400; turns += 1) {
    const turn = turnAt(roster, role, until);
    if (!samePeople(turn.people, now.people)) return { at: until, turn };
    until = turn.until;
  }
  return undefined;
}

/** The same ones, in the same order. */
export function samePeople(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((id, index) => id === others[index]);
}
