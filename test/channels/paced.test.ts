import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MayHaveArrived } from '../../src/channels/channel.js';
import type { Channel, Message } from '../../src/channels/channel.js';
import { paced, TooMany } from '../../src/channels/paced.js';
import type { Pace } from '../../src/channels/paced.js';
import type { Severity } from '../../src/domain/severity.js';
import { sample } from './sample.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A channel under a pace; `sent` is what left and after how many seconds. */
function lane(pace: Pace | undefined, fails: (number: number) => Error | undefined = () => undefined) {
  const sent: { at: number; message: Message }[] = [];
  const begun = Date.now();
  const inner: Channel = {
    name: 'email',
    addressOf: ({ email }) => email,
    async send(message) {
      sent.push({ at: (Date.now() - begun) / 1_000, message });
      const error = fails(sent.length);
      if (error) throw error;
      return { acceptedAt: Date.now(), answer: 'ok' };
    },
    check: async () => ({ state: 'works', says: '' }),
    close: async () => undefined,
  };
  const channel = paced(inner, { paceOf: () => pace });
  const page = (name: string, severity: Severity = 'High', more: Partial<Message> = {}): Message =>
    sample('alice@example.com', { key: `${name}/1/0.0/alice`, incident: { id: name, severity, title: `It is ${name}`, target: 'app-1' }, ...more });
  return { channel, sent, page, keys: () => sent.map(({ at, message }) => `${message.key} @ ${at}`) };
}

describe('a pace', () => {
  it('lets the first page leave at once, and makes one message of those that follow it within 5 s', async () => {
    const { channel, sent, page } = lane({ bundle: 5_000 });
    const links = [{ action: 'acknowledge' as const, label: 'Acknowledge', url: 'https://r.example/1' }];
    await channel.send(page('one'));
    await vi.advanceTimersByTimeAsync(1_000);
    const followers = Promise.all([channel.send(page('two')), channel.send(page('three', 'Critical', { links })), channel.send(page('bob', 'High', { person: { id: 'bob', address: 'bob@example.com' } }))]);
    await vi.advanceTimersByTimeAsync(4_000);
    expect((await followers).map(({ acceptedAt }) => acceptedAt - Date.now())).toEqual([0, 0, -4_000]);
    expect(sent.map(({ at, message }) => [at, message.person.id, message.subject])).toEqual([
      [0, 'alice', sent[0]?.message.subject], [1, 'bob', sent[0]?.message.subject],
      [5, 'alice', '[Critical] 2 incidents – It is three on app-1; It is two on app-1'],
    ]);
    const { message } = sent[2] ?? expect.fail('no bundle');
    expect(message.text).toContain('responder ack two');
    expect(message.text.match(/Found so far/g)).toHaveLength(2);
    expect(message.links).toEqual([{ ...links[0], label: 'Acknowledge: It is three on app-1' }]);
    await vi.advanceTimersByTimeAsync(5_000);
    await channel.send(page('four'));
    expect(sent[3]).toMatchObject({ at: 10, message: { key: 'four/1/0.0/alice' } });
  });

  it('tells each page of a bundle what became of it, and repeats the same ones under the same key', async () => {
    const { channel, page, keys } = lane({ bundle: 5_000 }, (n) => (n === 2 ? new MayHaveArrived('cut') : undefined));
    await channel.send(page('one'));
    const failed = Promise.allSettled([channel.send(page('two')), channel.send(page('three'))]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await failed).map((one) => one.status === 'rejected' && one.reason instanceof MayHaveArrived)).toEqual([true, true]);
    const again = Promise.all([channel.send(page('three')), channel.send(page('two'))]);
    await vi.advanceTimersByTimeAsync(5_000);
    await again;
    expect(keys()[1]?.replace(' @ 5', '')).toBe(keys()[2]?.replace(' @ 10', ''));
  });

  it('leaves out of a bundle what is no longer wanted', async () => {
    const { channel, page, keys } = lane({ bundle: 5_000 });
    const closed = new AbortController();
    await channel.send(page('one'));
    const both = Promise.allSettled([channel.send(page('two'), closed.signal), channel.send(page('three'))]);
    closed.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(keys()).toEqual(['one/1/0.0/alice @ 0', 'three/1/0.0/alice @ 5']);
  });

  it('refuses what is above the rate for as long as it is, but never what is Critical', async () => {
    const { channel, page, keys } = lane({ atMost: { messages: 2, per: 60_000 } });
    await channel.send(page('one'));
    await vi.advanceTimersByTimeAsync(10_000);
    await channel.send(page('two'));
    const refused = await channel.send(page('three')).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TooMany);
    expect(refused).toMatchObject({ afterMs: 50_000, message: 'alice has had 2 messages by email and wants no more yet' });
    await channel.send(page('four', 'Critical'));
    await vi.advanceTimersByTimeAsync(60_000);
    await channel.send(page('three'));
    expect(keys()).toEqual(['one/1/0.0/alice @ 0', 'two/1/0.0/alice @ 10', 'four/1/0.0/alice @ 10', 'three/1/0.0/alice @ 70']);
  });

  it('touches neither questions nor notices, nor who has none', async () => {
    const { channel, page, keys } = lane({ bundle: 5_000, atMost: { messages: 1, per: 60_000 } });
    await channel.send(page('one'));
    await channel.send(page('two', 'High', { kind: 'ask' }));
    expect(keys()).toHaveLength(2);
    const free = lane(undefined);
    await Promise.all([free.channel.send(page('one')), free.channel.send(page('two'))]);
    expect(free.keys()).toHaveLength(2);
  });
});
