import { NextChannel } from './channel.js';
import type { Channel, Message } from './channel.js';
import { escapeHtml, oneLine } from './outsider-text.js';
import { outgoingHttp } from './outgoing-http.js';

export interface TwilioAccount {
  /** `AC` and 32 hexadecimal digits. */
  account: string;
  authToken: string;
  /** The number, +49…, that messages and calls come from. */
  from: string;
  api: string;
  /** Where Twilio reports what became of a message or call; it takes an address that it can reach, or none. */
  receipts?: string | undefined;
  timeoutMs?: number;
  now?: () => number;
}

/**
 * Text messages by Twilio: the first line of the page and the link to acknowledge. Taken is 201 with a `sid`; that it arrived
 * is told by receipts (src/http/twilio-routes.ts). 400 is a number that can't be reached (21211, 21610 …), 401 a wrong token,
 * 429 too many. It takes no key: a repeat comes twice. https://www.twilio.com/docs/messaging/api/message-resource
 */
export function twilioSmsChannel(options: TwilioAccount): Channel {
  return twilioChannel(options, {
    name: 'sms',
    addressOf: ({ sms }) => sms,
    resource: 'Messages',
    capability: 'sms',
    fields: ({ lead, links }) => ({ Body: bodyOf([oneLine(lead, 300), ...links.flatMap(({ action, url }) => (action === 'acknowledge' ? [url] : []))]) }),
  });
}

/** Calls by Twilio that say the first line of the page twice. Taken is as with messages. https://www.twilio.com/docs/voice/api/call-resource */
export function twilioVoiceChannel(options: TwilioAccount): Channel {
  return twilioChannel(options, {
    name: 'phone',
    addressOf: ({ phone }) => phone,
    resource: 'Calls',
    capability: 'voice',
    fields: ({ lead }) => {
      const say = `<Say>${escapeHtml(oneLine(lead, 400))}</Say>`;
      return { Twiml: `<Response>${say}<Pause length="1"/>${say}</Response>` };
    },
  });
}

/** As many whole lines as Twilio takes: 1600 characters. */
function bodyOf(lines: string[]): string {
  return lines.reduce((body, line) => (body.length + line.length < 1_600 ? `${body}\n${line}` : body));
}

interface Kind extends Pick<Channel, 'name' | 'addressOf'> {
  resource: 'Messages' | 'Calls';
  /** What the number that it comes from must be able to do, in Twilio's word. */
  capability: 'sms' | 'voice';
  fields(message: Message): Record<string, string>;
}

function twilioChannel({ account, authToken, from, api, receipts, timeoutMs, now = Date.now }: TwilioAccount, { name, addressOf, resource, capability, fields }: Kind): Channel {
  const http = outgoingHttp({ name: 'Twilio', secrets: [authToken], timeoutMs });
  const authorization = `Basic ${Buffer.from(`${account}:${authToken}`).toString('base64')}`;
  return {
    name,
    addressOf,
    receipts: receipts !== undefined,
    async send(message, signal) {
      const body = new URLSearchParams({ To: message.person.address, From: from, ...fields(message) });
      if (receipts !== undefined) body.set('StatusCallback', `${receipts}?${new URLSearchParams((message.keys ?? [message.key]).map((key): [string, string] => ['key', key])).toString()}`);
      const { sid, status } = await http.postForJson({ url: `${api}/2010-04-01/Accounts/${account}/${resource}.json`, headers: { authorization }, body, signal });
      return { acceptedAt: now(), answer: oneLine(`${String(status)} ${String(sid)}`), reference: String(sid) };
    },
    oneCheck: true,
    async check() {
      const seen = async (path: string): Promise<Record<string, unknown>> => {
        const { status, json, text } = await http.look({ url: `${api}/2010-04-01/Accounts/${account}${path}`, headers: { authorization } });
        if (status !== 200 || json === undefined) throw new NextChannel(`Twilio answered ${status}: ${http.quoted(text)}`);
        return json;
      };
      const { status, type } = await seen('.json');
      if (status !== 'active') throw new NextChannel(`the account at Twilio is ${oneLine(String(status), 40)}`);
      const trial = type === 'Trial' ? '; a trial account reaches only numbers that are verified there' : '';
      const { incoming_phone_numbers: numbers } = await seen(`/IncomingPhoneNumbers.json?${new URLSearchParams({ PhoneNumber: from }).toString()}`);
      const number = Array.isArray(numbers) ? (numbers as { phone_number?: unknown; capabilities?: Record<string, unknown> }[]).find(({ phone_number }) => phone_number === from) : undefined;
      // A call may also come from a number that was only verified.
      if (!number) return { state: 'is there', says: `the account is active, but ${from} is no number of it: whether it may send from there only a test page shows${trial}` };
      if (number.capabilities?.[capability] === false) throw new NextChannel(`${from} can't be used for ${capability} at Twilio`);
      return { state: 'works', says: `the account is active, and ${from} is its number${trial}` };
    },
    close: () => http.close(),
  };
}
