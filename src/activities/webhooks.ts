import { Context } from '@temporalio/activity';
import type { Client } from 'pg';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { figureIn } from './figures.js';
import type { AuthosApi, AuthosCommands } from './health-api.js';
import { badInput, hostMisconfigured, hostNamed, wholeNumber } from './known-hosts.js';
import { lastLogLines } from './logs.js';
import { outsideText } from './outside-text.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Scrub } from './scrub.js';
import { commandWebhook, keptProgress, testWebhook, waitForRate } from './webhook-api.js';
import type { WebhookTest } from './webhook-api.js';
import { deliveryCounts, deliveryStates, failedDeliveries, webhookId, webhookRow } from './webhook-tables.js';
import type { DeliveryCounts } from './webhook-tables.js';
import { listed } from './wording.js';

export interface WebhookParts {
  hosts: readonly Host[];
  databaseOf: DatabaseOf;
  apiOf: (place: Place) => AuthosApi;
  commandsOf: (place: Place) => AuthosCommands;
  scrub: Scrub;
}

/** A run works through so many webhooks at most. */
export const mostWebhooks = 20;
/** The runbook's thresholds; it does not say how many timeouts are many. */
const successAtLeast = 95;
const failedAtMost = 50;
const manyTimeouts = 10;
const day = 24 * 60 * 60_000;

/** The webhooks of an incident. */
export interface WebhooksFound {
  webhooks: string[];
  /** Over the threshold in all. */
  all: number;
}

/** What became of a redelivery. */
export interface Redelivered {
  /** Deliveries that AuthOS has taken to send again, by their own ids. */
  retried: string[];
  /** It did not take these, in its words. */
  refused: string[];
}

