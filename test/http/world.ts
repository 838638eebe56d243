import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { fingerprint } from '../../src/domain/alert.js';
import { incidentWorkflowId } from '../../src/domain/identity.js';
import type { Mode } from '../../src/domain/messages.js';
import type { Modes } from '../../src/domain/mode.js';
import type { RoutedAlert } from '../../src/alerts/routing.js';
import { Secret } from '../../src/config.js';
import type { Config } from '../../src/config.js';
import type { Doctor } from '../../src/doctor/examine.js';
import { buildServer } from '../../src/http/build-server.js';
import { ApiError } from '../../src/http/errors.js';
import type { Acting, Incidents, Reports } from '../../src/http/incidents.js';
import type { Silences } from '../../src/http/temporal-silences.js';
import { standardRoles } from '../../src/roster/roster.js';
import { createMetrics } from '../../src/metrics.js';
import { inventory, runbooks } from '../alerts/world.js';

export const tokens = { alice: 'alice-0123456789abcdef', monitoring: 'monitoring-0123456789' };

/** What reached the incidents behind a server, in order. */
export interface Seen {
  accepted: RoutedAlert[];
  acted: { reference: string; action: unknown; acting: Acting }[];
  modes: { scope: string; mode: Mode; by: string }[];
  undelivered: Parameters<Incidents['undelivered']>[0][];
  refused: { reference: string; of: string; why: string; by: string }[];
}

/** Incidents that remember what they are given; for what the routes do before anything reaches Temporal. */
export function remembering(overrides: Partial<Incidents> = {}): { incidents: Incidents; seen: Seen } {
  const seen: Seen = { accepted: [], acted: [], modes: [], undelivered: [], refused: [] };
  const unknown = async (): Promise<never> => {
    throw new ApiError('unknown_incident', 'there is no such incident');
  };
  const incidents: Incidents = {
    async accept(routed) {
      const workflowId = incidentWorkflowId(routed.alert.runbook, routed.alert.target);
      const known = seen.accepted.some(({ alert }) => fingerprint(alert) === fingerprint(routed.alert));
      seen.accepted.push(routed);
      const state = known ? 'joined' : routed.alert.status === 'resolved' ? 'ignored' : 'opened';
      return { fingerprint: fingerprint(routed.alert), workflowId, incidentId: null, state };
    },
    list: async () => [],
    find: unknown,
    view: unknown,
    async act(reference, action, acting) {
      seen.acted.push({ reference, action, acting });
      return { recorded: 'applied', said: 'done' };
    },
    async refuse(reference, refusal, { person }) {
      seen.refused.push({ reference, ...refusal, by: person });
    },
    modes: async (): Promise<Modes> => ({ global: 'automatic', runbooks: {} }),
    async undelivered(page) {
      seen.undelivered.push(page);
    },
    async setMode({ scope, mode }, { person }) {
      seen.modes.push({ scope, mode, by: person });
      return { global: scope === 'global' ? mode : 'automatic', runbooks: scope === 'global' ? {} : { [scope]: mode } };
    },
    reachable: async () => undefined,
    ...overrides,
  };
  return { incidents, seen };
}

const notAsked: Doctor['examine'] = async () => {
  throw new ApiError('temporal_unreachable', 'there is no doctor here');
};

const noSilences: Silences = {
  list: async () => [],
  add: async () => Promise.reject(new ApiError('no_worker', 'there is no worker here')),
  expire: async () => Promise.reject(new ApiError('unknown_silence', 'there is no such silence')),
};

async function* noReports(): ReturnType<Reports['since']> {}

interface Wishes {
  since?: Reports['since'];
  keys?: Secret[];
  linkKeys?: Secret[];
  sources?: Config['sources'];
  channels?: Partial<Config['channels']>;
  contacts?: Config['people'][string]['contacts'];
  examination?: Doctor['examine'];
  silences?: Silences;
  permissions?: Config['permissions'];
  people?: Config['people'];
  named?: Config['tokens'];
}

/** The real server on a free port of the loopback. `log` holds the lines it wrote. */
export async function served(
  incidents: Incidents,
  http: { bodyLimit?: number; requestsPerMinute?: number } = {},
  { since = noReports, keys = [], linkKeys = [], sources = {}, channels = {}, contacts = [], examination = notAsked, silences = noSilences, permissions, people = {}, named = {} }: Wishes = {},
) {
  const log: string[] = [];
  const app: FastifyInstance = await buildServer({
    config: {
      ...inventory,
      people: { alice: { id: 'alice', name: 'Alice', contacts: [{ email: 'alice@example.com' }, ...contacts], token: new Secret(tokens.alice) }, ...people },
      roster: { roles: standardRoles, overrides: [{ role: 'CTO', from: Date.parse('2026-12-24T18:00:00Z'), until: Date.parse('2026-12-26T18:00:00Z'), people: ['alice'], reason: 'holiday' }] },
      sources: { monitoring: { token: [new Secret(tokens.monitoring)], requestsPerMinute: 10_000 }, ...sources },
      tokens: named,
      encryption: { keys },
      ...(permissions && { permissions }),
      channels: { log: {}, slackWebhooks: {}, teams: {}, webhooks: {}, ...channels },
      links: { console: 'http://127.0.0.1:8080', temporalUi: 'http://127.0.0.1:8233', keys: linkKeys, validFor: 3_600_000 },
      http: { host: '127.0.0.1', port: 0, bodyLimit: 1_048_576, requestsPerMinute: 10_000, ...http },
    },
    runbooks: runbooks.map((runbook) => ({ ...runbook, diagnose: [], resolve: [] })),
    incidents,
    silences,
    doctor: { examine: examination },
    reports: { read: async (id, format) => (id === '018f3c5e-0000-7000-8000-000000000001' ? (format === 'md' ? '# Report' : '{"v":1}') : undefined), since },
    metrics: createMetrics(),
    fetchText: async () => Promise.reject(new Error('no network in tests')),
    logger: pino({ level: 'info' }, { write: (text) => log.push(text) }),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, log, close: () => app.close() };
}

export interface Call {
  method?: string;
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

/** One request; a body that is no string is sent as JSON. */
export async function call(url: string, { method, token, body, headers = {} }: Call = {}) {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method: method ?? (text === undefined ? 'GET' : 'POST'),
    headers: {
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(text !== undefined && { body: text }),
  });
  const answer = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, text: answer, json: (isJson ? JSON.parse(answer) : undefined) as Record<string, unknown> };
}
