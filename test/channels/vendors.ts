import type { Channel, Looked } from '../../src/channels/channel.js';
import { opsgenieChannel } from '../../src/channels/opsgenie.js';
import { pagerDutyChannel } from '../../src/channels/pagerduty.js';
import { slackBotChannel } from '../../src/channels/slack-bot.js';
import { slackWebhookChannel } from '../../src/channels/slack-webhook.js';
import { teamsChannel } from '../../src/channels/teams.js';
import { twilioSmsChannel, twilioVoiceChannel } from '../../src/channels/twilio.js';
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
  /** How it answers a look that tells nobody anything, by its documentation; absent where only a connection can be tried. */
  look?: { answer: (request: Received) => Reply; sees: Looked; refuses: readonly Reply[] };
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
    name: 'Teams',
    address: 'ops',
    secret: `/workflows/1?sig=${secretPart}`,
    open(url, timeoutMs) {
      return teamsChannel({ urls: { ops: `${url}${this.secret}` }, timeoutMs });
    },
    ok: { status: 202 },
    wrongToken: { status: 401, headers: json, body: '{"error":{"code":"DirectApiAuthorizationRequired","message":"The request must be authenticated only by Shared Access scheme."}}' },
    noticesHtml: true,
  },
  {
    name: 'PagerDuty',
    address: 'oncall',
    secret: `${secretPart}${secretPart}`,
    open(url, timeoutMs) {
      return pagerDutyChannel({ routingKeys: { oncall: this.secret }, api: url, timeoutMs });
    },
    ok: { status: 202, headers: json, body: '{"status":"success","message":"Event processed","dedup_key":"srv01/HTTP"}' },
    wrongToken: { status: 400, headers: json, body: '{"status":"invalid event","message":"Event object is invalid","errors":["Length of \'routing_key\' is incorrect (should be 32 characters)"]}' },
    noticesHtml: true,
    look: {
      answer: ({ body }) => (JSON.parse(body) as { event_action: string }).event_action === 'resolve' ? { status: 202, headers: json, body: '{"status":"success","message":"Event processed","dedup_key":"responder-doctor"}' } : { status: 500 },
      sees: { state: 'is there', says: 'takes events by this key; whether its service pages anybody only a test page shows' },
      refuses: [{ status: 400, headers: json, body: '{"status":"invalid event","message":"Event object is invalid","errors":["Length of \'routing_key\' is incorrect (should be 32 characters)"]}' }],
    },
    keyIn: ({ body }) => (JSON.parse(body) as { dedup_key: string }).dedup_key,
  },
  {
    name: 'Opsgenie',
    address: 'alice@example.com',
    secret: secretPart,
    open(url, timeoutMs) {
      return opsgenieChannel({ apiKey: this.secret, api: url, timeoutMs });
    },
    ok: { status: 202, headers: json, body: '{"result":"Request will be processed","took":0.302,"requestId":"43a29c5c-3dbf-4fa4-9c26-f4f71023e120"}' },
    wrongToken: { status: 401, headers: json, body: '{"message":"Could not authenticate","took":0.001,"requestId":"43a29c5c-3dbf-4fa4-9c26-f4f71023e120"}' },
    noticesHtml: true,
    look: {
      answer: ({ method, path }) => method === 'GET' && path === '/v2/users/alice%40example.com' ? { status: 200, headers: json, body: '{"data":{"blocked":false,"verified":true,"username":"alice@example.com"},"took":0.1,"requestId":"d7cda2f9"}' } : { status: 500 },
      sees: { state: 'works', says: 'takes the key and knows user alice@example.com' },
      refuses: [
        { status: 401, headers: json, body: '{"message":"Could not authenticate","took":0.001,"requestId":"43a29c5c"}' },
        { status: 402, headers: json, body: '{"message":"Your plan does not allow this","took":0.001,"requestId":"43a29c5c"}' },
        { status: 404, headers: json, body: '{"message":"No user exists with username [alice@example.com]","took":0.001,"requestId":"43a29c5c"}' },
        { status: 200, headers: json, body: '{"data":{"blocked":true,"username":"alice@example.com"},"took":0.1,"requestId":"d7cda2f9"}' },
      ],
    },
    keyIn: ({ body }) => (JSON.parse(body) as { alias: string }).alias,
  },
  {
    name: 'Slack bot',
    address: 'U012AB3CDE',
    secret: `xoxb-${secretPart}`,
    open(url, timeoutMs) {
      return slackBotChannel({ token: this.secret, api: `${url}/api`, buttons: true, timeoutMs });
    },
    ok: { status: 200, headers: json, body: '{"ok":true,"channel":"D024BE91L","ts":"1503435956.000247","message":{"text":"…"}}' },
    wrongToken: { status: 200, headers: json, body: '{"ok":false,"error":"invalid_auth"}' },
    noticesHtml: true,
    look: {
      answer: ({ path }) => path === '/api/auth.test' ? { status: 200, headers: { ...json, 'x-oauth-scopes': 'chat:write,users:read' }, body: '{"ok":true,"url":"https://ops.slack.com/","team":"Operations","user":"responder","team_id":"T0G9PQBBK","user_id":"W23456789","bot_id":"BZYBOTHED"}' } : { status: 500 },
      sees: { state: 'works', says: 'knows the bot as responder of Operations' },
      refuses: [
        { status: 200, headers: json, body: '{"ok":false,"error":"token_revoked"}' },
        { status: 200, headers: { ...json, 'x-oauth-scopes': 'users:read' }, body: '{"ok":true,"team":"Operations","user":"responder"}' },
        { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Sign in</html>' },
      ],
    },
  },
  ...([['Twilio SMS', twilioSmsChannel], ['Twilio voice', twilioVoiceChannel]] as const).map(([name, channel]): Vendor => ({
    name,
    address: '+4930000002',
    secret: secretPart,
    open: (api, timeoutMs) => channel({ account: `AC${'0'.repeat(32)}`, authToken: secretPart, from: '+4930000001', api, timeoutMs }),
    ok: { status: 201, headers: json, body: '{"sid":"SM00000000000000000000000000000000","status":"queued","error_code":null}' },
    wrongToken: { status: 401, headers: json, body: '{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}' },
    noticesHtml: true,
    look: {
      answer: ({ path }) => ({ status: 200, headers: json, body: path.includes('/IncomingPhoneNumbers.json?PhoneNumber=%2B4930000001') ? '{"incoming_phone_numbers":[{"phone_number":"+4930000001","capabilities":{"voice":true,"sms":true,"mms":false}}]}' : `{"sid":"AC${'0'.repeat(32)}","status":"active","type":"Full"}` }),
      sees: { state: 'works', says: 'the account is active, and +4930000001 is its number' },
      refuses: [
        { status: 401, headers: json, body: '{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}' },
        { status: 200, headers: json, body: '{"status":"suspended","type":"Full"}' },
        { status: 200, headers: json, body: '{"status":"active","type":"Full","incoming_phone_numbers":[{"phone_number":"+4930000001","capabilities":{"voice":false,"sms":false}}]}' },
      ],
    },
  })),
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
