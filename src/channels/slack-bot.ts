import { newsKinds } from '../domain/page.js';
import type { Channel, Message } from './channel.js';
import { MayHaveArrived, NextChannel } from './channel.js';
import { oneLine } from './outsider-text.js';
import { outgoingHttp } from './outgoing-http.js';
import { answerButtons, slackMessage } from './slack-text.js';

/**
 * Slack by a bot (scope chat:write): to a member or a conversation, by id. With `buttons` a page can be answered in place, as
 * the member who presses; src/http/slack-routes.ts takes that. Taken is 200 with `ok: true` alone: Slack says no by
 * `{"ok": false, "error": "…"}` under a 200, and 429 with Retry-After to more than one message a second. News goes into the
 * thread of the page. https://docs.slack.dev/reference/methods/chat.postMessage
 */
export function slackBotChannel(options: { token: string; api: string; buttons: boolean; timeoutMs?: number; now?: () => number }): Channel {
  const { token, api, buttons, timeoutMs, now = Date.now } = options;
  const http = outgoingHttp({ name: 'Slack', secrets: [token], timeoutMs });
  return {
    name: 'slack',
    shared: true,
    updates: newsKinds,
    addressOf: ({ slack }) => slack,
    async send(message, signal) {
      // A bundle has links alone: a press would be for one of its incidents.
      const buttonsOf = (page: Message): object[] | undefined => (page.answers.length === 0 ? undefined : buttons ? answerButtons(page) : []);
      const body = { ...placeOf(message), unfurl_links: false, unfurl_media: false, ...slackMessage(message, buttonsOf(message)) };
      const answer = await http.postForJson({ url: `${api}/chat.postMessage`, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' }, body, signal });
      if (answer.ok !== true) throw refusal(oneLine(http.quoted(String(answer.error ?? 'without saying why'))));
      const { channel, ts } = answer;
      return { acceptedAt: now(), answer: `ok ${String(ts)}`, ...(typeof channel === 'string' && typeof ts === 'string' && { reference: `${channel}/${ts}` }) };
    },
    oneCheck: true,
    async check() {
      const { status, json, text, headers } = await http.look({ url: `${api}/auth.test`, headers: { authorization: `Bearer ${token}` }, body: {} });
      if (status !== 200 || json === undefined) throw new NextChannel(`Slack answered ${status}: ${http.quoted(text)}`);
      if (json['ok'] !== true) throw refusal(oneLine(http.quoted(String(json['error'] ?? 'without saying why'))));
      const scopes = headers['x-oauth-scopes'];
      if (typeof scopes === 'string' && !scopes.split(/,\s*/).includes('chat:write')) throw new NextChannel(`Slack knows the bot, which lacks the scope chat:write: it has ${oneLine(scopes, 100) || 'none'}`);
      return { state: 'works', says: `knows the bot as ${oneLine(String(json['user']), 60)} of ${oneLine(String(json['team']), 60)}` };
    },
    close: () => http.close(),
  };
}

/** The address, or the thread of the last page that this is news about. */
function placeOf({ person, news }: Message): { channel: string; thread_ts?: string } {
  const [channel, thread] = news?.pages.findLast(({ reference }) => reference !== undefined)?.reference?.split('/') ?? [];
  return channel && thread ? { channel, thread_ts: thread } : { channel: person.address };
}

/** Slack's trouble, which passes; https://docs.slack.dev/reference/methods/chat.postMessage#errors lists the others. */
const passing = ['ratelimited', 'rate_limited', 'service_unavailable', 'request_timeout', 'team_added_to_org', 'message_limit_exceeded'];
/** "It's possible some aspect of the operation succeeded before the error was raised." */
const perhaps = ['internal_error', 'fatal_error'];

function refusal(error: string): Error {
  const words = `Slack refused: ${error}`;
  if (perhaps.includes(error)) return new MayHaveArrived(words);
  return passing.includes(error) ? new Error(words) : new NextChannel(words);
}
