import { createHash } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RunningConfig } from '../bin/lib/config.mjs';
import { withDatabase } from '../bin/lib/database.mjs';
import { addApplication } from './application.js';
import type { Counters } from './counters.js';
import { today, withCache } from './counters.js';
import type { Front } from './front.js';
import type { Check } from './health.js';
import { overall } from './health.js';
import { addLogin } from './login.js';
import type { LogLine } from './logs.js';
import { metrics } from './metrics.js';
import { addWebhooks } from './webhooks.js';

export interface ApiParts {
  /** Application root. */
  root: string;
  /** Firewall and web server that logins pass. */
  front: Front;
  config: () => RunningConfig;
  checks: Record<string, () => Promise<Check>>;
  counters: Counters;
  log: (line: LogLine) => Promise<unknown>;
  /** Milliseconds for which the application keeps a metric. */
  metricsCachedFor: number;
  monitoringPerMinute: number;
  /** Length of the minute by which webhook tests and retries are limited, in ms. */
  webhookWindow: number;
}

/** AuthOS's health and monitoring routes. Every figure is measured or counted; none is set. */
export async function buildApi(parts: ApiParts): Promise<FastifyInstance> {
  const { config, counters, log } = parts;
  const app = Fastify({ logger: false, forceCloseConnections: true });

  const arrivals = new WeakMap<FastifyRequest, number>();
  app.addHook('onRequest', async (request) => void arrivals.set(request, performance.now()));
  // Before the answer leaves, so that whoever reads the counters next finds this request in them.
  app.addHook('onSend', async (request, reply) => {
    const endpoint = `${request.method} ${request.routeOptions.url ?? 'unknown'}`;
    const ms = performance.now() - (arrivals.get(request) ?? performance.now());
    await counters.countRequest({ endpoint, status: reply.statusCode, ms: Math.round(ms * 100) / 100 });
  });
  app.setErrorHandler(async (error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ message: error.message });
    await report(error, request);
    return reply.code(500).send({ message: 'Server Error' });
  });
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ message: 'Not Found' }));

  async function report(error: Error, request: FastifyRequest): Promise<void> {
    const message = error.message || (error as NodeJS.ErrnoException).code || error.name;
    await log({ channel: 'monitoring', level: 'ERROR', message, context: { type: error.constructor.name, url: request.url, method: request.method } });
    await counters.countError({
      severity: 'error',
      type: error.constructor.name,
      message,
      file: error.stack?.split('\n')[1]?.trim().slice(0, 200) ?? '',
      line: 0,
      url: request.url,
      method: request.method,
      user_id: null,
      organization_id: null,
    });
  }

  addHealth(app, parts);
  addLogin(app, parts);
  await app.register(async (monitoring) => {
    await monitoring.register(rateLimit, { max: parts.monitoringPerMinute, timeWindow: 60_000 });
    monitoring.addHook('preHandler', (request, reply) => authenticate(config(), request, reply));
    addMonitoring(monitoring, parts);
  }, { prefix: '/api/v1/monitoring' });
  await app.register(async (application) => {
    // A token is looked up once: what users do all day must not wait for a new connection each time.
    const known = new Set<string>();
    application.addHook('preHandler', async (request, reply) => {
      const token = request.headers.authorization ?? '';
      if (known.has(token)) return undefined;
      const refused = await authenticate(config(), request, reply);
      if (refused === undefined) known.add(token);
      return refused;
    });
    await addWebhooks(application, { config, log, window: parts.webhookWindow });
    addApplication(application, { root: parts.root, config, log, countSlowQuery: () => counters.countPerformance('slowQueries') });
  }, { prefix: '/api/v1' });
  return app;
}

