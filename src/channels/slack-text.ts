import type { Answer, Message } from './channel.js';
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
export function slackMessage(message: Message, buttons: object[] = linkButtons(message)): SlackMessage {
  return {
    text: escaped(oneLine(`${message.subject}: ${message.lead}`, 1_000)),
    blocks: [
      { type: 'header', text: plain(message.subject, 150) },
      { type: 'section', text: plain(message.lead, 500) },
      ...(buttons.length > 0 ? [{ type: 'actions', elements: buttons.slice(0, 25) }] : []),
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

/** Buttons that only open an address. A block holds 25. */
function linkButtons({ links }: Message): object[] {
  return links.map(({ label, url }, index) => ({ type: 'button', action_id: `link-${index}`, text: plain(label, 75), url }));
}

/** Buttons whose press comes back to src/http/slack-routes.ts. What needs a reason has no button. */
export function answerButtons({ answers, incident }: Message): object[] {
  return answers.filter(({ action }) => action !== 'resolve').map(({ action, ask, label }) => ({
    type: 'button',
    action_id: ask === undefined ? action : `${action} ${ask}`,
    text: plain(label, 75),
    value: JSON.stringify({ incident: incident.id, ...(ask !== undefined && { ask }) }),
    ...looksOf(action, label),
  }));
}

function looksOf(action: Answer['action'], label: string): object {
  if (action !== 'approve') return action === 'acknowledge' ? { style: 'primary' } : {};
  const confirm = { title: plain(`${label}?`, 100), text: plain('The exact command is in the message.', 300), confirm: plain('Approve', 30), deny: plain('Go back', 30) };
  return { style: 'danger', confirm };
}

/** The text after its lead, one block a paragraph: a block holds 3 000 characters, a message 50 blocks. */
function sectionsOf(text: string): object[] {
  const [, ...paragraphs] = text.trim().split('\n\n');
  const shown = paragraphs.slice(0, 30).map((paragraph) => (paragraph.length > 2_900 ? `${paragraph.slice(0, 2_900)}…` : paragraph));
  return shown.map((paragraph) => ({ type: 'section', text: { type: 'plain_text', text: paragraph, emoji: false } }));
}
