import { createHmac, randomUUID } from 'node:crypto';
import type { Client } from 'pg';

import { daysLeft } from '../domain/certificate.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import type { AuthosCommands } from './health-api.js';
import type { Condition } from './known-hosts.js';
import { addressOf, outgoing } from './outgoing.js';
import type { OutgoingAnswer } from './outgoing.js';
import { outsideText } from './outside-text.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Scrub } from './scrub.js';
import { certificateText, handshakes } from './tls.js';
import { commandWebhook } from './webhook-api.js';
import { lastDelivery, webhookRow, webhookSecret } from './webhook-tables.js';
import type { WebhookRow } from './webhook-tables.js';
import { shownUrl, someWebhooks } from './webhooks.js';
import { fitted, listed } from './wording.js';

/** What the config says about requests to endpoints. */
export interface EndpointRules {
  /** Networks besides the public internet, as CIDR. */
  allowed: readonly string[];
  /** The header that AuthOS signs in. */
  signatureHeader: string;
}

export interface EndpointParts {
  databaseOf: DatabaseOf;
  commandsOf: (place: Place) => AuthosCommands;
  rulesOf: (place: Place) => EndpointRules;
  scrub: Scrub;
}

/** Activities on the endpoints of webhooks: strangers' servers, by URLs that others chose. */
export function webhookEndpointActivities({ databaseOf, commandsOf, rulesOf, scrub }: EndpointParts) {
  const onTables = <T>(place: Place, use: (client: Client) => Promise<T>): Promise<T> => withDatabase(databaseOf, place, use);
  const word = (text: string, limit = 160): string => outsideText(text, scrub, limit);

  async function rowsOf(place: Place, webhooks: readonly string[]): Promise<{ id: string; row: WebhookRow | undefined }[]> {
    const wanted = someWebhooks(webhooks);
    return onTables(place, async (client) => {
      const found = [];
      for (const id of wanted) found.push({ id, row: await webhookRow(client, id) });
      return found;
    });
  }

  const head = (place: Place, { url }: WebhookRow): Promise<OutgoingAnswer> => outgoing({ url, method: 'HEAD', allowed: rulesOf(place).allowed });

  function answerText(answer: OutgoingAnswer): string {
    if (answer.kind === 'refused') return `not asked: ${word(answer.because, 200)}`;
    if (answer.kind === 'no answer') return `no answer: ${word(answer.because, 200)}`;
    const leads = answer.location === undefined ? '' : `, leads to ${shownUrl(answer.location, scrub)}, not followed`;
    return `HTTP ${answer.status} from ${answer.address} in ${answer.took} ms${leads}`;
  }

  /** The certificate of an https endpoint, at the one address that requests are pinned to. */
  async function certificateLine({ url: text }: WebhookRow, allowed: readonly string[]): Promise<string> {
    const url = new URL(text);
    if (url.protocol !== 'https:') return 'no TLS';
    const domain = url.hostname.replace(/^\[|\]$/g, '');
    const target = await addressOf(domain, allowed);
    if ('because' in target) return `certificate not looked at: ${word(target.because, 200)}`;
    const [served] = await handshakes({ domain, port: Number(url.port || 443), addresses: [target.address] });
    if (served?.certificate === undefined) return `no TLS handshake: ${word(served?.problem ?? 'no answer')}`;
    const days = daysLeft(served.certificate, Date.now());
    return word(`certificate: ${days.toFixed(1)} days left; ${certificateText(served.certificate, domain)}${served.trusted ? '' : `; chain not trusted: ${served.problem ?? ''}`}`, 400);
  }

  /** An event of ours, signed as AuthOS signs. The secret stays in here. */
  async function sendSigned(place: Place, row: WebhookRow): Promise<{ ok: boolean; words: string }> {
    const { allowed, signatureHeader } = rulesOf(place);
    const secret = row.hasSecret ? await onTables(place, (client) => webhookSecret(client, row.id)) : null;
    const body = JSON.stringify({ id: randomUUID(), event: 'webhook.test', data: { test: true }, sent_at: new Date().toISOString() });
    // Laravel's encrypted columns begin so: what is stored is not what AuthOS signs with.
    const isEncrypted = secret?.startsWith('eyJpdiI6') ?? false;
    const signature: Record<string, string> = secret === null || isEncrypted ? {} : { [signatureHeader]: `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
    const answer = await outgoing({ url: row.url, method: 'POST', headers: { 'content-type': 'application/json', ...signature }, body, allowed });
    const how = isEncrypted ? 'unsigned, since the secret is stored encrypted' : secret === null ? 'unsigned, since no secret is set' : 'signed';
    return { ok: answer.kind === 'answer' && answer.status >= 200 && answer.status < 300, words: `${shownUrl(row.url, scrub)}, ${how}: ${answerText(answer)}` };
  }

  return {
    /** HEAD of every endpoint: any HTTP answer means that it can be reached. Reads only; a repeat is safe. */
    async checkConnectivity({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<Finding<{ reachable: string[] }>> {
      const reachable: string[] = [];
      const lines: string[] = [];
      for (const { id, row } of await rowsOf(place, webhooks)) {
        const answer = row && (await head(place, row));
        if (answer?.kind === 'answer') reachable.push(id);
        lines.push(`${id}: ${row && answer ? `${shownUrl(row.url, scrub)}: ${answerText(answer)}` : 'there is no such webhook'}`);
      }
      return { evidence: listed(`${reachable.length} of ${webhooks.length} endpoints answer`, lines, 10), data: { reachable } };
    },

    /** Every endpoint's answer, and the days of its certificate. Reads only; a repeat is safe. */
    async checkEndpoints({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<ActResult> {
      const { allowed } = rulesOf(place);
      const lines: string[] = [];
      for (const { id, row } of await rowsOf(place, webhooks)) {
        if (!row) lines.push(`${id}: there is no such webhook`);
        else if (!URL.canParse(row.url)) lines.push(`${id}: ${shownUrl(row.url, scrub)}`);
        else lines.push(`${id}: ${shownUrl(row.url, scrub)}: ${answerText(await head(place, row))}; ${await certificateLine(row, allowed)}`);
      }
      return { outcome: 'done', evidence: listed(`${lines.length} endpoints`, lines, 10) };
    },

    /**
     * Sends every endpoint an event of ours, signed with its secret as AuthOS signs. A 2xx does not prove that the signature was checked.
     * 'Failed' if one did not answer 2xx. A repeat sends another, which says that it is a test.
     */
    async sendSignedRequests({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<ActResult> {
      const lines: string[] = [];
      let arrived = 0;
      for (const { id, row } of await rowsOf(place, webhooks)) {
        const answer = row && (await sendSigned(place, row));
        if (answer?.ok) arrived += 1;
        lines.push(`${id}: ${answer?.words ?? 'there is no such webhook'}`);
      }
      const sentence = `${arrived} of ${lines.length} endpoints took a signed request, which does not prove that they checked the signature`;
      return { outcome: arrived === lines.length ? 'done' : 'failed', evidence: listed(sentence, lines, 10) };
    },

    /** Whether the endpoint of one webhook takes a signed request now, for the proof of one that is disabled. A repeat sends another. */
    async endpointTakes({ place, webhook }: { place: Place; webhook: string }): Promise<{ ok: boolean; words: string }> {
      const [found] = await rowsOf(place, [webhook]);
      return found?.row ? sendSigned(place, found.row) : { ok: false, words: 'there is no such webhook' };
    },

    /** Which of the webhooks are active and still failing: their newest delivery failed, tests included. Reads only; a repeat is safe. */
    async webhooksToDisable({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<Condition & { webhooks: string[] }> {
      const failing: string[] = [];
      const lines: string[] = [];
      for (const { id, row } of await rowsOf(place, webhooks)) {
        const last = await onTables(place, (client) => lastDelivery(client, id));
        const isFailing = row?.active === true && last === 'failed';
        if (isFailing) failing.push(id);
        lines.push(`${id} ${row ? word(row.name, 40) : ''}: ${row ? `${row.active === true ? 'active' : 'not active'}, its last delivery ${last === undefined ? 'is not known' : last === 'failed' ? 'failed' : 'arrived'}` : 'there is no such webhook'}`);
      }
      return { holds: failing.length > 0, why: listed(`${failing.length} of ${webhooks.length} webhooks are still failing`, lines, 10), webhooks: failing };
    },

    /** Disables webhooks through AuthOS, each read back. One that is disabled already stays so. A repeat is safe. */
    async disableWebhooks({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<ActResult> {
      return setActive(place, webhooks, false);
    },

    /** Whether each of these webhooks is there and disabled, which is what `disableWebhooks` leaves. Reads only; a repeat is safe. */
    async webhooksAreDisabled({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<{ done: boolean; evidence: string }> {
      const lines = (await rowsOf(place, webhooks)).map(({ id, row }) => ({ id, isOff: row !== undefined && row.active !== true }));
      const evidence = listed(`of ${webhooks.length} webhooks`, lines.map(({ id, isOff }) => `${id}: ${isOff ? 'disabled' : 'not disabled'}`), 20);
      return { done: lines.length > 0 && lines.every(({ isOff }) => isOff), evidence };
    },

    /**
     * Undo of `disableWebhooks`: enables each one that is still disabled, once its endpoint answers below 500; 'refused' while one does
     * not. What somebody enabled or deleted since stays as it is. A repeat is safe.
     */
    async enableWebhooks({ place, webhooks }: { place: Place; webhooks: string[] }): Promise<ActResult> {
      const waiting: string[] = [];
      const ready: string[] = [];
      const lines: string[] = [];
      for (const { id, row } of await rowsOf(place, webhooks)) {
        if (row === undefined || row.active !== false) {
          lines.push(`${id}: ${row ? 'it is enabled already' : 'there is no such webhook any more'}`);
          continue;
        }
        const answer = await head(place, row);
        const answers = answer.kind === 'answer' && answer.status < 500;
        (answers ? ready : waiting).push(id);
        if (!answers) lines.push(`${id}: its endpoint does not answer yet: ${answerText(answer)}`);
      }
      const enabled = ready.length > 0 ? await setActive(place, ready, true) : undefined;
      const evidence = fitted([...(enabled ? [enabled.evidence] : []), ...lines].join('\n'), 1_500);
      if (enabled && enabled.outcome !== 'done') return { outcome: 'failed', evidence };
      return { outcome: waiting.length > 0 ? 'refused' : 'done', evidence };
    },
  };

  async function setActive(place: Place, webhooks: readonly string[], active: boolean): Promise<ActResult> {
    const kind = active ? 'enable' : 'disable';
    const lines: string[] = [];
    let done = 0;
    for (const { id, row } of await rowsOf(place, webhooks)) {
      if (row?.active === active) {
        done += 1;
        lines.push(`${id}: it is ${kind}d already`);
        continue;
      }
      const answer = row ? await commandWebhook(commandsOf(place), { kind, webhook: id }, scrub) : { done: false as const, words: 'there is no such webhook' };
      const [now] = await rowsOf(place, [id]);
      // AuthOS saying ok is no proof.
      const isSet = now?.row?.active === active;
      if (isSet) done += 1;
      const words = 'waitMs' in answer ? 'AuthOS takes no more requests at the moment' : answer.done ? 'AuthOS said ok' : answer.words;
      lines.push(`${id}: ${isSet ? `${kind}d` : `not ${kind}d: ${words}`}`);
    }
    return { outcome: done === webhooks.length ? 'done' : 'failed', evidence: listed(`${done} of ${webhooks.length} webhooks are ${kind}d`, lines, 20) };
  }
}

export type WebhookEndpointActivities = ReturnType<typeof webhookEndpointActivities>;
