import type { Channel } from './channel.js';
import { MayHaveArrived } from './channel.js';
import { configured } from './configured.js';
import { outgoingHttp } from './outgoing-http.js';
import { slackMessage } from './slack-text.js';

/**
 * Slack's incoming webhooks, each bound by Slack to one conversation. Taken is 200 with the text `ok`; 400 (invalid_payload),
 * 403 (action_prohibited, invalid_token), 404 (channel_not_found, no_service) and 410 (channel_is_archived) are the
 * webhook's own end. Slack knows no key of ours here: a repeat shows twice.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
export function slackWebhookChannel(options: { urls: Record<string, string>; timeoutMs?: number; now?: () => number }): Channel {
  const { urls, timeoutMs, now = Date.now } = options;
  const http = outgoingHttp({ name: 'Slack', secrets: Object.values(urls), timeoutMs });
  return {
    name: 'slack webhook',
    shared: true,
    addressOf: ({ slackWebhook }) => slackWebhook,
    async send(message, signal) {
      const url = configured(urls, message.person.address, 'Slack webhook');
      const { status, text } = await http.post({ url, body: slackMessage(message), signal });
      if (text.trim() !== 'ok') throw new MayHaveArrived(`Slack answered ${status}, but not "ok": ${http.quoted(text)}`);
      return { acceptedAt: now(), answer: 'ok' };
    },
    // Its documentation has no request that posts nothing.
    async check(address) {
      const place = await http.connect(configured(urls, address, 'Slack webhook'));
      return { state: 'is there', says: `${place} answers; whether the webhook is alive only a test page shows` };
    },
    close: () => http.close(),
  };
}
