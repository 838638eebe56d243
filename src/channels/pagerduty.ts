import type { Channel, Message } from './channel.js';
import { MayHaveArrived, NextChannel } from './channel.js';
import { configured } from './configured.js';
import { oneLine } from './outsider-text.js';
import { outgoingHttp } from './outgoing-http.js';

/**
 * PagerDuty by its Events API v2, one routing key a service. The dedup_key is the message's key, so that a repeat joins and
 * the next round or level, being a key of its own, alerts anew. News about an incident acknowledge or resolve what was
 * triggered. Taken is 202 with `{"status": "success"}`; 400 is a wrong key or event, 429 too many.
 * https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
 */
export function pagerDutyChannel(options: { routingKeys: Record<string, string>; api: string; timeoutMs?: number; now?: () => number }): Channel {
  const { routingKeys, api, timeoutMs, now = Date.now } = options;
  const http = outgoingHttp({ name: 'PagerDuty', secrets: Object.values(routingKeys), timeoutMs });
  return {
    name: 'pagerduty',
    shared: true,
    keepsState: true,
    updates: ['acknowledged', 'over'],
    addressOf: ({ pagerduty }) => pagerduty,
    async send(message, signal) {
      const routingKey = configured(routingKeys, message.person.address, 'PagerDuty service');
      const events = message.news ? newsEvents(message.news) : [triggerEvent(message)];
      if (events.length === 0) throw new NextChannel('PagerDuty has had no page of this incident');
      for (const event of events) {
        const answer = await http.postForJson({ url: `${api}/v2/enqueue`, body: { routing_key: routingKey, ...event }, signal });
        if (answer.status !== 'success') throw new MayHaveArrived(`PagerDuty answered without success: ${http.quoted(JSON.stringify(answer))}`);
      }
      return { acceptedAt: now(), answer: 'success' };
    },
    // "Resolve events referencing resolved or nonexistent incidents will be discarded." There is no other event that pages nobody.
    async check(address) {
      const routingKey = configured(routingKeys, address, 'PagerDuty service');
      const { status, json, text } = await http.look({ url: `${api}/v2/enqueue`, body: { routing_key: routingKey, event_action: 'resolve', dedup_key: 'responder-doctor' } });
      if (status !== 202 || json?.status !== 'success') throw new NextChannel(`PagerDuty answered ${status}: ${http.quoted(text)}`);
      return { state: 'is there', says: 'takes events by this key; whether its service pages anybody only a test page shows' };
    },
    close: () => http.close(),
  };
}

// Its events have no other word: what else changes is not shown there.
const actions = { acknowledged: ['acknowledge'], changed: [], over: ['resolve'] } as const;

function newsEvents({ kind, pages }: NonNullable<Message['news']>): object[] {
  return actions[kind].flatMap((action) => pages.map(({ key }) => ({ event_action: action, dedup_key: key })));
}

const severities = { Critical: 'critical', High: 'error', Medium: 'warning' } as const;

function triggerEvent({ key, kind, subject, lead, text, links, incident }: Message): object {
  return {
    event_action: 'trigger',
    dedup_key: key,
    client: 'AuthOS Responder',
    links: links.map(({ label, url }) => ({ href: url, text: label })),
    payload: {
      summary: oneLine(`${subject}: ${lead}`, 1_000),
      source: oneLine(incident.target, 200),
      severity: kind === 'notice' ? 'info' : severities[incident.severity],
      component: oneLine(incident.title, 200),
      group: incident.id,
      custom_details: { page: text },
    },
  };
}
