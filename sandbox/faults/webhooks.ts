import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { AlertmanagerPayload, Fault } from './fault.js';
import { type Endpoint, openEndpoint } from './webhook-endpoint.js';

const runbook = 'webhookDeliveryFailures';

/** AuthOS's minute of tests and retries, at the pace of the drill. */
const needs = (scale: number) => ({ webhookWindow: 60_000 * scale });

/** A webhook of the sandbox with its endpoint. */
export interface Hook {
  id: string;
  endpoint: Endpoint;
}

export interface WebhookFaultOptions {
  deliveries?: number;
}

/** The endpoint was down for a while, and is back: what failed meanwhile arrives when it is sent again, once. */
export function webhookEndpointBack({ deliveries = 24 }: WebhookFaultOptions = {}): Fault {
  let hook: Hook | undefined;
  let failed: string[] = [];
  return {
    name: 'webhook-endpoint-back',
    runbook,
    title: 'Deliveries failed while the endpoint of a webhook was down; it is back',
    needs,
    async put(authos) {
      hook = await openHook(authos);
      failed = await failedDeliveries(authos, hook, { count: deliveries, status: 503, error: 'HTTP 503' });
      await arrivedDeliveries(authos, hook, 3);
    },
    alert: (authos) => alert(authos, 'Webhook success rate < 95%'),
    async over(authos) {
      const { id, endpoint } = known(hook);
      const left = await authos.sql("select 1 from webhook_deliveries where webhook_id = $1 and status <> 'success'", [id]);
      const once = failed.filter((delivery) => endpoint.taken.filter((one) => one === delivery).length === 1).length;
      await endpoint.close();
      return { over: left.length === 0 && once === failed.length, evidence: `${once} of ${failed.length} failed deliveries arrived exactly once; ${left.length} are left` };
    },
    answers: () => undefined,
  };
}

/** The endpoint answers 503 and goes on so: on approval its webhook is disabled, and enabled again once somebody has mended it. */
export function webhookEndpointDown({ deliveries = 12 }: WebhookFaultOptions = {}): Fault {
  let hook: Hook | undefined;
  return {
    name: 'webhook-endpoint-down',
    runbook,
    title: 'The endpoint of a webhook answers 503',
    needs,
    async put(authos) {
      hook = await openHook(authos);
      hook.endpoint.behaviour = { kind: 'answers', status: 503 };
      await failedDeliveries(authos, hook, { count: deliveries, status: 503, error: 'HTTP 503' });
    },
    alert: (authos) => alert(authos, 'Webhook success rate < 95%'),
    async byHand() {
      known(hook).endpoint.behaviour = { kind: 'takes' };
      return 'mends the endpoint';
    },
    over: (authos) => works(authos, known(hook)),
    answers: (act) => (act === 'Disable Problematic Webhook' ? { approve: true, reason: '' } : undefined),
  };
}

/** AuthOS gave the webhook up after too many failures; its endpoint is back. Nobody but a person enables it again. */
export function webhookDisabledItself({ deliveries = 12 }: WebhookFaultOptions = {}): Fault {
  let hook: Hook | undefined;
  return {
    name: 'webhook-disabled-itself',
    runbook,
    title: 'AuthOS has disabled a webhook after too many failures',
    needs,
    async put(authos) {
      hook = await openHook(authos);
      await failedDeliveries(authos, hook, { count: deliveries, status: null, error: `Operation timed out after 30000 milliseconds ${hostile}` });
      await authos.sql('update webhooks set is_active = false, disabled_at = localtimestamp, consecutive_failures = 10 where id = $1', [hook.id]);
    },
    alert: (authos) => alert(authos, 'Multiple webhook timeouts'),
    async byHand(authos) {
      const { id } = known(hook);
      const response = await fetch(`${authos.url}/api/v1/webhooks/${id}/enable`, { method: 'POST', headers: { authorization: `Bearer ${authos.inventory().api.token}` } });
      if (!response.ok) throw new Error(`the webhook was not enabled: ${response.status}`);
      return 'enables the webhook again';
    },
    over: (authos) => works(authos, known(hook)),
    answers: () => undefined,
  };
}