function addHealth(app: FastifyInstance, { checks, config }: ApiParts): void {
  const timestamp = () => new Date().toISOString();
  const measure = async (names: string[]): Promise<Record<string, Check>> =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await checks[name]!()] as const)));

  app.get('/api/health', async () => ({ status: 'ok', timestamp: timestamp() }));
  app.get('/api/health/detailed', async (_, reply) => {
    const measured = await measure(Object.keys(checks));
    const status = overall(measured);
    const services = Object.fromEntries(Object.entries(measured).map(([name, check]) => [name, check.status === 'healthy' ? 'ok' : check.status]));
    if (status === 'unhealthy' || status === 'critical') reply.code(503);
    return { status, timestamp: timestamp(), services, checks: measured, version: '1.0.0', environment: config().app.env };
  });
  app.get('/api/health/liveness', async () => ({ status: 'alive', timestamp: timestamp() }));
  app.get('/api/health/readiness', async (_, reply) => {
    const measured = await measure(['database', 'cache']);
    const ready = Object.values(measured).every((check) => check.status === 'healthy');
    if (!ready) reply.code(503);
    return { status: ready ? 'ready' : 'not_ready', timestamp: timestamp() };
  });
  app.get<{ Params: { component: string } }>('/api/health/:component', async ({ params: { component } }, reply) => {
    if (!Object.hasOwn(checks, component)) {
      return reply.code(404).send({ error: `Unknown component: ${component}`, valid_components: Object.keys(checks) });
    }
    const result = await checks[component]!();
    if (result.status === 'unhealthy' || result.status === 'critical') reply.code(503);
    return { component, result, timestamp: timestamp() };
  });
}

function addMonitoring(app: FastifyInstance, { config, counters, metricsCachedFor }: ApiParts): void {
  app.get<{ Querystring: { date?: string } }>('/errors', async ({ query: { date = today() } }, reply) => {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return reply.code(422).send({ message: 'The date does not match the format Y-m-d.' });
    const { byType, byHour, ...counts } = await counters.errors(date);
    return { ...counts, total: counts.critical + counts.error + counts.warning + counts.info, by_type: byType, by_hour: byHour };
  });
  app.get<{ Querystring: { limit?: string } }>('/errors/recent', async ({ query }) =>
    (await counters.recentErrors()).slice(0, whole(query.limit, 20)));
  app.get<{ Querystring: { days?: string } }>('/errors/trends', async ({ query }) => {
    const days = Math.min(whole(query.days, 7), 90);
    const dates = Array.from({ length: days }, (_, index) => new Date(Date.now() - (days - 1 - index) * 86_400_000).toISOString().slice(0, 10));
    return Promise.all(dates.map(async (date) => {
      const { critical, error, warning, info } = await counters.errors(date);
      return { date, critical, error, warning, info, total: critical + error + warning + info };
    }));
  });
  app.get<{ Params: { name: string } }>('/metrics/:name', async ({ params: { name } }, reply) => {
    const metric = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
    if (metric === undefined) return reply.code(404).send({ message: 'Not Found' });
    const key = `metrics:answer:${name}`;
    const kept = await withCache(config(), (cache) => cache.get(key));
    const answer = kept === null ? undefined : (JSON.parse(kept) as { at: number; value: unknown });
    if (answer !== undefined && Date.now() - answer.at < metricsCachedFor) {
      await counters.countPerformance('cacheHits');
      return answer.value;
    }
    await counters.countPerformance('cacheMisses');
    const startedAt = performance.now();
    const value = await withDatabase(config(), (client) => metric(client, counters));
    if (performance.now() - startedAt > 100) await counters.countPerformance('slowQueries');
    const seconds = Math.ceil(metricsCachedFor / 1000);
    if (seconds > 0) await withCache(config(), (cache) => cache.put(key, JSON.stringify({ at: Date.now(), value }), seconds));
    return value;
  });
}

/** Passport's way: the token must be in the database, so without one nobody is let in and the answer is an error. */
async function authenticate(config: RunningConfig, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const known = token !== undefined && (await withDatabase(config, async (client) => {
    const { rowCount } = await client.query('select 1 from oauth_access_tokens where id = $1 and not revoked and expires_at > localtimestamp', [tokenId(token)]);
    return rowCount === 1;
  }));
  return known ? undefined : reply.code(401).send({ message: 'Unauthenticated.' });
}

/** What the database keeps of a token: enough to recognise it, too little to use it. */
export function tokenId(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function whole(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : otherwise;
}
