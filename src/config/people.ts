import { z } from 'zod';
import { standardRoles } from '../roster/roster.js';
import type { Roster } from '../roster/roster.js';
import { roles } from '../domain/runbook.js';
import type { Role } from '../domain/runbook.js';
import type { QuietHours } from '../roster/quiet-hours.js';
import type { Pace } from '../channels/paced.js';
import { contact } from './contacts.js';
import type { Contact } from './contacts.js';
import { pace } from './pace.js';
import { quietHours } from './quiet-hours.js';
import type { ParsedSections } from './schema.js';
import type { SecretValues } from './secret-values.js';
import type { Secret } from './secret.js';
import { email, name } from './values.js';

/** Somebody who can be paged and, with a token, act through the API. */
export interface Person {
  id: string;
  name: string;
  /** The first mail address of `contacts`. */
  email?: string;
  /** In the order in which they are tried; at least one. */
  contacts: Contact[];
  quietHours?: QuietHours;
  pace?: Pace;
  token?: Secret;
}

/** The section `people`, by name. */
export function peopleSection({ token }: Pick<SecretValues, 'token'>) {
  const person = z.strictObject({
    name: z.string().min(1).max(100).optional(),
    /** Shorthand for the first contact. */
    email: email.optional(),
    /** Ways to reach this person, in order. */
    contacts: z.array(contact).default([]),
    /** Pages of Medium incidents wait for their end. */
    quietHours: quietHours.optional(),
    /** How fast pages may come, by each channel. */
    pace: pace.optional(),
    token: token.optional(),
    roles: z.array(z.enum(roles)).default([]),
  });
  return z.record(name, person).default({});
}

/** RUNBOOKS.md, "Contact Information", used where the file names nobody. */
export const standardPeople: Record<string, { name: string; email: string }> = {
  'ops-primary': { name: 'Primary on-call', email: 'ops-primary@example.com' },
  'ops-secondary': { name: 'Secondary on-call', email: 'ops-secondary@example.com' },
  'engineering-manager': { name: 'Engineering Manager', email: 'engineering-manager@example.com' },
  dba: { name: 'Database', email: 'dba@example.com' },
  infra: { name: 'Infrastructure', email: 'infra@example.com' },
  security: { name: 'Security', email: 'security@example.com' },
  cto: { name: 'CTO', email: 'cto@example.com' },
};

/** The people of the file over the standard ones, by id: a field that the file leaves out keeps its standard value. */
export function peopleOf(section: ParsedSections['people']): Record<string, Person> {
  const ids = new Set([...Object.keys(standardPeople), ...Object.keys(section)]);
  return Object.fromEntries(Array.from(ids, (id) => [id, personOf(id, section[id])]));
}

function personOf(id: string, entry?: ParsedSections['people'][string]): Person {
  const standard = Object.hasOwn(standardPeople, id) ? standardPeople[id] : undefined;
  const given: Contact[] = [...(entry?.email ? [{ email: entry.email }] : []), ...(entry?.contacts ?? [])];
  const contacts: Contact[] = given.length > 0 ? given : standard ? [{ email: standard.email }] : [];
  const address = contacts.find((contact) => contact.email !== undefined)?.email;
  return {
    id,
    name: entry?.name ?? standard?.name ?? id,
    ...(address !== undefined && { email: address }),
    contacts,
    ...(entry?.quietHours && { quietHours: entry.quietHours }),
    ...(entry?.pace && { pace: entry.pace }),
    ...(entry?.token && { token: entry.token }),
  };
}

/**
 * Roles of the file (`roles`, and `people.*.roles`) over the standard ones: a role that the file mentions is wholly the
 * file's. A person's own `roles` add to a list, not to a rotation.
 */
export function rosterOf({ roles: section, people, overrides }: Pick<ParsedSections, 'roles' | 'people' | 'overrides'>): Roster {
  const heldBy = (role: Role): Roster['roles'][Role] => {
    const given = section[role];
    if (given && !Array.isArray(given)) return given;
    const byPerson = Object.entries(people).flatMap(([id, person]) => (person.roles.includes(role) ? [id] : []));
    return given || byPerson.length > 0 ? [...new Set([...(given ?? []), ...byPerson])] : standardRoles[role];
  };
  return { roles: Object.fromEntries(roles.flatMap((role) => (heldBy(role) ? [[role, heldBy(role)]] : []))), overrides };
}
