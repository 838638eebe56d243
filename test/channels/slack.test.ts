import { afterEach, describe, expect, it } from 'vitest';
import { MayHaveArrived, NextChannel } from '../../src/channels/channel.js';
import { paced } from '../../src/channels/paced.js';
import { slackBotChannel } from '../../src/channels/slack-bot.js';
import { slackMessage } from '../../src/channels/slack-text.js';
import { openReceiver } from '../support/receiver.js';
import { sample } from './sample.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

it("shows an outsider's words in Slack as they are: no mention, no link, no markup", () => {
  const { text, blocks } = slackMessage(sample('ops', { subject: 'Disk <!channel> & <https://evil.example|console>', lead: 'x'.repeat(5_000) }));
  expect(text).toContain('Disk &lt;!channel&gt; &amp; &lt;https://evil.example|console&gt;');
  const shown = JSON.stringify(blocks);
  expect(shown).not.toContain('mrkdwn');
  expect(shown).toContain('- <!channel> & 93 % used');
});

it("stays within Slack's limits, however long a page is", () => {
  const long = Array.from({ length: 100 }, () => 'y'.repeat(4_000)).join('\n\n');
  const { text, blocks } = slackMessage(sample('ops', { subject: 's'.repeat(900), text: long }));
  expect(text.length).toBeLessThanOrEqual(4_000);
  expect(blocks.length).toBeLessThanOrEqual(50);
  for (const block of blocks as { type: string; text: { text: string } }[]) expect(block.text.text.length).toBeLessThanOrEqual(block.type === 'header' ? 150 : 3_000);
});

describe('the bot', () => {
  const bot = async (body: object) => {
    const server = await openReceiver(() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }));
    const channel = slackBotChannel({ token: 'xoxb-1', api: server.url, buttons: false });
    open.push(server, channel);
    return { server, channel };
  };

  it.each([
    ['channel_not_found', NextChannel],
    ['token_revoked', NextChannel],
    ['is_archived', NextChannel],
    ['something_new', NextChannel],
    ['internal_error', MayHaveArrived],
    ['fatal_error', MayHaveArrived],
    ['ratelimited', Error],
    ['service_unavailable', Error],
  ])('reads "ok": false with %s under a 200 as what it is', async (error, kind) => {
    const { channel } = await bot({ ok: false, error });
    const failure: unknown = await channel.send(sample('U012AB3CDE')).catch((reason: unknown) => reason);
    expect((failure as Error).constructor).toBe(kind);
    expect((failure as Error).message).toContain(error);
  });

  it('gets followers as one message, with a link for each incident instead of buttons, within its limits', async () => {
    const { server, channel } = await bot({ ok: true, channel: 'D024BE91L', ts: '1503435956.000247' });
    const slow = paced(slackBotChannel({ token: 'xoxb-1', api: server.url, buttons: true }), { paceOf: () => ({ bundle: 300 }) });
    open.push(slow);
    const page = (id: string) => {
      const url = `https://responder.example.com/links/${id}`;
      return sample('U012AB3CDE', {
        key: `${id}/1/0.0/alice`,
        incident: { id, severity: 'High', title: `It is ${id} <!channel>`, target: 'app-1' },
        text: `lead of ${id}\n\n${'y'.repeat(4_000)}\n`,
        answers: [{ action: 'acknowledge', label: 'Acknowledge' }],
        links: [{ action: 'acknowledge', label: 'Acknowledge', url }],
      });
    };
    await channel.send(page('zero'));
    const receipts = await Promise.all([slow.send(page('one')), ...Array.from({ length: 19 }, (_, n) => slow.send(page(`follower-${n}`)))]);
    const bodies = server.json() as { text: string; blocks: { type: string; elements?: { url?: string; value?: string }[] }[] }[];
    expect(bodies).toHaveLength(3);
    const bundle = bodies[2] ?? expect.fail('no bundle');
    expect(bundle.text).toContain('19 incidents');
    expect(bundle.text).not.toContain('<!channel>');
    const buttons = bundle.blocks.flatMap(({ elements = [] }) => elements);
    expect(buttons).toHaveLength(19);
    expect(buttons.every(({ url, value }) => url?.startsWith('https://responder.example.com/links/follower-') && value === undefined)).toBe(true);
    expect(bundle.blocks.length).toBeLessThanOrEqual(50);
    expect(new Set(receipts.slice(1).map(({ reference }) => reference))).toEqual(new Set(['D024BE91L/1503435956.000247']));
  });

  it('writes news into the thread of the last page', async () => {
    const { server, channel } = await bot({ ok: true, channel: 'D024BE91L', ts: '1503435956.000247' });
    const { reference } = await channel.send(sample('U012AB3CDE'));
    expect(reference).toBe('D024BE91L/1503435956.000247');
    await channel.send(sample('U012AB3CDE', { kind: 'notice', news: { kind: 'over', pages: [{ key: 'a', reference: 'D024BE91L/1.1' }, { key: 'b', reference }, { key: 'c' }] } }));
    expect(server.json().map(({ channel: place, thread_ts }) => [place, thread_ts])).toEqual([['U012AB3CDE', undefined], ['D024BE91L', '1503435956.000247']]);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer xoxb-1');
  });
});
