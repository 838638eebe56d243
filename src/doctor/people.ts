import type { Config } from '../config.js';
import type { Check, Examination, Holding, PagedLevel } from '../domain/doctor.js';
import { nextPage, openLadder, pagedNow, type LadderPolicy, type LevelName } from '../domain/ladder.js';
import type { Ladder, Role } from '../domain/runbook.js';
import { roles as allRoles } from '../domain/runbook.js';
import type { Severity } from '../domain/severity.js';
import { holders, samePeople, turnAt } from '../roster/roster.js';

type PeopleConfig = Pick<Config, 'people' | 'roster' | 'times'> & Partial<Pick<Config, 'tokens'>>;
interface Paging {
  type: string;
  title: string;
  severity: Severity;
  ladder: Ladder;
}

interface Ahead {
  at: number;
  until: number;
  config: PeopleConfig;
}

/** Who would be paged by which runbook, and who holds each role from `at` until `until` (ms since the epoch), with what is wrong about it. */
export function examinePeople(runbooks: readonly Paging[], { at, until, config }: Ahead): Pick<Examination, 'runbooks' | 'roster'> & { checks: Check[] } {
  const paged = runbooks.map(({ type, title, severity, ladder }) => ({ runbook: type, title, severity, told: ladder.told, levels: levelsOf({ severity, ladder, times: config.times }) }));
  const needed = new Set(paged.flatMap(({ told, levels }) => [...told, ...levels.flatMap(({ roles }) => roles.map(({ role }) => role))]));
  const roster = allRoles.filter((role) => needed.has(role)).map((role) => ({ role, held: heldFrom(role, { at, until, config }) }));
  return {
    runbooks: paged.map(({ told: _, ...rest }) => rest),
    roster,
    checks: [...roster.flatMap(({ role, held }) => ofRole(role, held, at, until)), ...sameTwice(roster, at, until), ...ofPersons(roster, config)],
  };
}

/** The ladder's own pages, if nobody acknowledges, until the last resort has begun. */
function levelsOf(policy: LadderPolicy): PagedLevel[] {
  const levels = new Map<LevelName, PagedLevel>();
  let state = openLadder(policy, 0);
  for (let now = 0, ended = false; !ended; ) {
    const next = nextPage(policy, state, now);
    if (!next) break;
    now = Math.max(now, next.at);
    for (const { level, roles } of next.page.parts) {
      const known = levels.get(level) ?? { level, roles: [] };
      levels.set(level, known);
      for (const role of roles) if (!known.roles.some((one) => one.role === role)) known.roles.push({ role, afterMs: next.page.dueAt });
      ended ||= level === 'last resort';
    }
    state = pagedNow(policy, state, next.page, now);
  }
  return [...levels.values()];
}

/** A role falls back to the Escalation contact, so what changes there counts too. */
function heldFrom(role: Role, { at, until, config }: Ahead): Holding[] {
  const spans: Holding[] = [];
  const reachable = (id: string): boolean => (config.people[id]?.contacts.length ?? 0) > 0;
  for (let from = at; from < until; ) {
    const { people, standInFor } = holders(config.roster, role, from);
    const changes = [role, 'Escalation contact' as const].map((one) => turnAt(config.roster, one, from).until ?? until);
    const end = Math.min(until, ...changes);
    // As a page finds them: somebody without an address is passed over.
    const reached = people.filter(reachable);
    const standsIn = standInFor !== undefined || reached.length === 0;
    const next = { people: reached.length > 0 ? reached : holders(config.roster, 'Escalation contact', from).people.filter(reachable), standsIn };
    const last = spans.at(-1);
    if (last && last.standsIn === next.standsIn && samePeople(last.people, next.people)) last.until = end;
    else spans.push({ from, until: end, ...next });
    from = end;
  }
  return spans;
}

/** Where a role has nobody. For all of the time that is a role without a holder, for a part of it a gap. */
function ofRole(role: Role, held: Holding[], at: number, until: number): Check[] {
  const vacant = held.filter(({ people, standsIn }) => standsIn || people.length === 0);
  const check = (says: string): Check => ({ area: 'people', subject: role, state: 'finding', says, remedy: `roles or people of the config: who is ${role}?` });
  const instead = ({ people }: Holding): string => (people.length > 0 ? `the Escalation contact is paged instead: ${people.join(', ')}` : 'and no Escalation contact can be paged instead');
  if (vacant.length === 0) return [{ area: 'people', subject: role, state: 'ok', says: `held: ${[...new Set(held.flatMap(({ people }) => people))].join(', ')}` }];
  const [first] = vacant;
  if (first && first.from === at && first.until === until) return [check(`nobody holds it; ${instead(first)}`)];
  return vacant.map((span) => check(`nobody holds it from ${time(span.from)} to ${time(span.until)}; ${instead(span)}`));
}

/** A secondary who is the primary is nobody to fall back to. */
function sameTwice(roster: Examination['roster'], at: number, until: number): Check[] {
  const of = (role: Role): Holding[] => roster.find((one) => one.role === role)?.held ?? [];
  return of('Primary').flatMap((primary) =>
    of('Secondary').flatMap((secondary): Check[] => {
      const [from, to] = [Math.max(primary.from, secondary.from), Math.min(primary.until, secondary.until)];
      if (from >= to || primary.people.length === 0 || !secondary.people.every((id) => primary.people.includes(id))) return [];
      const when = from === at && to === until ? '' : ` from ${time(from)} to ${time(to)}`;
      return [{ area: 'people', subject: 'Secondary', state: 'finding', says: `${secondary.people.join(', ') || 'nobody'}: only who is Primary too${when}`, remedy: 'let somebody else hold Secondary' }];
    }),
  );
}

/** Addresses that nobody can have (RFC 2606), and people who are paged and can't answer. */
function ofPersons(roster: Examination['roster'], { people, tokens = {} }: PeopleConfig): Check[] {
  const paged = [...new Set(roster.flatMap(({ held }) => held.flatMap((span) => span.people)))];
  const first = new Set(roster.flatMap(({ role, held }) => (role === 'Primary' || role === 'Secondary' ? held.flatMap((span) => span.people) : [])));
  return paged.flatMap((id): Check[] => {
    const { contacts = [], token } = people[id] ?? {};
    const acts = token !== undefined || Object.values(tokens).some(({ person, scope }) => person === id && scope !== 'read');
    const examples = contacts.flatMap(({ email }) => (email !== undefined && /(?:[@.]example\.(?:com|net|org)|\.(?:example|invalid))$/i.test(email) ? [email] : []));
    return [
      ...(examples.length > 0 ? [{ area: 'people', subject: id, state: 'finding', says: `${examples.join(', ')} is only an example of an address`, remedy: `people.${id}.email of the config` } satisfies Check] : []),
      ...(acts ? [] : [{ area: 'people', subject: id, state: first.has(id) ? 'finding' : 'note', says: 'has no token: can be paged, but neither acknowledge nor approve', remedy: `people.${id}.token of the config` } satisfies Check]),
    ];
  });
}

const time = (at: number): string => `${new Date(at).toISOString().slice(0, 16)}Z`;
