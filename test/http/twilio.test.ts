import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { twilioSmsChannel, twilioVoiceChannel } from '../../src/channels/twilio.js';
import { Secret } from '../../src/config.js';
import type { Incidents } from '../../src/http/incidents.js';
import { isSignedByTwilio } from '../../src/http/twilio-routes.js';
import { sample } from '../channels/sample.js';
import { openReceiver } from '../support/receiver.js';
import { remembering, served } from './world.js';

const authToken = 'twilio-XK3v9dQpL0sT8rWz';
const account = `AC${'0'.repeat(32)}`;
const from = '+4930000001';
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function twilio() {
  const receiver = await openReceiver(() => ({ status: 201, headers: { 'content-type': 'application/json' }, body: '{"sid":"SM0123","status":"queued"}' }));
  open.push(receiver);
  return receiver;
}

const link = { action: 'acknowledge' as const, label: 'Acknowledge', url: 'https://responder.example.com/links/a.b.c' };

describe('a text message', () => {
  it('says what is wrong in one line, with the link to acknowledge, and where receipts go', async () => {
    const receiver = await twilio();
    const channel = twilioSmsChannel({ account, authToken, from, api: receiver.url, receipts: 'https://responder.example.com/twilio/receipts' });
    open.push(channel);
    expect(await channel.send(sample('+4930000002', { links: [link, { ...link, action: 'resolve', url: 'https://x/resolve' }] }))).toMatchObject({ answer: 'queued SM0123', reference: 'SM0123' });
    const [request] = receiver.requests;
    expect(request?.path).toBe(`/2010-04-01/Accounts/${account}/Messages.json`);
    expect(request?.headers.authorization).toBe(`Basic ${Buffer.from(`${account}:${authToken}`).toString('base64')}`);
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      To: '+4930000002',
      From: from,
      Body: `${sample('').lead}\n${link.url}`,
      StatusCallback: `https://responder.example.com/twilio/receipts?key=${encodeURIComponent(sample('').key)}`,
    });
  });
});

describe('a call', () => {
  it("says the page's first line twice, and nothing of an outsider's is read as a command", async () => {
    const receiver = await twilio();
    const channel = twilioVoiceChannel({ account, authToken, from, api: receiver.url });
    open.push(channel);
    await channel.send(sample('+4930000002', { lead: 'Disk </Say><Dial>+1900</Dial> & full' }));
    expect(receiver.requests[0]?.path).toBe(`/2010-04-01/Accounts/${account}/Calls.json`);
    const say = '<Say>Disk &lt;/Say&gt;&lt;Dial&gt;+1900&lt;/Dial&gt; &amp; full</Say>';
    expect(Object.fromEntries(new URLSearchParams(receiver.requests[0]?.body))).toEqual({ To: '+4930000002', From: from, Twiml: `<Response>${say}<Pause length="1"/>${say}</Response>` });
  });
});

describe('a receipt of Twilio', () => {
  it("is checked as in the example of Twilio's own library", () => {
    const parameters = new URLSearchParams({ To: '+18005551212', CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234', From: '+14158675309' });
    const example = { signature: 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', url: 'https://mycompany.com/myapp.php?foo=1&bar=2', parameters, authToken: '12345' };
    expect(isSignedByTwilio(example)).toBe(true);
    expect(isSignedByTwilio({ ...example, url: `${example.url}3` })).toBe(false);
    expect(isSignedByTwilio({ ...example, authToken: '12346' })).toBe(false);
    expect(isSignedByTwilio({ ...example, signature: '' })).toBe(false);
  });

  async function world(overrides: Partial<Incidents> = {}) {
    const { incidents, seen } = remembering(overrides);
    const server = await served(incidents, {}, { channels: { twilio: { account, authToken: new Secret(authToken), from, api: 'https://api.twilio.com' } } });
    open.push(server);
    const post = async (fields: Record<string, string>, by = authToken) => {
      const path = '/twilio/receipts?key=i%2F1%2F1.0%2Falice';
      const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)).flat().join('');
      const signature = createHmac('sha1', by).update(`http://127.0.0.1:8080${path}${sorted}`).digest('base64');
      return (await fetch(`${server.url}${path}`, { method: 'POST', body: new URLSearchParams(fields), headers: { 'x-twilio-signature': signature } })).status;
    };
    const counted = async () => (await (await fetch(`${server.url}/metrics`)).text()).split('\n').filter((line) => line.startsWith('responder_receipts_total'));
    return { ...server, post, counted, seen };
  }

  it('is counted, and one of a page that reached nobody is in the log under its key, and told to its incident', async () => {
    const { post, counted, log, seen } = await world();
    expect(await post({ MessageSid: 'SM1', MessageStatus: 'delivered' })).toBe(204);
    expect(await post({ MessageSid: 'SM1', MessageStatus: 'undelivered', ErrorCode: '30003' })).toBe(204);
    expect(await post({ CallSid: 'CA1', CallStatus: 'no-answer' })).toBe(204);
    expect(await counted()).toEqual([
      'responder_receipts_total{channel="sms",status="delivered"} 1',
      'responder_receipts_total{channel="sms",status="undelivered"} 1',
      'responder_receipts_total{channel="phone",status="no-answer"} 1',
    ]);
    const lines = log.map((line) => JSON.parse(line) as { msg: string; incidentId?: string });
    expect(lines.filter(({ msg }) => msg === 'a page did not arrive')).toMatchObject([{ incidentId: 'i', page: 'i/1/1.0/alice', channel: 'sms', code: '30003' }, { incidentId: 'i', page: 'i/1/1.0/alice', channel: 'phone' }]);
    expect(lines.filter(({ msg }) => msg === 'request completed').map(({ incidentId }) => incidentId)).toEqual(['i', 'i', 'i', undefined]);
    expect(log.join('')).not.toContain(authToken);
    expect(seen.undelivered).toEqual([{ key: 'i/1/1.0/alice', reference: 'SM1', status: 'undelivered' }, { key: 'i/1/1.0/alice', reference: 'CA1', status: 'no-answer' }]);
  });

  it('names the incident that could not be told', async () => {
    const { post, log } = await world({ undelivered: async () => Promise.reject(new Error('Temporal is away')) });
    expect(await post({ MessageSid: 'SM1', MessageStatus: 'failed' })).toBe(204);
    const line = log.map((text) => JSON.parse(text) as { msg: string }).find(({ msg }) => msg === 'its incident could not be told');
    expect(line).toMatchObject({ incidentId: 'i', page: 'i/1/1.0/alice', err: { message: 'Temporal is away' } });
  });

  it('of somebody else, or of something else, is refused', async () => {
    const { post, counted, log } = await world();
    expect(await post({ MessageStatus: 'delivered' }, 'guessed')).toBe(401);
    expect(await post({ MessageStatus: 'made up' })).toBe(400);
    expect(await counted()).toEqual([]);
    expect(log.join('')).not.toContain(authToken);
  });
});
