import type { Client } from 'pg';

import type { Host } from '../domain/inventory.js';
import { badInput } from './known-hosts.js';

/*
 * What the tables `webhooks` and `webhook_deliveries` say. Names, URLs and error messages are outsiders' texts: compared and shown,
 * never run. The secret is read by one function only, and never leaves the worker.
 */

/** A webhook as its row has it; a column that this version lacks is absent. */
export interface WebhookRow {
  id: string;
  name: string;
  url: string;
  active?: boolean;
  hasSecret: boolean;
  timeoutSeconds?: number;
  consecutiveFailures?: number;
  disabledAt?: string;
}

/** Deliveries of one webhook in a time. */
export interface DeliveryCounts {
  webhook: string;
  success: number;
  failed: number;
  /** Of the failed ones: no answer in time, and answers of 5xx. */
  timeouts: number;
  serverErrors: number;
}

/** The id, if it is one: digits, a UUID, or a ULID. Throws `BadInput`, not retried, if not: it becomes part of a path. */
export function webhookId(id: string): string {
  if (typeof id !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(id)) throw badInput(`no id of a webhook or delivery: ${JSON.stringify(id).slice(0, 100)}`);
  return id;
}

/** When a delivery ended, or was last tried; without zone, in the application's time ($2). */
const endedAt = '(coalesce(d.completed_at, d.sent_at)::timestamp at time zone $2)';
/** Deliveries of the test itself: they are our own doing, and nobody waits for them. */
const isTest = "coalesce(d.event_type, '') in ('webhook.test', 'webhook.ping', 'test', 'ping')";
const timedOut = "(d.http_status_code is null and left(d.error_message, 2000) ~* 'timed? ?out|timeout')";

/** The row of one webhook, or undefined. Reads only. */
export async function webhookRow(client: Client, id: string): Promise<WebhookRow | undefined> {
  // As JSON, since versions differ in their columns; the secret is taken out before it leaves the database.
  const { rows } = await client.query<{ row: Record<string, unknown>; has_secret: boolean }>(
    `select to_jsonb(w) - 'secret' as row, coalesce(to_jsonb(w)->>'secret', '') <> '' as has_secret from webhooks w where w.id::text = $1`,
    [webhookId(id)],
  );
  const [found] = rows;
  if (!found) return undefined;
  const { row } = found;
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 2_000) : '');
  const active = row['is_active'] ?? row['enabled'];
  const figure = (value: unknown, name: string): object => (typeof value === 'number' ? { [name]: value } : {});
  return {
    id,
    name: text(row['name']),
    url: text(row['url']),
    ...(typeof active === 'boolean' ? { active } : {}),
    hasSecret: found.has_secret,
    ...figure(row['timeout_seconds'], 'timeoutSeconds'),
    ...figure(row['consecutive_failures'], 'consecutiveFailures'),
    ...(typeof row['disabled_at'] === 'string' ? { disabledAt: row['disabled_at'].slice(0, 40) } : {}),
  };
}

/** The secret that deliveries are signed with, or null. For a signature and nothing else: never in a result, a log or an error. */
export async function webhookSecret(client: Client, id: string): Promise<string | null> {
  const { rows } = await client.query<{ secret: string | null }>("select to_jsonb(w)->>'secret' as secret from webhooks w where w.id::text = $1", [webhookId(id)]);
  return rows[0]?.secret ?? null;
}

/** Deliveries that ended within the last `withinMs`, by webhook, most failures first; of one webhook if `only` names it. Reads only. */
export async function deliveryCounts(client: Client, host: Host, { withinMs, only }: { withinMs: number; only?: string }): Promise<DeliveryCounts[]> {
  const { rows } = await client.query<Record<'webhook' | 'success' | 'failed' | 'timeouts' | 'errors', string>>(
    `select d.webhook_id::text as webhook, count(*) filter (where d.status = 'success') as success, count(*) filter (where d.status = 'failed') as failed,
            count(*) filter (where d.status = 'failed' and ${timedOut}) as timeouts,
            count(*) filter (where d.status = 'failed' and d.http_status_code between 500 and 599) as errors
     from webhook_deliveries d where not ${isTest} and ${endedAt} > now() - make_interval(secs => $1) and ($3::text is null or d.webhook_id::text = $3)
     group by 1 order by 3 desc, 1`,
    [withinMs / 1_000, host.timeZone, only ?? null],
  );
  return rows.map(({ webhook, success, failed, timeouts, errors }) => ({
    webhook,
    success: Number(success),
    failed: Number(failed),
    timeouts: Number(timeouts),
    serverErrors: Number(errors),
  }));
}

/** Failed deliveries of the last `withinMs`, newest first, with the attempt that failed. Reads only. */
export async function failedDeliveries(client: Client, host: Host, { webhook, withinMs, most }: { webhook: string; withinMs: number; most: number }): Promise<{ ids: string[]; all: number }> {
  const { rows } = await client.query<{ id: string; all: string }>(
    `select d.id::text as id, count(*) over () as all from webhook_deliveries d
     where d.webhook_id::text = $3 and d.status = 'failed' and not ${isTest} and ${endedAt} > now() - make_interval(secs => $1)
     order by ${endedAt} desc, d.id desc limit $4`,
    [withinMs / 1_000, host.timeZone, webhookId(webhook), most],
  );
  return { ids: rows.map(({ id }) => id), all: Number(rows[0]?.all ?? 0) };
}

/** Status of deliveries by id; one that is not there is absent. Reads only. */
export async function deliveryStates(client: Client, ids: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ id: string; status: string }>('select id::text as id, status from webhook_deliveries where id::text = any($1)', [ids.map(webhookId)]);
  return new Map(rows.map(({ id, status }) => [id, status]));
}


/** How the newest delivery of a webhook ended, tests included; undefined without one. Reads only. */
export async function lastDelivery(client: Client, webhook: string): Promise<string | undefined> {
  const { rows } = await client.query<{ status: string }>(
    `select status from webhook_deliveries where webhook_id::text = $1 and status in ('success', 'failed') order by coalesce(completed_at, sent_at) desc nulls last, id desc limit 1`,
    [webhookId(webhook)],
  );
  return rows[0]?.status;
}
