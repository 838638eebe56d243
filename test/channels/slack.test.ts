import { expect, it } from 'vitest';
import { slackMessage } from '../../src/channels/slack-text.js';
import { sample } from './sample.js';

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