/** Activities on AuthOS's webhooks: what it knows of them, its own test, and its retry. */
export function webhookActivities({ hosts, databaseOf, apiOf, commandsOf, scrub }: WebhookParts) {
  const onTables = <T>(place: Place, use: (client: Client, host: Host) => Promise<T>): Promise<T> => {
    const host = hostNamed(hosts, place.host);
    return withDatabase(databaseOf, place, (client) => use(client, host));
  };
  const word = (text: string, limit: number): string => outsideText(text, scrub, limit);

  return {
    /** AuthOS's webhook figures of today, all webhooks together, or in words why there are none. Reads only; a repeat is safe. */
    async checkWebhookMetrics({ place }: { place: Place }): Promise<Finding<Record<string, number>>> {
      const path = '/api/v1/monitoring/metrics/webhooks';
      const answer = await apiOf(place).get(path);
      if (answer.kind === 'unknown') return { evidence: `webhook metrics unknown: ${word(answer.because, 300)}`, data: {} };
      if (answer.status !== 200) return { evidence: `webhook metrics unknown: ${path} answered ${answer.status}`, data: {} };
      const names = ['total_webhooks', 'active_webhooks', 'deliveries_today', 'successful_deliveries', 'failed_deliveries', 'success_rate', 'avg_response_time_ms', 'problematic_webhooks'];
      const figures = names.flatMap((name) => {
        const value = figureIn(answer.body, name);
        return value === undefined ? [] : [[name, value] as const];
      });
      if (figures.length === 0) return { evidence: `webhook metrics unknown: ${path} answered without a figure`, data: {} };
      const none = figures.some(([name, value]) => name === 'deliveries_today' && value === 0) ? '; no deliveries, which is no failure' : '';
      return { evidence: `today, up to 6 min old: ${figures.map(([name, value]) => `${name} ${value}`).join(', ')}${none}`, data: Object.fromEntries(figures) };
    },

    /** Those of the last 200 lines of the webhooks' log that name a failure. Reads only; a repeat is safe. */
    async reviewWebhookLogs({ place }: { place: Place }): Promise<Finding<{ failures: number }>> {
      const last = await lastLogLines({ host: hostNamed(hosts, place.host), channel: 'webhooks', most: 200 });
      if (!last) return { evidence: 'webhooks: no log', data: { failures: 0 } };
      const failed = last.lines.filter(({ message }) => /fail/i.test(message));
      const rows = failed.map(({ at, level, message, context }) => {
        const about = ['webhook_id', 'status_code', 'error'].flatMap((key) => (context[key] == null ? [] : [`${key} ${word(String(context[key]), 100)}`]));
        return `${new Date(at).toISOString()} ${level} ${word([message, ...about].join(', '), 240)}`;
      });
      const problems = last.problems.length === 0 ? '' : `; ${last.problems.join(', ')}`;
      return { evidence: listed(`${last.name}: ${failed.length} of the last ${last.lines.length} lines name a failure${problems}`, rows.slice(-8), 8), data: { failures: failed.length } };
    },

    /**
     * The webhooks that an incident is about: the one of its place, or for `all` those that were over a threshold in the last 24 h,
     * worst first, 20 at most. One without deliveries is not failing. Reads only; a repeat is safe.
     */
    async failingWebhooks({ place }: { place: Place }): Promise<Finding<WebhooksFound>> {
      const { webhook } = place;
      if (webhook === undefined) throw hostMisconfigured(`place ${JSON.stringify(place.name)} names no webhook`);
      const only = webhook === 'all' ? undefined : webhookId(webhook);
      const counts = await onTables(place, (client, host) => deliveryCounts(client, host, { withinMs: day, ...(only === undefined ? {} : { only }) }));
      const over = only === undefined ? counts.filter(isFailing) : [only].map((id) => counts.find((one) => one.webhook === id) ?? { webhook: id, success: 0, failed: 0, timeouts: 0, serverErrors: 0 });
      const webhooks = over.slice(0, mostWebhooks).map((one) => webhookId(one.webhook));
      const left = over.length > webhooks.length ? `, ${mostWebhooks} of them in this run` : '';
      return { evidence: listed(only === undefined ? `${over.length} webhooks over a threshold in 24 h${left}` : 'in 24 h', over.map(countsText), 10), data: { webhooks, all: over.length } };
    },

    /**
     * AuthOS's own test of each webhook, as fast as its limit of 5 a minute lets: waits by retry, and needs unlimited attempts. Every one
     * is tested once, also over a retry.
     */
    async testWebhooks({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<{ tests: WebhookTest[] }> {
      const wanted = someWebhooks(webhooks);
      const tests = keptProgress(isTests)?.tests ?? [];
      for (const webhook of wanted.slice(tests.length)) {
        const { row } = await onTables(place, async (client) => ({ row: await webhookRow(client, webhook) }));
        // AuthOS gives up a webhook that fails again and again: nothing is sent to it any more, tests neither.
        const off = row?.active === false ? `it is disabled in AuthOS${row.disabledAt === undefined ? '' : ` since ${row.disabledAt}`}, after ${row.consecutiveFailures ?? 'some'} failures in a row` : undefined;
        const test = off === undefined ? await testWebhook(commandsOf(place), webhook, scrub) : { webhook, passed: false, words: off };
        if ('waitMs' in test) throw waitForRate(test, `${tests.length} of ${wanted.length} webhooks tested`);
        tests.push(test);
        Context.current().heartbeat({ tests } satisfies Tests);
      }
      return { tests };
    },

    /** Failed deliveries of one webhook in the last 24 h that may be sent again, newest first. Reads only; a repeat is safe. */
    async failedDeliveriesOf({ place, webhook, most }: { place: Place; webhook: string; most: number }): Promise<{ ids: string[]; all: number }> {
      wholeNumber('most', most, { min: 1, max: 1_000 });
      return onTables(place, (client, host) => failedDeliveries(client, host, { webhook, withinMs: day, most }));
    },

    /**
     * Asks AuthOS to send failed deliveries again, as fast as its limit of 10 a minute lets: waits by retry, and needs unlimited attempts.
     * Each goes once: it is noted before it is asked for, and one that is not failed any more is left alone.
     */
    async retryDeliveries({ place, ids }: { place: Place; ids: string[] }): Promise<Redelivered> {
      wholeNumber('the number of ids', ids.length, { min: 1, max: 1_000 });
      const wanted = [...new Set(ids.map(webhookId))];
      const progress: Progress = keptProgress(isProgress) ?? { next: 0, retried: [], refused: [] };
      const states = await onTables(place, (client) => deliveryStates(client, wanted));
      // A worker died after it had noted one: if it was asked for, its state has moved.
      const noted = wanted[progress.next - 1];
      if (noted !== undefined && !progress.retried.includes(noted) && states.get(noted) !== 'failed' && !progress.refused.some((line) => line.startsWith(`${noted}:`))) progress.retried.push(noted);
      for (let at = progress.next; at < wanted.length; at += 1) {
        const delivery = wanted[at] ?? '';
        progress.next = at + 1;
        if (states.get(delivery) !== 'failed') {
          progress.refused.push(`${delivery}: it is ${states.get(delivery) ?? 'gone'}`);
          continue;
        }
        Context.current().heartbeat(progress);
        const answer = await commandWebhook(commandsOf(place), { kind: 'retry', delivery }, scrub);
        if ('waitMs' in answer) {
          Context.current().heartbeat({ ...progress, next: at } satisfies Progress);
          throw waitForRate(answer, `${at} of ${wanted.length} deliveries asked for`);
        }
        if (answer.done) progress.retried.push(delivery);
        else progress.refused.push(`${delivery}: ${answer.words}`);
      }
      return { retried: progress.retried, refused: progress.refused.slice(0, 20) };
    },

    /** Waits by retry until every delivery has ended, or until `until` (ms since the epoch). Needs unlimited attempts. A repeat is safe. */
    async followDeliveries({ place, ids, until, every }: { place: Place; ids: string[]; until: number; every: number }): Promise<{ arrived: string[]; failed: string[]; underWay: string[] }> {
      const states = await onTables(place, (client) => deliveryStates(client, ids));
      const those = (wanted: (status: string | undefined) => boolean): string[] => ids.filter((id) => wanted(states.get(id)));
      const underWay = those((status) => status !== 'success' && status !== 'failed' && status !== undefined);
      if (underWay.length > 0 && Context.current().info.currentAttemptScheduledTimestampMs < until) {
        throw waitForRate({ waitMs: Math.max(1, every) }, `${underWay.length} of ${ids.length} deliveries are under way`);
      }
      return { arrived: those((status) => status === 'success'), failed: those((status) => status === 'failed' || status === undefined), underWay };
    },

    /** Address, state and limits of each webhook, and whether it has a secret; never the secret. Reads only; a repeat is safe. */
    async describeWebhooks({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<ActResult> {
      const wanted = someWebhooks(webhooks);
      const rows = await onTables(place, async (client) => {
        const found = [];
        for (const id of wanted) found.push(await webhookRow(client, id));
        return found;
      });
      const lines = rows.map((row, index) => {
        if (!row) return `${wanted[index] ?? ''}: there is no such webhook`;
        const state = row.active === undefined ? 'nobody says whether it is active' : row.active ? 'active' : `disabled${row.disabledAt === undefined ? '' : ` since ${row.disabledAt}`}`;
        const details = [shownUrl(row.url, scrub), state, row.hasSecret ? 'a secret is set' : 'no secret is set', `timeout ${row.timeoutSeconds ?? '?'} s`, `${row.consecutiveFailures ?? '?'} failures in a row`];
        return `${row.id} ${word(row.name, 60)}: ${details.join(', ')}`;
      });
      return { outcome: 'done', evidence: listed(`${rows.length} webhooks`, lines, 10) };
    },
  };
}

/** Without user, password and query: tokens are often there. */
export function shownUrl(text: string, scrub: Scrub): string {
  if (!URL.canParse(text)) return `no URL: ${outsideText(text, scrub, 80)}`;
  const { protocol, host, pathname, search } = new URL(text);
  return outsideText(`${protocol}//${host}${pathname}${search === '' ? '' : '?…'}`, scrub, 200);
}

/** The ids, checked, 20 at most. Throws `BadInput`, not retried, for more or for one that is none. */
export function someWebhooks(webhooks: readonly string[]): string[] {
  if (!Array.isArray(webhooks) || webhooks.length > mostWebhooks) throw badInput(`not more than ${mostWebhooks} webhooks: ${JSON.stringify(webhooks).slice(0, 100)}`);
  return [...new Set(webhooks.map(webhookId))];
}

/** Over a threshold of the runbook. No deliveries is no failure. */
function isFailing({ success, failed, timeouts }: DeliveryCounts): boolean {
  const all = success + failed;
  return all > 0 && (success * 100 < successAtLeast * all || failed > failedAtMost || timeouts >= manyTimeouts);
}

/** Counts of one webhook in a line. */
export function countsText({ webhook, success, failed, timeouts, serverErrors }: DeliveryCounts): string {
  const all = success + failed;
  return `${webhook}: ${all === 0 ? 'no deliveries' : `${success} of ${all} arrived (${Math.round((success * 1_000) / all) / 10} %), ${failed} failed, ${timeouts} by timeout, ${serverErrors} by a 5xx`}`;
}

interface Tests {
  tests: WebhookTest[];
}

const isTests = (value: unknown): value is Tests => typeof value === 'object' && value !== null && Array.isArray((value as Partial<Tests>).tests);

interface Progress extends Redelivered {
  next: number;
}

const isProgress = (value: unknown): value is Progress => typeof value === 'object' && value !== null && Number.isInteger((value as Partial<Progress>).next) && Array.isArray((value as Partial<Progress>).retried);

export type WebhookActivities = ReturnType<typeof webhookActivities>;
