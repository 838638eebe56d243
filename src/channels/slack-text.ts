import type { Message } from './channel.js';
import { oneLine } from './outsider-text.js';

/** A message in Slack's own shape: what goes into the request's body beside its address. */
export interface SlackMessage {
  text: string;
  blocks: object[];
}

/**
 * A page as blocks of Slack. An outsider's words are `plain_text`, which can neither mention anybody nor hide a link; only
 * `text`, which phones show in the notification, is read as Slack's markup, and escaped as it wants:
 * https://docs.slack.dev/messaging/formatting-message-text. Limits: https://docs.slack.dev/reference/block-kit/blocks
 */
export function slackMessage(message: Message): SlackMessage {
  return {
    text: escaped(oneLine(`${message.subject}: ${message.lead}`, 1_000)),
    blocks: [
      { type: 'header', text: plain(message.subject, 150) },
      { type: 'section', text: plain(message.lead, 500) },
      ...buttonsOf(message),
      ...sectionsOf(message.text),
    ],
  };
}

/** Only the three characters that Slack reads: it shows other entities as they are written. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function plain(text: string, atMost: number): object {
  return { type: 'plain_text', text: oneLine(text, atMost), emoji: false };
}

function buttonsOf({ links }: Message): object[] {
  if (links.length === 0) return [];
  // A block holds 25; a press without an app of ours behind it only opens the address.
  const elements = links.slice(0, 25).map(({ label, url }, index) => ({ type: 'button', action_id: `link-${index}`, text: plain(label, 75), url }));
  return [{ type: 'actions', elements }];
}

/** The text after its lead, one block a paragraph: a block holds 3 000 characters, a message 50 blocks. */
function sectionsOf(text: string): object[] {
  const [, ...paragraphs] = text.trim().split('\n\n');
  const shown = paragraphs.slice(0, 30).map((paragraph) => (paragraph.length > 2_900 ? `${paragraph.slice(0, 2_900)}…` : paragraph));
  return shown.map((paragraph) => ({ type: 'section', text: { type: 'plain_text', text: paragraph, emoji: false } }));
}
