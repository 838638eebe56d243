import { duration, utc } from '../channels/moment.js';
import type { PagePart } from '../domain/ladder.js';
import type { PageRequest, Waited } from '../domain/page.js';
import type { Role } from '../domain/runbook.js';

/** One person who is to hear of a request, once, with the key that stays the same for every attempt. */
export interface Recipient {
  person: string;
  key: string;
  /** Their roles in it: `CTO (level 2), Primary (level 1)`; with the role they stand in for. */
  why: string;
  /** The highest part that reaches them; pages only. */
  part?: PagePart;
  escalatedToYou: boolean;
  /** The one way for this copy; any of the person's if absent. */
  way?: string;
}

/** Who holds a role at a moment (ms since the epoch); `standInFor` is set if they are only the Escalation contact in its place. */
export type Holders = (role: Role, at: number) => Holding | Promise<Holding>;
/** The people of a role, by id. */
export interface Holding {
  people: string[];
  standInFor?: Role | undefined;
}

interface RecipientSources {
  holders: Holders;
  /** False for somebody whom the config gives no address on any channel. */
  reachable: (person: string) => boolean;
}

const contact: Role = 'Escalation contact';

/** Stands for a request that reaches no person at all; it goes to the log. */
export const nobody = 'nobody';

/**
 * Everyone who is to hear of a request, each once whatever their roles, highest level first in their `why`. A role without a
 * reachable holder falls back to the Escalation contact. Never empty: the person is `nobody` if there is none. `problems`
 * are lines for the timeline. A repeat with the same request finds the same people, since roles are looked up as of the due moment.
 */
export async function recipientsOf(request: PageRequest, sources: RecipientSources): Promise<{ recipients: Recipient[]; problems: string[] }> {
  const problems = new Set<string>();
  const reached = new Map<string, { labels: string[]; parts: PagePart[] }>();
  const dueAt = request.kind === 'page' ? request.due.dueAt : request.dueAt;

  const add = (person: string, label: string, part?: PagePart): void => {
    const entry = reached.get(person) ?? { labels: [], parts: [] };
    if (!entry.labels.includes(label)) entry.labels.push(label);
    if (part !== undefined && !entry.parts.includes(part)) entry.parts.push(part);
    reached.set(person, entry);
  };
  const addRole = async (role: Role, part?: PagePart): Promise<void> => {
    const suffix = part === undefined ? '' : ` (${part.level === 'last resort' ? part.level : `level ${part.level}`})`;
    const found = await reachableHolders(role, dueAt, sources, problems);
    for (const person of found.people) add(person, found.standsIn ? `${contact}, standing in for ${role}${suffix}` : `${role}${suffix}`, part);
  };

  if (request.kind === 'page') {
    // Highest level first, so that it leads in `why` and gives the key.
    const parts = request.due.parts.toSorted((a, b) => rank(b) - rank(a));
    for (const part of parts) for (const role of part.roles) await addRole(role, part);
  } else {
    for (const person of request.people) {
      if (person === nobody) continue;
      if (sources.reachable(person)) add(person, 'you were paged for this incident');
      else problems.add(`${person} has no address on any channel`);
    }
    if (request.kind === 'notice') for (const role of request.roles) await addRole(role as Role);
    if (reached.size === 0) await addRole(contact);
  }

  if (reached.size === 0) {
    problems.add('NOBODY was told: no role of this page, and no Escalation contact, has a person with an address; it is only in the log');
    add(nobody, 'the reader of this log, since no person could be found', request.kind === 'page' ? request.due.parts.toSorted((a, b) => rank(b) - rank(a))[0] : undefined);
  }
  const waited = request.kind === 'page' ? request.waited : undefined;
  const after = waited?.after;
  const recipients = [...reached].map(([person, { labels, parts }]): Recipient => {
    const [part] = parts;
    const levels = new Set(parts.map(({ level }) => level));
    return {
      person,
      key: `${request.incident.id}/${subjectOf(request, part)}/${person}${after === undefined ? '' : `/after-${after / 1_000}s`}`,
      why: [...labels, ...(waited ? [waitedInWords(waited)] : [])].join(', '),
      ...(part === undefined ? {} : { part }),
      escalatedToYou: levels.size > 1,
    };
  });
  return { recipients, problems: [...problems] };
}

async function reachableHolders(role: Role, at: number, sources: RecipientSources, problems: Set<string>): Promise<{ people: string[]; standsIn: boolean }> {
  const holding = await sources.holders(role, at);
  const people = holding.people.filter((person) => {
    const can = sources.reachable(person);
    if (!can) problems.add(`${person}, who holds ${role}, has no address on any channel`);
    return can;
  });
  const standsIn = holding.standInFor !== undefined;
  if (standsIn) problems.add(`nobody holds ${role}: the ${contact} is told instead`);
  if (people.length > 0 || role === contact || standsIn) return { people, standsIn };
  problems.add(`nobody who can be reached holds ${role}: the ${contact} is told instead`);
  const { people: contacts } = await sources.holders(contact, at);
  return { people: contacts.filter((person) => sources.reachable(person)), standsIn: true };
}

function subjectOf(request: PageRequest, part: PagePart | undefined): string {
  switch (request.kind) {
    case 'page':
      return `${part?.level ?? 'page'}/${part?.round ?? '0'}`;
    case 'ask':
      return `ask/${request.asks.map(({ id }) => id)[0] ?? 'none'}`;
    case 'notice':
      return request.subject;
  }
}

function waitedInWords({ after, until, past }: Waited): string {
  if (past) return `not reached by ${past.join(', ')}`;
  return after === undefined ? `held until ${utc(until)} for your quiet hours` : `not acknowledged for ${duration(after)}`;
}

function rank({ level }: PagePart): number {
  return level === 'last resort' ? Number.POSITIVE_INFINITY : level;
}
