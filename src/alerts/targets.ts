import type { Config, ConfiguredHost, EnvironmentConfig } from '../config.js';
import { unknownTarget } from '../domain/identity.js';
import type { Place } from '../domain/place.js';
import type { Runbook } from '../domain/runbook.js';
import { limits, line } from './text.js';

/** What a target is looked up in. */
export type Inventory = Pick<Config, 'environments' | 'hosts' | 'defaults'>;

/** Where an alert is, in names of the inventory, and whether that is certain enough to act. */
export interface Located {
  place: Place;
  clear: boolean;
}

interface Words {
  /** The alert's own `target`, such as `app-1:/var`. */
  target?: string;
  labels: Record<string, string>;
}

/**
 * The place of an alert. Its words are compared with the inventory and never become part of a name, except of one that
 * `unknownTarget` marks. What is not clear is an incident of its own, apart from that of the right target: its run only
 * observes and pages, and the place holds a guess of where to look.
 */
export function locate(kind: Runbook['target'], words: Words, inventory: Inventory): Located {
  return kind === 'host and mount' ? hostAndMount(words, inventory) : inEnvironment(kind, words, inventory);
}

function hostAndMount({ target, labels }: Words, inventory: Inventory): Located {
  const { hosts, defaults } = inventory;
  const split = /^([^/]*?)(?::(\/.*))?$/.exec(target ?? '');
  const hostWord = target === undefined ? firstOf(labels, ['host', 'hostname', 'instance', 'node']) : split?.[1] || target;
  const mountWord = split?.[2] ?? firstOf(labels, ['mountpoint', 'mount']);

  const host = chosen(hostWord, Object.values(hosts), hosts[defaults.host ?? ''], (word, { name, aliases }) =>
    [name, ...aliases].some((known) => [word.toLowerCase(), withoutPort(word).toLowerCase()].includes(known.toLowerCase())),
  );
  const defaultMount = defaults.host === undefined || defaults.host === host.found?.name ? defaults.mount : undefined;
  const mounts = host.found?.mounts ?? [];
  const mount = chosen(
    mountWord,
    mounts,
    mounts.find((known) => known === defaultMount),
    (word, known) => trimmed(word) === trimmed(known),
  );
  const hostNames = Object.keys(hosts);
  const name = nameOf([
    [host, host.found?.name, () => `a host of several (${hostNames.join(', ')})`],
    [mount, mount.found, () => `a mount of several (${mounts.join(', ')})`],
  ]);
  const place = { ...placeOn(host.found, inventory, name), ...(mount.found !== undefined && { mount: mount.found }) };
  return { place, clear: host.clear && mount.clear };
}

/** Per kind of target: the labels that name it, the names an environment has, and the place's field. */
const things = {
  database: { labels: ['database', 'datname'], names: ({ database }) => [database?.name ?? 'database'], field: 'database' },
  'cache store': { labels: ['store', 'cache_store'], names: ({ stores }) => stores, field: 'store' },
  queue: { labels: ['queue'], names: ({ queues }) => queues, field: 'queue' },
  domain: { labels: ['domain', 'server_name', 'instance'], names: ({ domains }) => domains, field: 'domain' },
  'webhook id': { labels: ['webhook_id', 'webhook'], names: ({ webhooks, criticalWebhooks = [] }) => ['all', ...new Set([...webhooks, ...criticalWebhooks])], field: 'webhook' },
} as const satisfies Record<
  Exclude<Runbook['target'], 'environment' | 'host and mount'>,
  { labels: string[]; names: (environment: EnvironmentConfig) => readonly string[]; field: keyof Place }
>;

