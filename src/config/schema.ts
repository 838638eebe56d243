import { z } from 'zod';
import { mappingSchema } from '../alerts/generic.js';
import { serviceNames } from '../domain/inventory.js';
import { readHandOver, type Rotation, wrongSince } from '../roster/rotation.js';
import { roles } from '../domain/runbook.js';
import { standardTimes } from '../domain/times.js';
import type { Times } from '../domain/times.js';
import { channelsSection } from './channels.js';
import { contact } from './contacts.js';
import { duration } from './duration.js';
import { permissionsSection } from './permissions.js';
import { pace } from './pace.js';
import { quietHours } from './quiet-hours.js';
import { tokensSection } from './tokens.js';
import { resolveSecret } from './secret.js';
import type { Environment, Secret } from './secret.js';
import { timeZone } from './time-zone.js';

// Names become part of workflow ids, queues and file names: no separators, no spaces.
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a name of letters, digits, dot, dash and underscore');
const folder = z.string().regex(/^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^\p{Cc}]*$/u, 'must be an absolute path without ".."');
const mountPoint = z
  .string()
  .regex(/^\/[A-Za-z0-9._/-]*$/, 'must be an absolute mount point of letters, digits, dot, dash and slash');
const command = z.array(z.string().min(1)).min(1, 'must be a command and its arguments, as a list');
const email = z.email('must be an email address');
const port = z.int().min(0).max(65_535);

const webUrl = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) context.addIssue('must be an http or https URL');
  else if (url.username || url.password) context.addIssue('must not hold a user or password');
  return text.replace(/\/+$/, '');
});

const handOver = z.string().transform((text, context) => {
  const read = readHandOver(text);
  if (read) return read;
  context.addIssue('must be a time such as 09:00, each day, or Monday 09:00, each week');
  return z.NEVER;
});

const rotation = z
  .strictObject({
    rotation: z.array(z.union([name.transform((one) => [one]), z.array(name).min(1)], 'must be a name, or a list of names that share the shift')).min(1),
    handOver,
    zone: timeZone,
    since: z.string(),
  })
  .transform(({ rotation: shifts, ...more }, context): Rotation => {
    const wrong = wrongSince(more);
    if (wrong) context.addIssue({ code: 'custom', path: ['since'], message: wrong });
    return { shifts, ...more };
  });
// Not a union, whose problems would hide those of the part that was meant.
const roleHolders = z.unknown().transform((value, context): string[] | Rotation => {
  const read = (Array.isArray(value) ? z.array(name) : rotation).safeParse(value);
  if (read.success) return read.data;
  for (const { code: _, ...issue } of read.error.issues) context.addIssue({ ...issue, code: 'custom', message: issue.message });
  return z.NEVER;
});

const moment = z.iso.datetime({ offset: true, message: 'must be a moment such as 2026-12-24T18:00:00+01:00' }).transform((text) => Date.parse(text));
const override = z
  .strictObject({ role: z.enum(roles), from: moment, until: moment, people: z.array(name).min(1), reason: z.string().max(200).optional() })
  .refine(({ from, until }) => !(from >= until), { path: ['until'], message: 'must be after from' });

// Each name is an argument of systemctl, docker or supervisorctl: none may look like an option.
const serviceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9@:._*-]{0,99}$/, 'must be the name of a unit, a container or a program');
const service = z.union(
  [z.strictObject({ systemd: serviceName }), z.strictObject({ docker: serviceName }), z.strictObject({ supervisor: serviceName })],
  'must be one of { systemd: unit }, { docker: container }, { supervisor: program }',
);

const certificate = z.strictObject({
  domain: name,
  port: port.default(443),
  /** Where to connect instead of asking DNS. */
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).default([]),
  chainFile: folder,
  keyFile: folder,
  certbotName: name.optional(),
  certbot: command.default(['sudo', '-n', 'certbot']),
  configTest: command.default(['sudo', '-n', 'nginx', '-t']),
  reload: command.default(['sudo', '-n', 'systemctl', 'reload', 'nginx']),
  manual: z.strictObject({ chainFile: folder, keyFile: folder }).optional(),
  trust: folder.optional(),
});

const network = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'must be an address or a network such as 192.0.2.0/24');

