import type { Role } from './runbook.js';

/** Who holds which role, by people's ids of the config, in the order in which they are paged. */
export interface Roster {
  roles: Partial<Record<Role, string[]>>;
}

/** People to page for a role. `standInFor` names the role if nobody holds it and the Escalation contact is paged instead. */
export interface Holders {
  people: string[];
  standInFor?: Role;
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
export function holders(roster: Roster, role: Role, _at: number): Holders {
  const people = roster.roles[role] ?? [];
  if (people.length > 0) return { people };
  return { people: roster.roles['Escalation contact'] ?? [], standInFor: role };
}
