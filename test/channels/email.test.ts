import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MayHaveArrived, NextChannel } from '../../src/channels/channel.js';
import type { Channel, Message } from '../../src/channels/channel.js';
import { emailChannel } from '../../src/channels/email.js';
import { openPostOffice } from '../support/post-office.js';
import type { PostOffice, Treatment } from '../support/post-office.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

const message: Message = {
  key: '0190f3c0-0000-7000-8000-000000000001/2/1.0/alice',
  person: { id: 'alice', name: 'Alice Example', address: 'alice@example.com' },
  kind: 'page',
  incident: { id: '0190f3c0-0000-7000-8000-000000000001', severity: 'Critical', title: 'Disk Space Critical', target: 'app-1:/var' },
  subject: '[Critical] Disk Space Critical on app-1:/var – Level 2',
  lead: 'Disk 93 % full – open for 5 min. Please acknowledge.',
  text: 'Disk 93 % full\n',
  html: '<p>Disk 93 % full</p>',
  urgency: 'high',
  late: false,
  links: [],
    answers: [],
};

function channelTo(port: number, timeoutMs = 10_000): Channel {
  const channel = emailChannel({ server: { host: '127.0.0.1', port }, from: 'AuthOS Responder <responder@example.com>', timeoutMs });
  open.push(channel);
  return channel;
}

async function post(treat?: (address: string, tryNumber: number) => Treatment): Promise<{ office: PostOffice; email: Channel }> {
  const office = await openPostOffice(treat);
  open.push(office);
  return { office, email: channelTo(office.port) };
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('was accepted'),
    (error: Error) => error,
  );
}