const blocking = z.strictObject({
  // Nobody who forgot to say whom never to block may have anybody blocked.
  allow: z.array(network).min(1, 'must name whom never to block: offices, monitoring, the responder, people'),
  trustedProxies: z.array(network).default([]),
  accessLog: folder.default('/var/log/nginx/access.log'),
  by: z
    .union(
      [
        z.strictObject({ ufw: command }),
        z.strictObject({
          nginx: z.strictObject({
            denyFile: folder,
            configTest: command.default(['sudo', '-n', 'nginx', '-t']),
            reload: command.default(['sudo', '-n', 'systemctl', 'reload', 'nginx']),
          }),
        }),
      ],
      'must be one of { ufw: command }, { nginx: { denyFile: path } }',
    )
    .default({ ufw: ['sudo', '-n', 'ufw'] }),
});

const volume = z.strictObject({
  mount: mountPoint,
  id: z.string().regex(/^vol-[0-9a-f]{8,32}$/, 'must be the id of an EBS volume: vol-…'),
  sizeGiB: z.int().min(1).max(65_536),
  partition: z
    .strictObject({ disk: z.string().regex(/^\/dev\/[A-Za-z0-9/_-]{1,60}$/, 'must be a disk such as /dev/nvme1n1'), number: z.int().min(1).max(128) })
    .optional(),
  aws: command.default(['aws']),
  growpart: command.default(['sudo', '-n', 'growpart']),
  resize2fs: command.default(['sudo', '-n', 'resize2fs']),
  xfsGrowfs: command.default(['sudo', '-n', 'xfs_growfs']),
});

