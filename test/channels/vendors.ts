import type { Channel } from '../../src/channels/channel.js';
import { slackWebhookChannel } from '../../src/channels/slack-webhook.js';
import { webhookChannel } from '../../src/channels/webhook.js';
import type { Received, Reply } from '../support/receiver.js';

/** A channel over HTTP and how its other side answers, by that side's documentation. */
export interface Vendor {
  name: string;
  address: string;
  /** Must appear in no error. */
  secret: string;
  open(url: string, timeoutMs: number): Channel;
  ok: Reply;
  /** The answer to a wrong token, or to a place that is no more. */
  wrongToken: Reply;
  /** True where a page of HTML under a 200 is not the other side's word. */
  noticesHtml: boolean;
  /** Where the other side finds what stays the same in a repeat; undefined where it takes no such key. */
  keyIn?: (request: Received) => unknown;
}

const json = { 'content-type': 'application/json' };

/** Random-looking, so that finding it anywhere proves a leak. */
const secretPart = 'XK3v9dQpL0sT8rWz';

export const vendors: Vendor[] = [
  {
    name: 'generic webhook',
    address: 'bridge',
    secret: `whsec_${Buffer.from(`${secretPart}-of-24-bytes`).toString('base64')}`,
    open(url, timeoutMs) {
      return webhookChannel({ receivers: { bridge: { url: `${url}/hooks/1`, secrets: [this.secret] } }, timeoutMs });
    },
    ok: { status: 204 },
    wrongToken: { status: 401, headers: json, body: '{"error":"bad signature"}' },
    noticesHtml: false,
    keyIn: ({ headers }) => headers['webhook-id'],
  },
  {
    name: 'Slack webhook',
    address: 'ops',
    secret: `/services/T0000/B0000/${secretPart}`,
    open(url, timeoutMs) {
      return slackWebhookChannel({ urls: { ops: `${url}${this.secret}` }, timeoutMs });
    },
    ok: { status: 200, headers: { 'content-type': 'text/html' }, body: 'ok' },
    wrongToken: { status: 403, body: 'invalid_token' },
    noticesHtml: true,
  },
];
