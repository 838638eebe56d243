import { afterEach, describe, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { webhookChannel } from '../../src/channels/webhook.js';
import { openReceiver } from '../support/receiver.js';
import { sample } from './sample.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const secretOf = (letter: string) => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`;

describe('a signed webhook', () => {
  it("passes the check of Standard Webhooks' own library with either secret, and with no other", async () => {
    const receiver = await openReceiver(() => ({ status: 200 }));
    const channel = webhookChannel({ receivers: { bridge: { url: `${receiver.url}/in?x=1`, secrets: [secretOf('a'), secretOf('b')] } } });
    open.push(receiver, channel);
    await channel.send(sample('bridge'));
    const [request] = receiver.requests;
    expect(request?.path).toBe('/in?x=1');
    const headers = request?.headers as Record<string, string>;
    for (const letter of ['a', 'b']) {
      expect(new Webhook(secretOf(letter)).verify(request?.body ?? '', headers)).toMatchObject({
        type: 'incident.page',
        data: { key: sample('').key, person: { id: 'alice' }, incident: { severity: 'Critical' }, late: false },
      });
    }
    expect(() => new Webhook(secretOf('c')).verify(request?.body ?? '', headers)).toThrow('No matching signature');
    expect(() => new Webhook(secretOf('a')).verify(`${request?.body} `, headers)).toThrow('No matching signature');
  });
});
