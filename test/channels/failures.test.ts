import { afterEach, describe, expect, it } from 'vitest';
import { MayHaveArrived, NextChannel, TryLater } from '../../src/channels/channel.js';
import type { Channel } from '../../src/channels/channel.js';
import { retryAfterMs } from '../../src/channels/outgoing-http.js';
import { openReceiver } from '../support/receiver.js';
import type { Receiver, Reply } from '../support/receiver.js';
import { sample } from './sample.js';
import { vendors } from './vendors.js';
import type { Vendor } from './vendors.js';

/*
 * One table: what a receiver may do, and what that is to us, for every channel over HTTP. What follows from each class is in
 * test/activities/pages.test.ts.
 */

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

type Class = 'sent' | 'retry' | 'retry after 7 s' | 'may have arrived' | 'next channel';

interface Failure {
  what: string;
  reply: (vendor: Vendor) => Reply;
  means: Class | ((vendor: Vendor) => Class);
}

const html = '<!doctype html><html><title>Sign in</title></html>';

const failures: Failure[] = [
  { what: 'answers 503', reply: () => ({ status: 503, body: 'unavailable' }), means: 'retry' },
  { what: 'answers 503 with Retry-After', reply: () => ({ status: 503, headers: { 'retry-after': '7' } }), means: 'retry after 7 s' },
  { what: 'answers 429', reply: () => ({ status: 429 }), means: 'retry' },
  { what: 'answers 429 with Retry-After', reply: () => ({ status: 429, headers: { 'retry-after': '7' } }), means: 'retry after 7 s' },
  { what: 'answers 500', reply: () => ({ status: 500, body: 'oops' }), means: 'may have arrived' },
  { what: 'answers 504 from a proxy', reply: () => ({ status: 504, body: html }), means: 'may have arrived' },
  { what: 'cuts the connection', reply: () => 'cut', means: 'may have arrived' },
  { what: 'hangs', reply: () => 'hang', means: 'may have arrived' },
  { what: 'refuses the token', reply: ({ wrongToken }) => wrongToken, means: 'next channel' },
  { what: 'is gone', reply: () => ({ status: 410 }), means: 'next channel' },
  { what: 'redirects', reply: () => ({ status: 302, headers: { location: '/elsewhere' } }), means: 'next channel' },
  { what: 'answers 200 with a page of HTML', reply: () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: html }), means: ({ noticesHtml }) => (noticesHtml ? 'may have arrived' : 'sent') },
];

function classOf(error: Error): Class {
  if (error instanceof NextChannel) return 'next channel';
  if (error instanceof MayHaveArrived) return 'may have arrived';
  if (error instanceof TryLater) return `retry after ${error.afterMs / 1_000} s` as Class;
  return 'retry';
}

async function outcome(channel: Channel, vendor: Vendor, signal?: AbortSignal): Promise<{ class: Class; error?: Error }> {
  return channel.send(sample(vendor.address), signal).then(
    () => ({ class: 'sent' }),
    (error: Error) => ({ class: classOf(error), error }),
  );
}

/** A receiver that does `first` and then what its documentation says. Where it hangs, `signal` ends the wait once it has the request. */
async function facing(vendor: Vendor, first: Reply): Promise<{ receiver: Receiver; channel: Channel; signal: AbortSignal }> {
  const patience = new AbortController();
  const receiver = await openReceiver((_request, number) => {
    if (number === 1 && first === 'hang') patience.abort();
    return number === 1 ? first : vendor.ok;
  });
  const channel = vendor.open(receiver.url, 30_000);
  open.push(receiver, channel);
  return { receiver, channel, signal: patience.signal };
}

describe.each(vendors)('$name', (vendor) => {
  it('counts as sent once the other side has taken it', async () => {
    const { receiver, channel } = await facing(vendor, vendor.ok);
    const before = Date.now();
    const { acceptedAt } = await channel.send(sample(vendor.address));
    expect(acceptedAt).toBeGreaterThanOrEqual(before);
    expect(receiver.requests).toHaveLength(1);
  });

  it.each(failures)('where the receiver $what, the page gets through at the next try under the same key', async ({ reply, means }) => {
    const { receiver, channel, signal } = await facing(vendor, reply(vendor));
    const first = await outcome(channel, vendor, signal);
    expect(first.class, first.error?.message).toBe(typeof means === 'function' ? means(vendor) : means);
    const told = JSON.stringify([first.error?.message, first.error?.stack, String(first.error?.cause ?? '')]);
    expect(told).not.toContain(vendor.secret);
    expect((await outcome(channel, vendor)).class).toBe('sent');
    // A redirect was not followed, and nothing was sent again by itself.
    expect(receiver.requests).toHaveLength(2);
    const [one, other] = receiver.requests.map((request) => vendor.keyIn?.(request));
    expect(other).toBe(one);
    if (vendor.keyIn) expect(one).toBeTruthy();
  });

  it('knows that nothing arrived where nobody listens, and hides secrets that an answer repeats', async () => {
    const { receiver, channel } = await facing(vendor, { status: 400, body: `unknown ${vendor.secret}` });
    const { error } = await outcome(channel, vendor);
    expect(error?.message).toContain('[secret]');
    expect(error?.message).not.toContain(vendor.secret);
    await receiver.close();
    const closed = await outcome(vendor.open(receiver.url, 5_000), vendor);
    expect(closed).toMatchObject({ class: 'retry' });
    expect(closed.error?.message).toContain("can't be reached");
  });

  it('gives up when its own time is over', async () => {
    const receiver = await openReceiver(() => 'hang');
    const channel = vendor.open(receiver.url, 200);
    open.push(receiver, channel);
    expect(await channel.send(sample(vendor.address)).catch((error: unknown) => error)).toBeInstanceOf(Error);
  });

  it('leaves a name that the config does not have to the next channel, or sends to whatever address it gets', async () => {
    const { channel } = await facing(vendor, vendor.ok);
    const sent = await channel.send(sample('__proto__')).catch((error: unknown) => error);
    if (sent instanceof Error) expect(sent).toBeInstanceOf(NextChannel);
  });
});

it.each([
  ['0', 0],
  ['7', 7_000],
  ['86400', 300_000],
  ['Sun, 01 Mar 2026 14:05:30 GMT', 30_000],
  ['Sun, 01 Mar 2026 14:00:00 GMT', 0],
  ['', undefined],
  ['soon', undefined],
  ['-5', undefined],
])('reads Retry-After %j as %s ms', (header, ms) => {
  expect(retryAfterMs(header, Date.parse('2026-03-01T14:05:00Z'))).toBe(ms);
});
