import { createHmac } from 'node:crypto';
import type { Channel, Message } from './channel.js';
import { configured } from './configured.js';
import { messageHash } from './message-hash.js';
import { outgoingHttp } from './outgoing-http.js';

/** A receiver of webhooks and the secrets, two while one is changed, that sign what it gets: `whsec_` and 24 to 64 bytes in base64. */
export interface WebhookReceiver {
  url: string;
  secrets: readonly string[];
}

/**
 * Pages as signed webhooks, by Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp` and `webhook-signature`, an
 * HMAC-SHA256 over `id.timestamp.body`. Any 2xx counts as taken, and 410 as gone. The id is the same for every attempt.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function webhookChannel(options: { receivers: Record<string, WebhookReceiver>; timeoutMs?: number; now?: () => number }): Channel {
  const { receivers, timeoutMs, now = Date.now } = options;
  const secrets = Object.values(receivers).flatMap((receiver) => [receiver.url, ...receiver.secrets]);
  const http = outgoingHttp({ name: 'the webhook', secrets, timeoutMs });
  return {
    name: 'webhook',
    keepsState: true,
    addressOf: ({ webhook }) => webhook,
    async send(message, signal) {
      const receiver = configured(receivers, message.person.address, 'webhook');
      const at = now();
      const id = `msg_${messageHash(message.key)}`;
      const timestamp = String(Math.floor(at / 1_000));
      const body = contentOf(message, at);
      const signed = `${id}.${timestamp}.${JSON.stringify(body)}`;
      const signature = receiver.secrets.map((secret) => `v1,${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`).join(' ');
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
      const { status } = await http.post({ url: receiver.url, headers, body, signal });
      return { acceptedAt: now(), answer: String(status) };
    },
    // The specification has no request that means nothing.
    async check(address) {
      const place = await http.connect(configured(receivers, address, 'webhook').url);
      return { state: 'is there', says: `${place} answers; whether it takes our signature only a test page shows` };
    },
    close: () => http.close(),
  };
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
}

function contentOf({ key, kind, person, incident, subject, lead, text, links, urgency, late }: Message, at: number): object {
  return {
    type: `incident.${kind}`,
    timestamp: new Date(at).toISOString(),
    data: { key, person: { id: person.id, name: person.name }, incident, subject, lead, text, links, urgency, late },
  };
}
