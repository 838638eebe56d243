import { afterEach, describe, expect, it } from 'vitest';
import { MayHaveArrived, NextChannel } from '../../src/channels/channel.js';
import type { Channel } from '../../src/channels/channel.js';
import { opsgenieChannel } from '../../src/channels/opsgenie.js';
import { slackWebhookChannel } from '../../src/channels/slack-webhook.js';
import { twilioSmsChannel } from '../../src/channels/twilio.js';
import { openReceiver } from '../support/receiver.js';
import type { Received, Receiver, Reply } from '../support/receiver.js';
import { vendors } from './vendors.js';
import type { Vendor } from './vendors.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function facing(vendor: Vendor, reply: (request: Received) => Reply, timeoutMs = 30_000): Promise<{ receiver: Receiver; channel: Channel }> {
  const receiver = await openReceiver(reply);
  const channel = vendor.open(receiver.url, timeoutMs);
  open.push(receiver, channel);
  return { receiver, channel };
}

const failureOf = async (look: Promise<unknown>): Promise<Error> => look.then(() => expect.fail('would take pages'), (error: Error) => error);

describe.each(vendors)('a look at $name', (vendor) => {
  const { look, address, secret } = vendor;

  it('tells nobody anything, and says what it has shown', async () => {
    const { channel, receiver } = await facing(vendor, look ? look.answer : () => ({ status: 500 }));
    const seen = await channel.check(address);
    if (look) expect(seen).toEqual(look.sees);
    else expect(seen).toEqual({ state: 'is there', says: expect.stringMatching(/^127\.0\.0\.1:\d+ answers; whether .* only a test page shows$/) });
    // What tells somebody is a POST of a page's words.
    expect(receiver.requests.filter(({ body }) => /Disk|test/i.test(body))).toEqual([]);
    if (!look) expect(receiver.requests).toEqual([]);
  });

  it('says that it is refused, without the secret', async () => {
    for (const reply of look?.refuses ?? []) {
      const { channel } = await facing(vendor, () => reply);
      const failure = await failureOf(channel.check(address));
      expect(failure, failure.message).toBeInstanceOf(NextChannel);
      expect(failure.message).not.toContain(secret);
    }
    if (!look) expect(await failureOf((await facing(vendor, () => 'hang')).channel.check('gone'))).toBeInstanceOf(NextChannel);
  });

  it('says that it can not be reached, and that it gives no answer', async () => {
    const { channel, receiver } = await facing(vendor, () => 'hang', 300);
    if (look) expect(await failureOf(channel.check(address))).toBeInstanceOf(MayHaveArrived);
    await receiver.close();
    const away = await failureOf(channel.check(address));
    expect(away.message).toMatch(/can't be reached: .*ECONNREFUSED/);
    expect(away).not.toBeInstanceOf(NextChannel);
    expect(away).not.toBeInstanceOf(MayHaveArrived);
    expect(away.message).not.toContain(secret);
  });
});

it('knows a team of Opsgenie by its name, and says so where the key may not look', async () => {
  const server = await openReceiver(({ path }) => (path === '/v2/teams/On%20call?identifierType=name' ? { status: 200, headers: { 'content-type': 'application/json' }, body: '{"data":{"name":"On call"}}' } : { status: 403, body: '{"message":"no right"}' }));
  const channel = opsgenieChannel({ apiKey: 'genie', api: server.url });
  open.push(server, channel);
  expect(await channel.check('On call')).toEqual({ state: 'works', says: 'takes the key and knows team On call' });
  expect(await channel.check('alice@example.com')).toMatchObject({ state: 'is there', says: expect.stringContaining('may not look for user alice@example.com') as string });
});

it('says of a trial account at Twilio whom it reaches, and of a number that is not its own that it may not work', async () => {
  const server = await openReceiver(() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{"status":"active","type":"Trial","incoming_phone_numbers":[]}' }));
  const channel = twilioSmsChannel({ account: `AC${'0'.repeat(32)}`, authToken: 't', from: '+4930000001', api: server.url });
  open.push(server, channel);
  const { state, says } = await channel.check('');
  expect(state).toBe('is there');
  expect(says).toContain('+4930000001 is no number of it');
  expect(says).toContain('reaches only numbers that are verified there');
});

it('checks the certificate of a place that it only connects to, and names nothing of its path', async () => {
  const server = await openReceiver(() => 'hang');
  const channel = slackWebhookChannel({ urls: { ops: `${server.url.replace('http:', 'https:')}/services/T0/B0/secret` }, timeoutMs: 4_000 });
  open.push(server, channel);
  const failure = await failureOf(channel.check('ops'));
  // Plain HTTP is no TLS.
  expect(failure.message).toMatch(/^Slack can't be reached: 127\.0\.0\.1:\d+: /);
  expect(failure.message).not.toContain('secret');
});
