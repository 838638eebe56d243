import { ApplicationFailure, Context } from '@temporalio/activity';

import type { ApiAnswer, AuthosCommands } from './health-api.js';
import { outsideText } from './outside-text.js';
import type { Scrub } from './scrub.js';
import { webhookId } from './webhook-tables.js';

/** How a test went; `passed` is absent where nobody can tell. */
export interface WebhookTest {
  webhook: string;
  passed?: boolean;
  words: string;
}

/** AuthOS lets nobody ask more at the moment: 5 tests and 10 retries a minute. */
export interface RateLimited {
  waitMs: number;
}

/** Asks AuthOS to send its test to a webhook. A repeat sends another. */
export async function testWebhook(api: AuthosCommands, webhook: string, scrub: Scrub): Promise<WebhookTest | RateLimited> {
  const answer = await api.post(`/api/v1/webhooks/${webhookId(webhook)}/test`);
  if (answer.kind === 'unknown') return { webhook, words: outsideText(answer.because, scrub, 200) };
  if (answer.status === 429) return { waitMs: waitOf(answer) };
  const body = inner(answer.body);
  const said = wordsOf(body, scrub);
  if (answer.status === 404) return { webhook, passed: false, words: 'AuthOS knows no such webhook' };
  // Our token's problem, or AuthOS's own: neither says anything about the endpoint.
  if (answer.status === 401 || answer.status === 403 || answer.status >= 500) return { webhook, words: `AuthOS answered ${answer.status}${said}` };
  if (answer.status >= 300) return { webhook, passed: false, words: `AuthOS answered ${answer.status}${said}` };
  const passed = successOf(body);
  return { webhook, ...(passed === undefined ? {} : { passed }), words: passed === undefined ? `AuthOS does not say how it went${said}` : `${passed ? 'the test arrived' : 'the test did not arrive'}${said}` };
}

/** What AuthOS does with a webhook or a delivery: 2xx, or why not. */
export async function commandWebhook(
  api: AuthosCommands,
  what: { kind: 'enable' | 'disable'; webhook: string } | { kind: 'retry'; delivery: string },
  scrub: Scrub,
): Promise<{ done: true; body: unknown } | { done: false; words: string } | RateLimited> {
  const path = what.kind === 'retry' ? `/api/v1/webhook-deliveries/${webhookId(what.delivery)}/retry` : `/api/v1/webhooks/${webhookId(what.webhook)}/${what.kind}`;
  const answer = await api.post(path);
  if (answer.kind === 'unknown') return { done: false, words: outsideText(answer.because, scrub, 200) };
  if (answer.status === 429) return { waitMs: waitOf(answer) };
  const body = inner(answer.body);
  return answer.status < 300 ? { done: true, body } : { done: false, words: `AuthOS answered ${answer.status}${wordsOf(body, scrub)}` };
}

/** The failure by which a paced activity waits: tried again after that time, which costs no slot and no event. */
export function waitForRate({ waitMs }: RateLimited, what: string): ApplicationFailure {
  return ApplicationFailure.create({ message: `${what}: AuthOS lets nobody ask more for ${Math.round(waitMs / 1_000)} s`, type: 'RateLimited', nonRetryable: false, nextRetryDelay: waitMs, category: 'BENIGN' });
}

/** What an earlier attempt of this activity has left in its heartbeat. */
export function keptProgress<T>(isProgress: (value: unknown) => value is T): T | undefined {
  const { heartbeatDetails } = Context.current().info;
  return isProgress(heartbeatDetails) ? heartbeatDetails : undefined;
}

/** `Retry-After` in seconds or as a date; at least half a second and at most two minutes. */
function waitOf({ retryAfter }: Extract<ApiAnswer, { kind: 'answer' }>): number {
  const seconds = Number(retryAfter);
  const ms = retryAfter === undefined || retryAfter.trim() === '' ? Number.NaN : Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(retryAfter) - Date.now();
  return Math.min(120_000, Math.max(500, Number.isFinite(ms) ? ms : 15_000));
}

/** Laravel wraps resources in `data`; some routes don't. */
function inner(body: unknown): Record<string, unknown> {
  const outer = record(body);
  const data = record(outer['data']);
  return Object.keys(data).length > 0 ? { ...outer, ...data } : outer;
}

function successOf(body: Record<string, unknown>): boolean | undefined {
  for (const key of ['success', 'delivered', 'ok']) if (typeof body[key] === 'boolean') return body[key];
  const delivery = record(body['delivery']);
  for (const status of [body['status'], delivery['status']]) {
    if (status === 'success' || status === 'delivered') return true;
    if (status === 'failed') return false;
  }
  return undefined;
}

function wordsOf(body: Record<string, unknown>, scrub: Scrub): string {
  const code = body['status_code'] ?? body['http_status_code'];
  const message = body['error_message'] ?? body['error'] ?? body['message'];
  const parts = [typeof code === 'number' ? `HTTP ${code}` : '', typeof message === 'string' ? outsideText(message, scrub, 160) : ''].filter(Boolean);
  return parts.length > 0 ? `: ${parts.join(', ')}` : '';
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