describe('mail', () => {
  it('arrives as text and HTML, and counts as sent only with the server\'s 250', async () => {
    const { office, email } = await post();
    const before = Date.now();
    const receipt = await email.send(message);
    expect(receipt.answer).toMatch(/^250/);
    expect(receipt.acceptedAt).toBeGreaterThanOrEqual(before);
    const [letter] = office.letters;
    expect(letter).toMatchObject({ to: 'alice@example.com', subject: message.subject, text: message.text, html: message.html, key: message.key });
    expect(letter?.data).toMatch(/^To: Alice Example <alice@example\.com>\r$/m);
    expect(letter?.data.indexOf('text/plain')).toBeLessThan(letter?.data.indexOf('text/html') ?? 0);
  });

  it('carries one Message-ID per key, however often it is sent', async () => {
    const { office, email } = await post();
    await email.send(message);
    await email.send({ ...message, text: 'again\n' });
    await email.send({ ...message, key: message.key.replace('alice', 'bob') });
    const [first, repeat, other] = office.letters.map(({ messageId }) => messageId);
    expect(first).toMatch(/^<[0-9a-f]{40}@responder>$/);
    expect(repeat).toBe(first);
    expect(other).not.toBe(first);
  });

  it('stands in one thread with every other of its incident', async () => {
    const { office, email } = await post();
    await email.send(message);
    await email.send({ ...message, kind: 'notice', key: message.key.replace('2/1.0', 'closed-0') });
    await email.send({ ...message, incident: { ...message.incident, id: 'other' } });
    const [page, allClear, other] = office.letters.map(({ data }) => [/^In-Reply-To: (\S+)\r$/im.exec(data)?.[1], /^References: (\S+)\r$/im.exec(data)?.[1]]);
    expect(page?.[0]).toMatch(/^<[0-9a-f]{40}@responder>$/);
    expect(page?.[1]).toBe(page?.[0]);
    expect(allClear).toEqual(page);
    expect(other).not.toEqual(page);
  });

  it.each([
    ['subject', { subject: 'Disk full\r\nBcc: eve@evil.example\r\n\r\nHello' }],
    ['name', { person: { ...message.person, name: 'Alice"\r\nBcc: eve@evil.example, <eve@evil.example>' } }],
    ['key', { key: 'a/1/1.0/alice\r\nBcc: eve@evil.example' }],
  ])('keeps a line break in the %s from becoming a header or a recipient', async (_where, change) => {
    const { office, email } = await post();
    await email.send({ ...message, ...change });
    expect(office.letters.map(({ to }) => to)).toEqual(['alice@example.com']);
    const [head = ''] = (office.letters[0]?.data ?? '').split('\r\n\r\n');
    expect(head).not.toMatch(/^(Bcc|Cc):/im);
    expect(head).toMatch(/^Auto-Submitted: auto-generated$/m);
  });

  it.each(['', 'alice', 'alice@example.com\r\nRCPT TO:<eve@evil.example>', 'alice@example.com,eve@evil.example', 'Alice <alice@example.com>'])(
    'sends nothing to the address %j and leaves it for the next way',
    async (address) => {
      const { office, email } = await post();
      const failure = await failureOf(email.send({ ...message, person: { id: 'alice', address } }));
      expect(failure).toBeInstanceOf(NextChannel);
      expect(failure.message).toContain('email of alice is not an address');
      expect(office.letters).toEqual([]);
    },
  );

  it('asks for a retry when the server puts it off, and for the next way when it refuses', async () => {
    const { email } = await post((_address, tryNumber) => (tryNumber === 1 ? 451 : tryNumber === 2 ? 550 : 'accept'));
    const later = await failureOf(email.send(message));
    expect(later).not.toBeInstanceOf(NextChannel);
    expect(later).not.toBeInstanceOf(MayHaveArrived);
    expect(later.message).toContain('451 not now');
    expect(later.cause).toBeInstanceOf(Error);
    expect(await failureOf(email.send(message))).toBeInstanceOf(NextChannel);
    await email.send(message);
  });

  it('says that it may have arrived when the connection is cut before the answer, and does not repeat it by itself', async () => {
    const { office, email } = await post((_address, tryNumber) => (tryNumber <= 2 ? 'keep and cut' : 'accept'));
    expect(await failureOf(email.send(message))).toBeInstanceOf(MayHaveArrived);
    expect(office.letters).toHaveLength(1);
    expect(await failureOf(email.send(message))).toBeInstanceOf(MayHaveArrived);
    expect(office.letters).toHaveLength(2);
    await email.send(message);
    expect(new Set(office.letters.map(({ messageId }) => messageId)).size).toBe(1);
  });

  it('says that it may have arrived when the pooled connection is cut on its second message', async () => {
    const { office, email } = await post((_address, tryNumber) => (tryNumber === 2 ? 'keep and cut' : 'accept'));
    await email.send(message);
    expect(await failureOf(email.send(message))).toBeInstanceOf(MayHaveArrived);
    expect(office.letters).toHaveLength(2);
  });

  it('gives up on its signal while the server does not answer, and says that it may have arrived', async () => {
    const giveUp = new AbortController();
    const { email } = await post(() => {
      giveUp.abort();
      return 'hang';
    });
    expect(await failureOf(email.send(message, giveUp.signal))).toBeInstanceOf(MayHaveArrived);
  });

  it('knows that nothing arrived where nobody listens, and works once somebody does', async () => {
    const first = await openPostOffice();
    await first.close();
    const email = channelTo(first.port);
    const failure = await failureOf(email.send(message));
    expect(failure.message).toContain('ECONNREFUSED');
    expect(failure).not.toBeInstanceOf(MayHaveArrived);
    expect(failure).not.toBeInstanceOf(NextChannel);
    const second = await openPostOffice(undefined, first.port);
    open.push(second);
    await email.send(message);
    expect(second.letters).toHaveLength(1);
  });

  it('knows that nothing arrived at a server that never greets', async () => {
    const mute = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const email = channelTo((mute.address() as AddressInfo).port, 200);
    const failure = await failureOf(email.send(message));
    expect(failure.message).toContain('Greeting never received');
    expect(failure).not.toBeInstanceOf(MayHaveArrived);
    await new Promise((resolve) => mute.close(resolve));
  });

  it('leaves a refused login for the next way, without the password in the error', async () => {
    const { office } = await post();
    const email = emailChannel({ server: { host: '127.0.0.1', port: office.port, user: 'responder', password: 'hunter2-secret' }, from: 'responder@example.com' });
    open.push(email);
    const failure = await failureOf(email.send(message));
    expect(failure).toBeInstanceOf(NextChannel);
    expect(JSON.stringify([failure.message, String(failure.stack), String(failure.cause)])).not.toContain('hunter2-secret');
  });
});
