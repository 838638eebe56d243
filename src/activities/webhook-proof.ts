import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { SampleWindow, Verdict } from '../domain/step.js';
import type { EnvSetting } from './env-file.js';
import type { EnvFileActivities } from './env-file.js';
import type { AuthosCommands } from './health-api.js';
import { hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { LookAgain, sampled } from './sampling.js';
import type { Scrub } from './scrub.js';
import { testWebhook } from './webhook-api.js';
import type { WebhookEndpointActivities } from './webhook-endpoints.js';
import { deliveryCounts, deliveryStates, failedDeliveries, webhookRow } from './webhook-tables.js';
import { countsText, someWebhooks } from './webhooks.js';
import { fitted } from './wording.js';

export interface WebhookProof {
  place: Place;
  webhooks: string[];
  /** Deliveries that were sent again in this run, by webhook. */
  retried: Record<string, string[]>;
  /** Webhooks that a person let us disable. */
  disabled: string[];
  /** True before the retry of a full run: deliveries that failed in the last 24 h are still to be sent again. */
  retryIsDue: boolean;
  /** False where nothing may be sent: then only what the tables say counts, and a test that would be needed is 'unknown'. */
  mayTest: boolean;
  window: SampleWindow;
}

/** What the runbook sets the application's own retries to. */
export const retrySettings = { WEBHOOK_MAX_RETRIES: '3', WEBHOOK_RETRY_DELAY: '60' } as const satisfies Partial<Record<EnvSetting, string>>;

const day = 24 * 60 * 60_000;
/** With so many deliveries since the step their own rate counts; fewer say too little. */
const enough = 20;
const successAtLeast = 95;
/** Webhooks that one sample tests, of AuthOS's 5 a minute. */
const testsAtOnce = 5;

type Judgement = { kind: 'fine' | 'failing' | 'mitigated' | 'unknown'; words: string };

/** The proof of Webhook Delivery Failures, and the condition of its retry logic. */
export function webhookProofActivities({
  hosts,
  databaseOf,
  commandsOf,
  endpoints,
  env,
  scrub,
}: {
  hosts: readonly Host[];
  databaseOf: DatabaseOf;
  commandsOf: (place: Place) => AuthosCommands;
  endpoints: Pick<WebhookEndpointActivities, 'endpointTakes'>;
  env: Pick<EnvFileActivities, 'readEnv'>;
  scrub: Scrub;
}) {
  /** What the tables say of one webhook; 'test' if its test must tell. */
  async function judged({ place, retried, disabled, retryIsDue, mayTest, window }: WebhookProof, id: string): Promise<Judgement | 'test'> {
    const host = hostNamed(hosts, place.host);
    const found = await withDatabase(databaseOf, place, async (client) => ({
      row: await webhookRow(client, id),
      since: (await deliveryCounts(client, host, { withinMs: Math.max(0, Date.now() - window.since), only: id }))[0],
      states: await deliveryStates(client, retried[id] ?? []),
      due: await failedDeliveries(client, host, { webhook: id, withinMs: day, most: 1 }),
    }));
    const { row, since, states, due } = found;
    if (!row) return { kind: 'failing', words: 'there is no such webhook' };
    if (row.active === false) {
      if (!disabled.includes(id)) return { kind: 'failing', words: 'AuthOS has disabled it itself: a person enables it once its endpoint is in order' };
      if (!mayTest) return { kind: 'mitigated', words: 'disabled; its endpoint is not asked while nothing may be changed' };
      const { ok, words } = await endpoints.endpointTakes({ place, webhook: id });
      return ok ? { kind: 'fine', words: `disabled, and its endpoint takes requests again: ${words}` } : { kind: 'mitigated', words: `disabled, its endpoint does not take requests: ${words}` };
    }
    const all = since ? since.success + since.failed : 0;
    if (since && all >= enough) return { kind: since.success * 100 >= successAtLeast * all ? 'fine' : 'failing', words: countsText(since) };
    const mine = retried[id] ?? [];
    const not = mine.filter((delivery) => states.get(delivery) !== 'success').length;
    if (not > 0) return { kind: 'failing', words: `${not} of ${mine.length} retried deliveries have not arrived` };
    if (retryIsDue && due.all > 0) return { kind: 'failing', words: `${due.all} failed deliveries of the last 24 h are still to be sent again` };
    if (since && since.failed > 0) return { kind: 'failing', words: `${since.failed} deliveries have failed since` };
    return 'test';
  }

  return {
    /**
     * Recovered: each webhook's test arrives and so did what was sent again, or ≥ 95 % of ≥ 20 deliveries since the last act did. One that
     * was disabled on approval counts as mitigated until its endpoint takes a signed request. Waits for AuthOS's rate limit by retry.
     */
    async proveWebhooks(proof: WebhookProof): Promise<Verdict> {
      const webhooks = someWebhooks(proof.webhooks);
      if (webhooks.length === 0) return { kind: 'recovered', evidence: 'no webhook is over a threshold in the deliveries of 24 h' };
      const { place, window } = proof;
      return sampled(window, async ({ number, kept }) => {
        const tested = isKept(kept) ? kept.tested : {};
        // Many webhooks share the samples, so that each is tested once in a proof.
        const share = webhooks.length <= testsAtOnce ? 1 : window.samples;
        const judgements: (Judgement & { id: string })[] = [];
        for (const [index, id] of webhooks.entries()) {
          const judgement = await judged(proof, id);
          const lacksTest = judgement === 'test' && !proof.mayTest;
          if (lacksTest) judgements.push({ id, kind: 'unknown', words: 'no test is sent while nothing may be changed' });
          else if (judgement !== 'test') judgements.push({ id, ...judgement });
          else if (index % share !== number % share) judgements.push({ id, kind: 'fine', words: 'no delivery failed' });
          else {
            const test = tested[id] ?? (await testWebhook(commandsOf(place), id, scrub));
            if ('waitMs' in test) throw new LookAgain(`${Object.keys(tested).length} webhooks tested`, test.waitMs, { tested } satisfies Kept);
            tested[id] = test;
            judgements.push({ id, kind: test.passed === undefined ? 'unknown' : test.passed ? 'fine' : 'failing', words: test.words });
          }
        }
        return verdictOf(judgements);
      });
    },

    /**
     * Whether one of the application's retry settings is to be adjusted: most failures of the last 24 h are timeouts or 5xx, the value
     * differs, and there is one host, since each has its own `.env`. `old` is the line's value as it is. Reads only; a repeat is safe.
     */
    async retryLogicToAdjust({ place, webhooks, key }: { place: Place; webhooks: string[]; key: keyof typeof retrySettings }): Promise<Condition & { old?: string | null }> {
      const host = hostNamed(hosts, place.host);
      const wanted = someWebhooks(webhooks);
      const counts = await withDatabase(databaseOf, place, (client) => deliveryCounts(client, host, { withinMs: day }));
      const ours = counts.filter(({ webhook }) => wanted.includes(webhook));
      const sum = (of: (one: (typeof ours)[number]) => number): number => ours.reduce((all, one) => all + of(one), 0);
      const [failed, passing] = [sum((one) => one.failed), sum((one) => one.timeouts + one.serverErrors)];
      if (failed === 0 || passing * 2 <= failed) return { holds: false, why: `${passing} of ${failed} failures are timeouts or 5xx: trying longer cures no others` };
      const { file, raw, running } = await env.readEnv({ place, key });
      const value = retrySettings[key];
      const why = `${passing} of ${failed} failures are timeouts or 5xx; ${key} is ${file ?? 'not set'}, running with ${running ?? 'an unknown value'}`;
      if (place.hosts.length > 1) return { holds: false, why: `${why}; there are ${place.hosts.length} hosts with an .env each: by hand` };
      return { holds: running != null && running !== value, why, old: raw };
    },
  };
}

function verdictOf(judgements: readonly (Judgement & { id: string })[]): Verdict {
  const worst = (['failing', 'unknown', 'mitigated'] as const).find((kind) => judgements.some((one) => one.kind === kind));
  const shown = judgements.filter(({ kind }) => worst === undefined || kind !== 'fine').map(({ id, words }) => `${id}: ${words}`);
  const evidence = fitted(`${judgements.filter(({ kind }) => kind === 'fine').length} of ${judgements.length} webhooks are fine; ${shown.join('; ')}`, 1_000);
  switch (worst) {
    case undefined:
      return { kind: 'recovered', evidence };
    case 'unknown':
      return { kind: 'unknown', evidence };
    case 'failing':
      return { kind: 'not recovered', evidence };
    case 'mitigated':
      return { kind: 'not recovered', evidence, mitigated: true };
  }
}

interface Kept {
  tested: Record<string, Exclude<Awaited<ReturnType<typeof testWebhook>>, { waitMs: number }>>;
}

const isKept = (value: unknown): value is Kept => typeof value === 'object' && value !== null && typeof (value as Partial<Kept>).tested === 'object' && (value as Kept).tested !== null;

export type WebhookProofActivities = ReturnType<typeof webhookProofActivities>;
