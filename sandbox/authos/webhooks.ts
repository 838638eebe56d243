import { createHmac, randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Client } from 'pg';
import type { RunningConfig } from '../bin/lib/config.mjs';
import { withDatabase } from '../bin/lib/database.mjs';
import type { LogLine } from './logs.js';

export interface WebhookParts {
  config: () => RunningConfig;
  log: (line: LogLine) => Promise<unknown>;
  /** Length of the minute in which so many tests and retries are taken, in ms. */
  window: number;
}

interface Webhook {
  id: string;
  name: string;
  url: string;
  secret: string | null;
  is_active: boolean;
  timeout_seconds: number;
  consecutive_failures: number;
  disabled_at: Date | null;
}

/** How a delivery ended. */
interface Sent {
  success: boolean;
  status: number | null;
  error: string | null;
  ms: number;
}

/** After so many failures in a row AuthOS gives a webhook up. */
const givesUpAfter = 10;

/**
 * AuthOS's webhook routes (docs of AuthOS): every delivery is a real request with a signature, whose end is in the tables. A 3xx
 * is a failure and is not followed.
 */
export async function addWebhooks(app: FastifyInstance, parts: WebhookParts): Promise<void> {
  const { config, window } = parts;
  const limited = async (max: number, add: (scope: FastifyInstance) => void): Promise<void> => {
    await app.register(async (scope) => {
      await scope.register(rateLimit, { max, timeWindow: window });
      add(scope);
    });
  };
  const missing = (reply: FastifyReply): unknown => reply.code(404).send({ message: 'Not Found' });

  app.get('/webhooks', async () => withDatabase(config(), async (client) => ({ data: (await client.query(`${selectWebhook} order by id`)).rows.map(shown) })));
  app.get<{ Params: { id: string } }>('/webhooks/:id', async ({ params: { id } }, reply) => {
    const webhook = await withDatabase(config(), (client) => webhookOf(client, id));
    return webhook ? { data: shown(webhook) } : missing(reply);
  });
  app.get<{ Params: { id: string } }>('/webhooks/:id/deliveries', async ({ params: { id } }, reply) => withDatabase(config(), async (client) => {
    if (!(await webhookOf(client, id))) return missing(reply);
    const { rows } = await client.query('select * from webhook_deliveries where webhook_id = $1 order by id desc limit 50', [id]);
    return { data: rows };
  }));
  for (const verb of ['enable', 'disable'] as const) {
    app.post<{ Params: { id: string } }>(`/webhooks/:id/${verb}`, async ({ params: { id } }, reply) => withDatabase(config(), async (client) => {
      if (!(await webhookOf(client, id))) return missing(reply);
      const set = verb === 'enable' ? 'is_active = true, disabled_at = null, consecutive_failures = 0' : 'is_active = false, disabled_at = localtimestamp';
      await client.query(`update webhooks set ${set} where id = $1`, [id]);
      const webhook = await webhookOf(client, id);
      return { data: webhook && shown(webhook) };
    }));
  }
  await limited(5, (scope) =>
    scope.post<{ Params: { id: string } }>('/webhooks/:id/test', async ({ params: { id } }, reply) => withDatabase(config(), async (client) => {
      const webhook = await webhookOf(client, id);
      if (!webhook) return missing(reply);
      if (!webhook.is_active) return reply.code(422).send({ message: 'Webhook is disabled' });
      const { rows } = await client.query<{ id: string }>("insert into webhook_deliveries (webhook_id, event_type, status) values ($1, 'webhook.test', 'sending') returning id", [id]);
      const sent = await deliver(client, parts, webhook, { id: rows[0]?.id ?? '', event_type: 'webhook.test', payload: { test: true } });
      return { success: sent.success, status_code: sent.status, response_time_ms: sent.ms, error_message: sent.error };
    })));
  await limited(10, (scope) =>
    scope.post<{ Params: { id: string } }>('/webhook-deliveries/:id/retry', async ({ params: { id } }, reply) => withDatabase(config(), async (client) => {
      const { rows } = isId(id) ? await client.query<Delivery & { webhook_id: string; status: string }>('select * from webhook_deliveries where id = $1', [id]) : { rows: [] };
      const [delivery] = rows;
      const webhook = delivery && (await webhookOf(client, delivery.webhook_id));
      if (!delivery || !webhook) return missing(reply);
      if (delivery.status !== 'failed') return reply.code(422).send({ message: `Delivery is ${delivery.status}` });
      await client.query("update webhook_deliveries set status = 'retrying', attempt_number = attempt_number + 1 where id = $1", [id]);
      const sent = await deliver(client, parts, webhook, delivery);
      return reply.code(202).send({ data: { id: delivery.id, status: sent.success ? 'success' : 'failed' } });
    })));
}

interface Delivery {
  id: string;
  event_type: string;
  payload: unknown;
}

const selectWebhook = 'select * from webhooks';

async function webhookOf(client: Client, id: string): Promise<Webhook | undefined> {
  return isId(id) ? (await client.query<Webhook>(`${selectWebhook} where id = $1`, [id])).rows[0] : undefined;
}

const isId = (id: string): boolean => /^\d{1,18}$/.test(id);

/** As the API gives it: without the secret. */
function shown(row: object): object {
  return Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'secret'));
}

async function deliver(client: Client, { log }: WebhookParts, webhook: Webhook, delivery: Delivery): Promise<Sent> {
  const sent = await send(webhook, delivery);
  await client.query(
    `update webhook_deliveries set status = $2, http_status_code = $3, error_message = $4, response_time_ms = $5, sent_at = localtimestamp, completed_at = localtimestamp where id = $1`,
    [delivery.id, sent.success ? 'success' : 'failed', sent.status, sent.error, Math.round(sent.ms)],
  );
  const { rows } = await client.query<{ consecutive_failures: number }>(
    'update webhooks set consecutive_failures = case when $2 then 0 else consecutive_failures + 1 end where id = $1 returning consecutive_failures',
    [webhook.id, sent.success],
  );
  if ((rows[0]?.consecutive_failures ?? 0) >= givesUpAfter) await client.query('update webhooks set is_active = false, disabled_at = localtimestamp where id = $1 and is_active', [webhook.id]);
  const context = { webhook_id: webhook.id, delivery_id: delivery.id, event: delivery.event_type, status_code: sent.status, error: sent.error };
  await log({ channel: 'webhooks', level: sent.success ? 'INFO' : 'WARNING', message: sent.success ? 'Webhook delivered' : 'Webhook delivery failed', context });
  return sent;
}

async function send({ url, secret, timeout_seconds: timeout }: Webhook, { id, event_type: event, payload }: Delivery): Promise<Sent> {
  const body = JSON.stringify({ id: randomUUID(), delivery: id, event, data: payload });
  const signature: Record<string, string> = secret === null ? {} : { 'x-webhook-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
  const startedAt = performance.now();
  try {
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...signature }, redirect: 'manual', signal: AbortSignal.timeout(timeout * 1_000) });
    await response.arrayBuffer();
    return { success: response.ok, status: response.status, error: response.ok ? null : `HTTP ${response.status}`, ms: performance.now() - startedAt };
  } catch (error) {
    const { name, cause, message } = error as Error;
    const why = name === 'TimeoutError' ? `Operation timed out after ${timeout * 1_000} milliseconds` : cause instanceof Error ? cause.message : message;
    return { success: false, status: null, error: why, ms: performance.now() - startedAt };
  }
}