const host = z.strictObject({
  environment: name,
  /** Other names of this host in alerts: a DNS name, an address. */
  aliases: z.array(z.string().min(1)).default([]),
  root: folder.refine((path) => path !== '/', 'must not be the root of the file system'),
  user: name.default('www-data'),
  php: command.default(['herd', 'php']),
  restart: command.default(['herd', 'restart']),
  composer: command.default(['composer']),
  // An argument of git: none may look like an option or a range.
  previousDeployment: z.string().regex(/^[A-Za-z0-9_](?!.*\.\.)[A-Za-z0-9_./-]{0,199}$/, 'must be the name of a git tag or branch').optional(),
  timeZone: timeZone.default('UTC'),
  mounts: z.array(mountPoint).min(1).default(['/']),
  archive: folder.default('/var/lib/authos-responder/archive'),
  records: folder.default('/var/lib/authos-responder/records'),
  protectedLogs: z.array(name).default(['audit', 'security']),
  workersSupervised: z.boolean().default(false),
  /** Lets Increase Worker Processes write numprocs into supervisor's config. */
  queueWorkers: z.strictObject({ configFile: folder, program: name, atMost: z.int().min(1).max(200) }).optional(),
  services: z.partialRecord(z.enum(serviceNames), service).default({}),
  oauthKeySources: z.array(folder).default([]),
  certificates: z.array(certificate).default([]),
  blocking: blocking.optional(),
  volumes: z.array(volume).default([]),
});

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
  const secret = z.string().transform((reference, context): Secret => {
    const resolved = resolveSecret(reference, env);
    if (!('problem' in resolved)) return resolved;
    context.addIssue(resolved.problem);
    return z.NEVER;
  });
  const token = secret.refine((value) => value.reveal().length >= 16, 'must be a token of at least 16 characters');
  const databaseUrl = secret.refine((value) => /^postgres(?:ql)?:\/\//.test(value.reveal()), 'must be a postgresql:// URL');

  const redisUrl = secret.refine((value) => /^rediss?:\/\//.test(value.reveal()), 'must be a redis:// or rediss:// URL');

  const environment = z.strictObject({
    authos: z.strictObject({
      url: webUrl,
      token: secret,
      /** The user for whom a test token is made. */
      testUser: email.optional(),
    }),
    database: z
      .strictObject({
        name: name.default('database'),
        url: databaseUrl,
        /** Our own way in when the database is full: a role with reserved slots, best over the local socket. */
        adminUrl: databaseUrl.optional(),
        dataFolder: folder.default('/var/lib/postgresql'),
        /** Bound of what Increase Max Connections may write. */
        maxConnectionsAtMost: z.int().min(20).max(10_000).default(400),
      })
      .optional(),
    /** The Redis of the application's cache, and the store in config/cache.php that is on it. */
    redis: z.strictObject({ url: redisUrl, store: name.default('redis') }).optional(),
    stores: z.array(name).min(1).default(['default']),
    queues: z.array(name).min(1).default(['default']),
    webhooks: z.array(name).default([]),
    /** Webhooks whose incident pages the Integration Engineer and the endpoint's owner at the start. */
    criticalWebhooks: z.array(name).default([]),
    /** Networks that requests to webhook endpoints may go to besides the public internet. */
    webhookNetworks: z.array(z.union([z.cidrv4(), z.cidrv6()], 'must be a network such as 10.1.0.0/16')).default([]),
    /** The header that AuthOS signs its deliveries in. */
    webhookSignature: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/, 'must be the name of a header').default('X-Webhook-Signature'),
    domains: z.array(name).optional(),
  });

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

  const smtp = z.strictObject({
    host: z.string().min(1),
    port: port.default(587),
    /** TLS from the first byte (port 465); otherwise STARTTLS is used where offered. */
    tls: z.boolean().default(false),
    /** Refuse to send without TLS. */
    requireTls: z.boolean().default(false),
    user: z.string().optional(),
    password: secret.optional(),
    from: z
      .string()
      .regex(/^[^\p{Cc}]+$/u)
      .default('AuthOS Responder <responder@example.com>'),
  });

  // Two while a secret is changed: the sender may have either.
  const upToTwo = (one: z.ZodType<Secret>) =>
    z.unknown().transform((value, context): Secret[] => {
      const references: unknown[] = Array.isArray(value) ? value : [value];
      if (references.length < 1 || references.length > 2) context.addIssue('must be a reference, or a list of two while it is changed');
      return references.flatMap((reference) => {
        const parsed = one.safeParse(reference);
        if (!parsed.success) for (const { message } of parsed.error.issues) context.addIssue(message);
        return parsed.success ? [parsed.data] : [];
      });
    });
  const longSecret = secret.refine((value) => value.reveal().length >= 16, 'must be at least 16 characters long');
  const header = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/, 'must be the name of a header').transform((text) => text.toLowerCase());
  const source = z
    .strictObject({
      token: upToTwo(token).optional(),
      basic: z.strictObject({ user: z.string().regex(/^[^:\p{Cc}]{1,100}$/u), password: upToTwo(longSecret) }).optional(),
      hmac: z
        .strictObject({
          secret: upToTwo(longSecret),
          header: header.prefault('X-Signature'),
          timestampHeader: header.prefault('X-Timestamp'),
          /** What is signed, by SHA-256 in hexadecimal. */
          over: z.enum(['timestamp.body', 'timestamp:body', 'body']).default('timestamp.body'),
        })
        .optional(),
      sns: z
        .strictObject({ topics: z.array(z.string().regex(/^arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{3,30}:\d{12}:[A-Za-z0-9_.-]{1,260}$/, 'must be the ARN of an SNS topic')).min(1) })
        .optional(),
      mapping: mappingSchema.optional(),
      requestsPerMinute: z.int().min(1).default(6_000),
      bodyLimit: z.int().min(1_024).max(16 * 1_048_576).optional(),
    })
    // None is right where `tokens` has one.
    .refine(({ token: bearer, basic, hmac, sns }) => [bearer, basic, hmac, sns].filter(Boolean).length <= 1, 'must have one of token, basic, hmac, sns');

  return {
    environments: z.record(name, environment),
    hosts: z.record(name, host),
    defaults: defaults.prefault({}),
    people: z.record(name, person).default({}),
    roles: z.partialRecord(z.enum(roles), roleHolders).default({}),
    overrides: z.array(override).default([]),
    permissions: permissionsSection,
    tokens: tokensSection({ secret: token, name }),
    channels: channelsSection({ smtp, secret, upToTwo, name, webUrl }),
    sources: z.record(name, source).default({}),
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
    signingKey: secret
      .refine((value) => /^[0-9a-f]{64}$/i.test(value.reveal()), 'must be an Ed25519 seed: 64 hexadecimal digits')
      .optional(),
    /** Keys of the payloads in Temporal's database: the first encrypts, all of them open. */
    encryption: z
      .strictObject({
        keys: z.array(secret.refine((value) => /^[0-9a-f]{64}$/i.test(value.reveal()), 'must be an AES-256 key: 64 hexadecimal digits')).default([]),
      })
      .prefault({}),
    links: z
      .strictObject({
        console: webUrl.default('http://127.0.0.1:8080'),
        temporalUi: webUrl.default('http://127.0.0.1:8233'),
        /** Keys of the links by which people answer pages: the first signs, all of them read. */
        keys: z.array(secret.refine((value) => /^[0-9a-f]{64}$/i.test(value.reveal()), 'must be a key for HMAC: 64 hexadecimal digits')).default([]),
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