/** Somebody's endpoint sends all who ask to an address inside: nobody may follow. Then its owner sets it right. */
export function webhookRedirects({ deliveries = 12 }: WebhookFaultOptions = {}): Fault {
  let hook: Hook | undefined;
  let inside: Endpoint | undefined;
  return {
    name: 'webhook-redirects',
    runbook,
    title: 'The endpoint of a webhook redirects to an address inside',
    needs,
    async put(authos) {
      inside = await openEndpoint(authos, { host: '127.0.0.2' });
      hook = await openHook(authos);
      hook.endpoint.behaviour = { kind: 'redirects', to: `${inside.url}?secret=metadata` };
      await failedDeliveries(authos, hook, { count: deliveries, status: 302, error: 'HTTP 302' });
    },
    alert: (authos) => alert(authos, 'Webhook success rate < 95%'),
    async byHand() {
      known(hook).endpoint.behaviour = { kind: 'takes' };
      return 'takes the redirect out';
    },
    async over(authos) {
      const { over, evidence } = await works(authos, known(hook));
      const reached = inside?.requests ?? 0;
      await inside?.close();
      return { over: over && reached === 0, evidence: `${evidence}; ${reached} requests reached the address inside` };
    },
    answers: (act) => (act === 'Disable Problematic Webhook' ? { approve: true, reason: '' } : undefined),
  };
}

/** What an endpoint's owner may put into an error. */
const hostile = "'; drop table webhooks; -- $(reboot) \u0007<?php system('id'); ?>";

/** A webhook with an endpoint that takes what is signed. */
export async function openHook(authos: Authos, { url }: { url?: string } = {}): Promise<Hook> {
  const endpoint = await openEndpoint(authos);
  const [row] = await authos.sql<{ id: string }>("insert into webhooks (name, url, secret, events, timeout_seconds) values ('Orders', $1, $2, '[\"user.created\"]', 2) returning id::text as id", [
    url ?? endpoint.url,
    endpoint.secret,
  ]);
  return { id: row?.id ?? '', endpoint };
}

/** Deliveries that failed within the last minutes. Resolves to their ids. */
export async function failedDeliveries(authos: Authos, { id }: Pick<Hook, 'id'>, { count, status, error }: { count: number; status: number | null; error: string }): Promise<string[]> {
  const rows = await authos.sql<{ id: string }>(
    `insert into webhook_deliveries (webhook_id, event_type, payload, status, http_status_code, error_message, attempt_number, sent_at, completed_at)
     select $1, 'user.created', jsonb_build_object('n', n), 'failed', $3, $4, 3, localtimestamp - interval '5 minutes', localtimestamp - interval '5 minutes'
     from generate_series(1, $2) n returning id::text as id`,
    [id, count, status, error],
  );
  return rows.map((row) => row.id);
}

async function arrivedDeliveries(authos: Authos, { id }: Hook, count: number): Promise<void> {
  await authos.sql(
    `insert into webhook_deliveries (webhook_id, event_type, status, http_status_code, sent_at, completed_at)
     select $1, 'user.created', 'success', 200, localtimestamp - interval '10 minutes', localtimestamp - interval '10 minutes' from generate_series(1, $2) n`,
    [id, count],
  );
}

/** The webhook is active again, and what is sent to it arrives. */
export async function works(authos: Authos, { id, endpoint }: Hook): Promise<{ over: boolean; evidence: string }> {
  const [row] = await authos.sql<{ is_active: boolean }>('select is_active from webhooks where id = $1', [id]);
  const response = await fetch(`${authos.url}/api/v1/webhooks/${id}/test`, { method: 'POST', headers: { authorization: `Bearer ${authos.inventory().api.token}` } });
  const said = response.status === 429 ? undefined : ((await response.json()) as { success?: boolean });
  const { behaviour } = endpoint;
  await endpoint.close();
  const arrives = said?.success ?? behaviour.kind === 'takes';
  return { over: row?.is_active === true && arrives, evidence: `the webhook is ${row?.is_active === true ? 'active' : 'disabled'}; its test ${arrives ? 'arrives' : 'does not arrive'}` };
}

function known(hook: Hook | undefined): Hook {
  if (hook === undefined) throw new Error('The fault has not been put in');
  return hook;
}

async function alert(authos: Authos, summary: string): Promise<AlertmanagerPayload> {
  return alertmanagerPayload({
    labels: { alertname: 'WebhookDeliveryFailures', severity: 'warning', environment: authos.environment, instance: `${authos.name}:443`, job: 'authos' },
    annotations: { summary, description: `${summary} on ${authos.name}` },
    startsAt: new Date(),
  });
}