function inEnvironment(
  kind: Exclude<Runbook['target'], 'host and mount'>,
  { target, labels }: Words,
  inventory: Inventory,
): Located {
  const { environments, hosts, defaults } = inventory;
  const all = Object.values(environments);
  const [first, second] = (target ?? '').split(':', 2);
  const hostOfAlert = Object.values(hosts).find(({ name, aliases }) =>
    [name, ...aliases].includes(withoutPort(labels.host ?? labels.instance ?? '')),
  );
  const named =
    target === undefined
      ? firstOf(labels, ['environment', 'env'])
      : kind === 'environment' || second !== undefined
        ? first
        : undefined;
  const environment = chosen(
    named ?? hostOfAlert?.environment,
    all,
    environments[defaults.environment ?? ''],
    (word, { name }) => word === name,
  );
  const environmentPart: Part = [
    environment,
    environment.found?.name,
    () => `an environment of several (${Object.keys(environments).join(', ')})`,
  ];
  const host = hostFor(environment.found, inventory);
  if (kind === 'environment') return { place: placeOn(host, inventory, nameOf([environmentPart])), clear: environment.clear };

  const thing = things[kind];
  const names: readonly string[] = environment.found ? thing.names(environment.found) : [];
  const word = target === undefined ? firstOf(labels, thing.labels) : (second ?? target);
  const preferred = { store: defaults.store, queue: defaults.queue, domain: defaults.domain, database: undefined, webhook: 'all' }[
    thing.field
  ];
  const preferredName = names.find((name) => name === preferred);
  const words = word === undefined ? [] : [word, withoutPort(word)];
  let found = chosen(word, names, preferredName, (_, known) => words.includes(known));
  // A webhook that the config does not single out belongs to the one incident of all webhooks, which looks for the bad ones.
  if (kind === 'webhook id' && !found.clear) found = chosen(undefined, names, preferredName, () => false);
  const name = nameOf([environmentPart, [found, found.found, () => `a ${kind} of several (${names.join(', ')})`]]);
  // A domain is looked after where its certificate is.
  const serving = kind === 'domain' ? Object.values(hosts).find(({ environment: of, certificates }) => of === environment.found?.name && certificates?.some(({ domain }) => domain === found.found)) : undefined;
  const place = { ...placeOn(serving ?? host, inventory, name), ...(found.found !== undefined && { [thing.field]: found.found }) };
  return { place, clear: environment.clear && found.clear };
}

interface Choice<Thing> {
  /** What was meant, or the best guess of where to look. */
  found?: Thing;
  clear: boolean;
  /** The alert's word for something that is not there. */
  unknownWord?: string;
}

/** What a word names; without a word the default or the only one; else the first of several, which is not clear. */
function chosen<Thing>(
  word: string | undefined,
  all: readonly Thing[],
  preferred: Thing | undefined,
  isNamed: (word: string, thing: Thing) => boolean,
): Choice<Thing> {
  const named = word === undefined ? undefined : all.find((thing) => isNamed(word, thing));
  const found = named ?? preferred ?? all[0];
  const clear = word === undefined ? preferred !== undefined || all.length === 1 : named !== undefined;
  return { ...(found !== undefined && { found }), clear, ...(word !== undefined && !named && { unknownWord: word }) };
}

type Part = [choice: Choice<unknown>, name: string | undefined, ofSeveral: () => string];

// An unclear name holds a space and a bracket, which no name of the inventory has, so that it can't be taken for one.
function nameOf(parts: Part[]): string {
  const words = parts.map(([choice, name, ofSeveral]) => (choice.clear ? (name ?? '') : (choice.unknownWord ?? ofSeveral())));
  const text = line(words.join(':'), limits.target);
  return parts.some(([choice]) => choice.unknownWord !== undefined) ? unknownTarget(text) : text;
}

function placeOn(host: ConfiguredHost | undefined, { hosts }: Inventory, name: string): Place {
  const environment = host?.environment ?? '';
  const hostNames = Object.values(hosts)
    .filter((other) => other.environment === environment)
    .map((other) => other.name);
  return { name, environment, host: host?.name ?? '', hosts: hostNames };
}

function hostFor(environment: EnvironmentConfig | undefined, { hosts, defaults }: Inventory): ConfiguredHost | undefined {
  const own = Object.values(hosts).filter((host) => host.environment === environment?.name);
  return own.find((host) => host.name === defaults.host) ?? own[0];
}

function firstOf(labels: Record<string, string>, names: readonly string[]): string | undefined {
  return names.map((name) => labels[name]).find((value) => value !== undefined && value !== '');
}

// `app-1:9100`, `10.0.0.11:9100`, `[fd00::11]:9100`, `https://auth.example.com/login`
function withoutPort(instance: string): string {
  if (URL.canParse(instance) && instance.includes('://')) return new URL(instance).hostname;
  return /^\[([^\]]*)\](?::\d+)?$/.exec(instance)?.[1] ?? /^([^:]*):\d+$/.exec(instance)?.[1] ?? instance;
}

function trimmed(mount: string): string {
  return mount.replace(/(.)\/+$/, '$1');
}
