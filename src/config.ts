import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { parseDocument } from 'yaml';
import type { Host } from './domain/inventory.js';
import type { Automation } from './domain/messages.js';
import type { Permissions } from './domain/permissions.js';
import type { Roster } from './roster/roster.js';
import { scaled, standardTimes } from './domain/times.js';
import type { Times } from './domain/times.js';
import { peopleOf, rosterOf } from './config/people.js';
import type { ApiToken } from './config/tokens.js';
import type { Person } from './config/people.js';
import { ConfigError, schemaProblems } from './config/problems.js';
import type { Problem } from './config/problems.js';
import { referenceProblems } from './config/references.js';
import type { Catalogue } from './config/references.js';
import { sections } from './config/schema.js';
import type { ParsedSections, SectionName } from './config/schema.js';
import type { Environment, Secret } from './config/secret.js';

export { ConfigError } from './config/problems.js';
export { Secret } from './config/secret.js';
export { signingSeed } from './config/signing-key.js';
export type { Person } from './config/people.js';

/** A host, and what else alerts call it. */
export type ConfiguredHost = Host & { aliases: string[] };

/** One AuthOS: where it answers, its database, and the names that its alerts may use. */
export interface EnvironmentConfig {
  name: string;
  authos: { url: string; token: Secret; testUser?: string };
  database?: { name: string; url: Secret; adminUrl?: Secret; dataFolder: string; maxConnectionsAtMost: number };
  /** The Redis of the cache, and the store in config/cache.php that is on it. */
  redis?: { url: Secret; store: string };
  stores: string[];
  queues: string[];
  webhooks: string[];
  domains: string[];
  /** Webhooks whose incident pages its engineer and owner at the start; each has an incident of its own. */
  criticalWebhooks?: string[];
  /** Networks that requests to webhook endpoints may go to besides the public internet. */
  webhookNetworks?: string[];
  /** The header that AuthOS signs its deliveries in. */
  webhookSignature?: string;
}

/** Everything that the configuration says, checked and with its defaults. Durations are in ms. */
export interface Config {
  environments: Record<string, EnvironmentConfig>;
  hosts: Record<string, ConfiguredHost>;
  /** What an alert without the label is about. */
  defaults: ParsedSections['defaults'];
  people: Record<string, Person>;
  /** Tokens with a scope and an end, by name. */
  tokens: Record<string, ApiToken>;
  roster: Roster;
  /** Who may what; everybody everything if absent. */
  permissions?: Permissions;
  channels: ParsedSections['channels'];
  /** Who may send alerts. Secrets are two while one is changed. */
  sources: ParsedSections['sources'];
  http: ParsedSections['http'];
  /** `connection` may hold an API key, which is why it is a function. */
  temporal: { address: string; namespace: string; connection: () => ClientConnectConfig['connectionOptions'] };
  times: Times;
  automation: Automation;
  /** Folder of the signing key and the reports. Absolute. */
  state: string;
  /** Alerts on their way to Temporal: an absolute folder of this server alone, and for how many incidents there is room. */
  spool: { folder: string; atMost: number };
  signingKey?: Secret;
  encryption: ParsedSections['encryption'];
  links: ParsedSections['links'];
  /** Pages that prove that pages arrive; absent if none is wanted. */
  canary?: { every: number; to: string; ping?: Secret };
  /** Our own looks at AuthOS; absent if other monitors do that. */
  patrol?: { every: number };
  log: ParsedSections['log'];
  /** Whether the environment says where traces go: OpenTelemetry's own names, which its SDK reads. */
  traces: boolean;
}

/**
 * Reads the configuration: `file` (else RESPONDER_CONFIG, else ./responder.yaml), with secrets and Temporal's address from
 * `env`. Throws ConfigError with every problem at once. With `catalogue`, names in `automation` are checked too.
 */
