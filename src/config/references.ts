import { contactProblems } from './contacts.js';
import { risks } from '../domain/step.js';
import type { ParsedSections } from './schema.js';
import { got } from './problems.js';
import type { Problem } from './problems.js';
import type { Secret } from './secret.js';
import { secretsOfSource } from './source-secrets.js';
import { rosterOf, standardPeople } from './people.js';
import { permissionProblems } from './permissions.js';
import { tokenProblems } from './tokens.js';

/** What `automation` may name: every runbook, with the titles of its steps if they are known. */
export type Catalogue = readonly { type: string; steps?: readonly string[] }[];

/**
 * Problems between sections: names that nothing has, and what is missing together. Sections that could not be parsed are
 * absent and their names are taken from `raw`, so that one mistake is not reported twice.
 */
export function referenceProblems(raw: Record<string, unknown>, parsed: Partial<ParsedSections>, catalogue?: Catalogue): Problem[] {
  const environments = Object.keys(asRecord(raw.environments));
  const hosts = Object.keys(asRecord(raw.hosts));
  const people = [...Object.keys(standardPeople), ...Object.keys(asRecord(raw.people))];
  const problems: Problem[] = [];
  const known = (path: string, name: string | undefined, names: string[], what: string) => {
    if (name === undefined || names.includes(name)) return;
    problems.push({
      path,
      message: `no such ${what}${got([path], name)}${names.length > 0 ? `; there are ${names.join(', ')}` : ''}`,
    });
  };

  if (environments.length === 0) problems.push({ path: 'environments', message: 'at least one is needed' });
  if (hosts.length === 0) problems.push({ path: 'hosts', message: 'at least one is needed' });
  for (const [name, host] of Object.entries(parsed.hosts ?? {}))
    known(`hosts.${name}.environment`, host.environment, environments, 'environment');
  if (parsed.hosts) {
    const served = new Set(Object.values(parsed.hosts).map((host) => host.environment));
    for (const name of environments)
      if (!served.has(name)) problems.push({ path: `environments.${name}`, message: 'no host belongs to it' });
  }

  known('defaults.environment', parsed.defaults?.environment, environments, 'environment');
  known('defaults.host', parsed.defaults?.host, hosts, 'host');
  const defaultHost = parsed.hosts?.[parsed.defaults?.host ?? ''];
  if (defaultHost) known('defaults.mount', parsed.defaults?.mount, defaultHost.mounts, `mount of ${parsed.defaults?.host}`);

  for (const [role, held] of Object.entries(parsed.roles ?? {})) {
    const ids = Array.isArray(held) ? held : (held?.shifts.flat() ?? []);
    for (const id of ids) known(`roles.${role}`, id, people, 'person');
    if (ids.length === 0 && (role === 'Primary' || role === 'Escalation contact')) {
      problems.push({ path: `roles.${role}`, message: 'must have a holder: others fall back to it' });
    }
  }
  for (const [index, override] of (parsed.overrides ?? []).entries()) {
    for (const id of override.people) known(`overrides.${index}.people`, id, people, 'person');
  }
  known('canary.to', parsed.canary?.to, people, 'person');
  for (const [id, person] of Object.entries(parsed.people ?? {})) {
    const reachable = person.email !== undefined || person.contacts.length > 0 || Object.hasOwn(standardPeople, id);
    if (!reachable) problems.push({ path: `people.${id}`, message: 'needs an email or contacts, or nobody can page them' });
    const allWait = person.email === undefined && person.contacts.length > 0 && person.contacts.every(({ after }) => after !== undefined);
    if (allWait) problems.push({ path: `people.${id}.contacts`, message: 'every one waits: one must be without after, for the page itself' });
    for (const [index, each] of person.contacts.entries()) problems.push(...contactProblems(`people.${id}.contacts.${index}`, each, parsed.channels));
  }
  if (parsed.roles && parsed.people && parsed.overrides) {
    const held = Object.entries(rosterOf({ roles: parsed.roles, people: parsed.people, overrides: parsed.overrides }).roles).filter(([, by]) => !Array.isArray(by) || by.length > 0);
    problems.push(...permissionProblems(parsed.permissions, people, held.map(([role]) => role)));
  }
  if (parsed.tokens && parsed.sources) problems.push(...tokenProblems(parsed.tokens, { people, sources: parsed.sources }));
  return [...problems, ...sharedTokens(parsed), ...automationProblems(parsed.automation ?? {}, catalogue), ...mailProblems(parsed)];
}

// A token names who speaks. Two holders of one token would make every record of "who" worthless.
function sharedTokens({ people, sources, tokens: named }: Partial<ParsedSections>): Problem[] {
  const holders = new Map<string, string>();
  const tokens: [string, Secret | undefined][] = [
    ...Object.entries(people ?? {}).map(([id, person]): [string, Secret | undefined] => [`people.${id}.token`, person.token]),
    ...Object.entries(sources ?? {}).flatMap(([id, source]) => secretsOfSource(source).map(({ path, secret }): [string, Secret] => [`sources.${id}.${path}`, secret])),
    ...Object.entries(named ?? {}).map(([id, { secret }]): [string, Secret] => [`tokens.${id}.secret`, secret]),
  ];
  return tokens.flatMap(([path, token]): Problem[] => {
    if (!token) return [];
    const other = holders.get(token.reveal());
    holders.set(token.reveal(), other ?? path);
    return other ? [{ path, message: `is the same token as ${other}` }] : [];
  });
}

function automationProblems(automation: Record<string, string>, catalogue?: Catalogue): Problem[] {
  if (!catalogue) return [];
  return Object.keys(automation).flatMap((name): Problem[] => {
    if ((risks as readonly string[]).includes(name)) return [];
    const slash = name.indexOf('/');
    const runbook = catalogue.find(({ type }) => type === (slash < 0 ? name : name.slice(0, slash)));
    if (!runbook) return [{ path: `automation.${name}`, message: `is neither a risk (${risks.join(', ')}) nor a runbook` }];
    if (slash < 0 || !runbook.steps || runbook.steps.includes(name.slice(slash + 1))) return [];
    return [{ path: `automation.${name}`, message: `${runbook.type} has no such step; it has ${runbook.steps.join(', ')}` }];
  });
}

function mailProblems({ channels }: Partial<ParsedSections>): Problem[] {
  const email = channels?.email;
  if (!email || (email.user === undefined) === (email.password === undefined)) return [];
  return [{ path: 'channels.email', message: 'user and password belong together' }];
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
