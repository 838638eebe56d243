import { newsKinds } from '../domain/page.js';
import type { Channel, Message } from './channel.js';
import { NextChannel } from './channel.js';
import { oneLine } from './outsider-text.js';
import { textWithLinks } from './page-text.js';
import { outgoingHttp } from './outgoing-http.js';

/**
 * Opsgenie by its Alert API; an address with @ is a user, any other a team. The alias is the message's key: a repeat counts
 * up the alert that is open, and news about an incident acknowledge or close it. Taken is 202 with a requestId, which
 * Opsgenie works on afterwards; 401 is a wrong key, 402 no subscription for it, 403 one without the right, 422 a wrong alert, 429 too many.
 * https://docs.opsgenie.com/docs/alert-api and https://docs.opsgenie.com/docs/response
 */
export function opsgenieChannel(options: { apiKey: string; api: string; timeoutMs?: number; now?: () => number }): Channel {
  const { apiKey, api, timeoutMs, now = Date.now } = options;
  const http = outgoingHttp({ name: 'Opsgenie', secrets: [apiKey], timeoutMs });
  const headers = { authorization: `GenieKey ${apiKey}` };
  return {
    name: 'opsgenie',
    shared: true,
    keepsState: true,
    updates: newsKinds,
    addressOf: ({ opsgenie }) => opsgenie,
    async send(message, signal) {
      const requests = message.news ? newsRequests(message.news, message.lead) : [{ path: '', body: alertOf(message) }];
      if (requests.length === 0) throw new NextChannel('Opsgenie has had no page of this incident');
      let requestId: unknown;
      for (const { path, body } of requests) ({ requestId } = await http.postForJson({ url: `${api}/v2/alerts${path}`, headers, body, signal }));
      return { acceptedAt: now(), answer: `request ${oneLine(String(requestId), 60)}` };
    },
    async check(address) {
      const isUser = address.includes('@');
      const url = `${api}/v2/${isUser ? 'users' : 'teams'}/${encodeURIComponent(address)}${isUser ? '' : '?identifierType=name'}`;
      const { status, json, text } = await http.look({ url, headers });
      const who = `${isUser ? 'user' : 'team'} ${oneLine(address, 100)}`;
      // 40301: the key is right, and of an integration that may not look at users and teams.
      if (status === 403) return { state: 'is there', says: `takes the key, which may not look for ${who}: whether it may alert only a test page shows` };
      if (status === 404) throw new NextChannel(`Opsgenie has no ${who}`);
      if (status !== 200 || json === undefined) throw new NextChannel(`Opsgenie answered ${status}: ${http.quoted(text)}`);
      if ((json['data'] as { blocked?: unknown } | undefined)?.blocked === true) throw new NextChannel(`Opsgenie has blocked ${who}`);
      return { state: 'works', says: `takes the key and knows ${who}` };
    },
    close: () => http.close(),
  };
}

const source = 'AuthOS Responder';
const actions = { acknowledged: 'acknowledge', changed: 'notes', over: 'close' } as const;

function newsRequests({ kind, pages }: NonNullable<Message['news']>, note: string): { path: string; body: object }[] {
  return pages.map(({ key }) => ({ path: `/${encodeURIComponent(key)}/${actions[kind]}?identifierType=alias`, body: { source, note } }));
}

const priorities = { Critical: 'P1', High: 'P2', Medium: 'P3' } as const;

function alertOf({ key, kind, person, subject, text, links, incident }: Message): object {
  return {
    message: oneLine(subject, 130),
    alias: key,
    description: textWithLinks(text, links).slice(0, 15_000),
    responders: [person.address.includes('@') ? { type: 'user', username: person.address } : { type: 'team', name: person.address }],
    entity: oneLine(incident.target, 512),
    source,
    priority: kind === 'notice' ? 'P5' : priorities[incident.severity],
    details: { incident: incident.id },
  };
}