export function loadConfig({
  file,
  env = process.env,
  catalogue,
}: { file?: string; env?: Environment; catalogue?: Catalogue } = {}): Config {
  const path = resolve(file ?? env.RESPONDER_CONFIG ?? 'responder.yaml');
  const raw = readDocument(path);
  const schemas = sections(env);
  const parsed: Partial<Record<SectionName, unknown>> = {};
  const problems: Problem[] = Object.keys(raw).flatMap((key) =>
    key in schemas ? [] : [{ path: key, message: 'is not a setting' }],
  );
  for (const name of Object.keys(schemas) as SectionName[]) {
    const result = schemas[name].safeParse(raw[name] ?? undefined);
    if (result.success) parsed[name] = result.data;
    else if (raw[name] != null || !['environments', 'hosts'].includes(name))
      problems.push(...schemaProblems(name, raw[name], result.error));
  }
  problems.push(...referenceProblems(raw, parsed as Partial<ParsedSections>, catalogue));
  const temporal = temporalOf(parsed.temporal as ParsedSections['temporal'] | undefined, env, problems);
  if (problems.length > 0 || !temporal) throw new ConfigError(path, problems);
  return { ...assembled(parsed as ParsedSections, temporal, dirname(path)), traces: tracesWanted(env) };
}

function readDocument(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new ConfigError(path, [
      { path: '', message: `can't be read (${why}); RESPONDER_CONFIG names the file, responder.example.yaml shows one` },
    ]);
  }
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    // The first line only: what follows is an excerpt of the file, where somebody may have put a secret.
    throw new ConfigError(
      path,
      document.errors.map((error) => ({ path: '', message: error.message.split('\n')[0] ?? error.code })),
    );
  }
  const value: unknown = document.toJS() ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError(path, [{ path: '', message: 'must be a mapping of sections' }]);
  return value as Record<string, unknown>;
}

/**
 * Where Temporal is, by the environment and the files that it names (@temporalio/envconfig), or by `section` of the config,
 * which wins. For programs without a config too. Throws an Error in words if a file or profile can't be used.
 */
export function temporalFrom(env: Environment, section?: ParsedSections['temporal']): Config['temporal'] {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { connectionOptions, namespace } = loadClientConnectConfig({
    ...(section?.profile && { profile: section.profile }),
    overrideEnvVars: Object.fromEntries(set),
  });
  const address = section?.address ?? connectionOptions.address ?? '127.0.0.1:7233';
  return {
    address,
    namespace: section?.namespace ?? namespace ?? 'default',
    connection: () => ({ ...connectionOptions, address }),
  };
}

function temporalOf(section: ParsedSections['temporal'] | undefined, env: Environment, problems: Problem[]): Config['temporal'] | undefined {
  try {
    return temporalFrom(env, section);
  } catch (error) {
    problems.push({ path: 'temporal', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

function tracesWanted(env: Environment): boolean {
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) && env['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true';
}

function assembled(parsed: ParsedSections, temporal: Config['temporal'], folder: string): Omit<Config, 'traces'> {
  const { scale, ...given } = parsed.times;
  return {
    environments: mapped(parsed.environments, (name, { domains, ...environment }) => ({
      name,
      ...environment,
      domains: domains ?? [new URL(environment.authos.url).hostname],
    })),
    hosts: mapped(parsed.hosts, (name, host) => ({ name, ...host })),
    defaults: parsed.defaults,
    people: peopleOf(parsed.people),
    tokens: parsed.tokens,
    roster: rosterOf(parsed),
    ...(parsed.permissions && { permissions: parsed.permissions }),
    channels: parsed.channels,
    sources: parsed.sources,
    http: parsed.http,
    temporal,
    times: scaled({ ...standardTimes, ...given }, scale),
    automation: parsed.automation,
    state: resolve(folder, parsed.state),
    spool: { folder: resolve(folder, parsed.spool.folder ?? join(parsed.state, 'spool')), atMost: parsed.spool.atMost },
    ...(parsed.signingKey && { signingKey: parsed.signingKey }),
    encryption: parsed.encryption,
    links: parsed.links,
    ...(parsed.canary && { canary: parsed.canary }),
    ...(parsed.patrol && { patrol: parsed.patrol }),
    log: parsed.log,
  };
}

function mapped<From, To>(record: Record<string, From>, change: (name: string, value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(name, value)]));
}
