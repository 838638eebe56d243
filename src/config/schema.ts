import { z } from 'zod';
import { standardTimes } from '../domain/times.js';
import type { Times } from '../domain/times.js';
import { channelsSection } from './channels.js';
import { duration } from './duration.js';
import { environmentsSection } from './environments.js';
import { hostsSection } from './hosts.js';
import { peopleSection } from './people.js';
import { permissionsSection } from './permissions.js';
import { overridesSection, rolesSection } from './roster.js';
import { secretValues } from './secret-values.js';
import type { Environment } from './secret.js';
import { sourcesSection } from './sources.js';
import { tokensSection } from './tokens.js';
import { mountPoint, name, port, webUrl } from './values.js';

const defaults = z.strictObject({
  environment: name.optional(),
  host: name.optional(),
  mount: mountPoint.optional(),
  store: name.optional(),
  queue: name.optional(),
  domain: name.optional(),
});

const times = z
  .strictObject({ ...durations(), samples: z.int().min(1).max(100).optional(), scale: z.number().positive().max(1_000).default(1) })
  .prefault({});

type Durations = Record<Exclude<keyof Times, 'samples'>, z.ZodOptional<typeof duration>>;

function durations(): Durations {
  const names = Object.keys(standardTimes).filter((key) => key !== 'samples');
  return Object.fromEntries(names.map((key) => [key, duration.optional()])) as Durations;
}

/**
 * One schema per section of the file, so that the problems of all sections are found at once. `env` is where secrets
 * named `env:…` come from; a parse reads the files of those named `file:…`.
 */
export function sections(env: Environment) {
  const values = secretValues(env);
  const { secret } = values;
  const key = (what: string) => secret.refine((value) => /^[0-9a-f]{64}$/i.test(value.reveal()), `must be ${what}: 64 hexadecimal digits`);
  return {
    environments: environmentsSection(values),
    hosts: hostsSection,
    defaults: defaults.prefault({}),
    people: peopleSection(values),
    roles: rolesSection,
    overrides: overridesSection,
    permissions: permissionsSection,
    tokens: tokensSection(values),
    channels: channelsSection(values),
    sources: sourcesSection(values),
    http: z
      .strictObject({
        host: z.string().min(1).default('127.0.0.1'),
        port: port.default(8080),
        /** Bytes of a request's body. */
        bodyLimit: z
          .int()
          .min(1_024)
          .max(16 * 1_048_576)
          .default(1_048_576),
        /** Requests of one address in a minute before it is told to wait. */
        requestsPerMinute: z.int().min(1).default(6_000),
      })
      .prefault({}),
    temporal: z
      .strictObject({
        address: z.string().min(1).optional(),
        namespace: z.string().min(1).optional(),
        profile: z.string().min(1).optional(),
      })
      .prefault({}),
    times,
    automation: z.record(z.string(), z.enum(['as specified', 'ask', 'never'])).default({}),
    state: z.string().min(1).default('var/state'),
    /** Alerts on their way to Temporal. */
    spool: z
      .strictObject({
        /** Of this server alone, on a disk of its own machine; default: `spool` in `state`. */
        folder: z.string().min(1).optional(),
        /** Incidents whose alerts may wait at the same time. */
        atMost: z.int().min(1).max(100_000).default(10_000),
      })
      .prefault({}),
    signingKey: key('an Ed25519 seed').optional(),
    /** Keys of the payloads in Temporal's database: the first encrypts, all of them open. */
    encryption: z
      .strictObject({
        keys: z.array(key('an AES-256 key')).default([]),
      })
      .prefault({}),
    links: z
      .strictObject({
        console: webUrl.default('http://127.0.0.1:8080'),
        temporalUi: webUrl.default('http://127.0.0.1:8233'),
        /** Keys of the links by which people answer pages: the first signs, all of them read. */
        keys: z.array(key('a key for HMAC')).default([]),
        validFor: duration.prefault('24h'),
      })
      .prefault({}),
    canary: z
      .strictObject({
        every: duration.refine((every) => every >= 60_000, 'must be a minute or longer').prefault('1h'),
        to: name,
        /** POSTed to once the page was delivered: of a watch outside, whose ring is a silence. */
        ping: secret.refine((value) => /^https?:\/\//.test(value.reveal()), 'must be an http or https URL').optional(),
      })
      .optional(),
    patrol: z.strictObject({ every: duration.prefault('1m') }).optional(),
    log: z.strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  };
}

type Sections = ReturnType<typeof sections>;
export type SectionName = keyof Sections;

/** Every section, parsed and with its defaults filled in. */
export type ParsedSections = { [Name in SectionName]: z.output<Sections[Name]> };
