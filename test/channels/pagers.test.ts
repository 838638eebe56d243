import { afterEach, describe, expect, it } from 'vitest';
import { NextChannel } from '../../src/channels/channel.js';
import type { Message } from '../../src/channels/channel.js';
import { opsgenieChannel } from '../../src/channels/opsgenie.js';
import { pagerDutyChannel } from '../../src/channels/pagerduty.js';
import { teamsChannel } from '../../src/channels/teams.js';
import { openReceiver } from '../support/receiver.js';
import type { Receiver } from '../support/receiver.js';
import { sample } from './sample.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function receiver(body: object): Promise<Receiver> {
  const server = await openReceiver(() => ({ status: 202, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }));
  open.push(server);
  return server;
}

const news = (kind: 'over' | 'acknowledged' | 'changed', ...keys: string[]): Partial<Message> => ({ kind: 'notice', urgency: 'normal', news: { kind, pages: keys.map((key) => ({ key })) } });

describe('PagerDuty', () => {
  const pagerDuty = async () => {
    const server = await receiver({ status: 'success', message: 'Event processed', dedup_key: 'x' });
    const channel = pagerDutyChannel({ routingKeys: { oncall: 'r'.repeat(32) }, api: server.url });
    open.push(channel);
    return { server, channel };
  };

  it('triggers under the key of the page, as severe as the incident', async () => {
    const { server, channel } = await pagerDuty();
    await channel.send(sample('oncall'));
    await channel.send(sample('oncall', { kind: 'notice', subject: 'x'.repeat(5_000) }));
    const [page, notice] = server.json() as { payload: { summary: string } }[];
    expect(server.requests[0]?.path).toBe('/v2/enqueue');
    expect(page).toMatchObject({ routing_key: 'r'.repeat(32), event_action: 'trigger', dedup_key: sample('').key, payload: { severity: 'critical', source: 'app-1:/var' } });
    expect(notice).toMatchObject({ payload: { severity: 'info' } });
    expect(notice?.payload.summary.length).toBeLessThanOrEqual(1_024);
  });

  it('resolves each page when it is over, acknowledges them when somebody has it, and is left out where it had none', async () => {
    const { server, channel } = await pagerDuty();
    await channel.send(sample('oncall', news('over', 'a', 'b')));
    await channel.send(sample('oncall', news('acknowledged', 'a')));
    expect(server.json().map(({ event_action, dedup_key }) => [event_action, dedup_key])).toEqual([['resolve', 'a'], ['resolve', 'b'], ['acknowledge', 'a']]);
    // Its events have no word for other changes.
    expect(await channel.send(sample('oncall', news('changed', 'a'))).catch((error: unknown) => error)).toBeInstanceOf(NextChannel);
    expect(await channel.send(sample('oncall', news('over'))).catch((error: unknown) => error)).toBeInstanceOf(NextChannel);
  });
});

describe('Opsgenie', () => {
  const opsgenie = async () => {
    const server = await receiver({ result: 'Request will be processed', took: 0.3, requestId: '43a29c5c' });
    const channel = opsgenieChannel({ apiKey: 'genie', api: server.url });
    open.push(channel);
    return { server, channel };
  };

  it('makes an alert under the key of the page, for a user or a team', async () => {
    const { server, channel } = await opsgenie();
    expect(await channel.send(sample('alice@example.com', { text: 't'.repeat(20_000) }))).toMatchObject({ answer: 'request 43a29c5c' });
    await channel.send(sample('Operations'));
    const [user, team] = server.json() as { description: string; message: string }[];
    expect(server.requests[0]).toMatchObject({ path: '/v2/alerts', headers: { authorization: 'GenieKey genie' } });
    expect(user).toMatchObject({ alias: sample('').key, priority: 'P1', responders: [{ type: 'user', username: 'alice@example.com' }] });
    expect(user?.description).toHaveLength(15_000);
    expect(user?.message.length).toBeLessThanOrEqual(130);
    expect(team).toMatchObject({ responders: [{ type: 'team', name: 'Operations' }] });
  });

  it('writes a note under each alert when the incident escalates or recovers, in the words of the update', async () => {
    const { server, channel } = await opsgenie();
    await channel.send(sample('Operations', { ...news('changed', 'i/1/1.0/alice', 'i/2/0.0/alice'), lead: 'For your information: Disk 93 % full – escalated: Level 2.' }));
    expect(server.requests.map(({ path, body }) => [path, JSON.parse(body)])).toEqual(
      ['i%2F1%2F1.0%2Falice', 'i%2F2%2F0.0%2Falice'].map((alias) => [`/v2/alerts/${alias}/notes?identifierType=alias`, { source: 'AuthOS Responder', note: 'For your information: Disk 93 % full – escalated: Level 2.' }]),
    );
  });

  it('closes each alert when it is over, by its alias', async () => {
    const { server, channel } = await opsgenie();
    await channel.send(sample('Operations', news('over', 'i/1/1.0/alice')));
    await channel.send(sample('Operations', news('acknowledged', 'i/1/1.0/alice')));
    expect(server.requests.map(({ path }) => path)).toEqual(['/v2/alerts/i%2F1%2F1.0%2Falice/close?identifierType=alias', '/v2/alerts/i%2F1%2F1.0%2Falice/acknowledge?identifierType=alias']);
  });
});

describe('Teams', () => {
  it("gets a card that shows an outsider's words as they are and keeps within 28 KB", async () => {
    const server = await receiver({});
    const channel = teamsChannel({ urls: { ops: `${server.url}/workflows/1?sig=x` } });
    open.push(channel);
    await channel.send(sample('ops', { text: `lead\n\n[all is well](https://evil.example)\n\n${'ä'.repeat(50_000)}` }));
    const [body = ''] = server.requests.map((request) => request.body);
    expect(Buffer.byteLength(body)).toBeLessThan(28_000);
    const message = JSON.parse(body) as { attachments: { contentType: string; content: { body: { type: string }[] } }[] };
    expect(message).toMatchObject({ type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard' } }] });
    // Text blocks read Markdown.
    expect(new Set(message.attachments[0]?.content.body.map(({ type }) => type))).toEqual(new Set(['RichTextBlock']));
  });
});
