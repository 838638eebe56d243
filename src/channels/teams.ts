import type { Channel, Message } from './channel.js';
import { MayHaveArrived } from './channel.js';
import { configured } from './configured.js';
import { oneLine } from './outsider-text.js';
import { outgoingHttp } from './outgoing-http.js';

/**
 * Microsoft Teams by workflows that begin with "When a Teams webhook request is received", each posting to one chat or
 * channel. Taken is 202 with nothing or JSON. The URL carries its authorization (`sig=`); a workflow that is gone or switched
 * off answers 4xx. It takes no key: a repeat shows twice. https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook
 */
export function teamsChannel(options: { urls: Record<string, string>; timeoutMs?: number; now?: () => number }): Channel {
  const { urls, timeoutMs, now = Date.now } = options;
  const http = outgoingHttp({ name: 'Teams', secrets: Object.values(urls), timeoutMs });
  return {
    name: 'teams',
    shared: true,
    addressOf: ({ teams }) => teams,
    async send(message, signal) {
      const url = configured(urls, message.person.address, 'Teams workflow');
      const { status, text } = await http.post({ url, body: cardOf(message), signal });
      if (text.trimStart().startsWith('<')) throw new MayHaveArrived(`Teams answered ${status} with a page: ${http.quoted(text)}`);
      return { acceptedAt: now(), answer: String(status) };
    },
    // Every request that a workflow takes starts it.
    async check(address) {
      const place = await http.connect(configured(urls, address, 'Teams workflow'));
      return { state: 'is there', says: `${place} answers; whether the workflow runs only a test page shows` };
    },
    close: () => http.close(),
  };
}

/** A card holds 28 KB; a page is far shorter, unless an outsider made it long. */
const longestText = 6_000;

/**
 * An adaptive card. Its words are text runs: unlike text blocks these read no Markdown, so that an outsider's words stay what
 * they are. https://adaptivecards.io/explorer/RichTextBlock.html
 */
function cardOf({ subject, lead, text, urgency, links }: Message): object {
  const [, ...paragraphs] = text.slice(0, longestText).trim().split('\n\n');
  const body = [
    block(oneLine(subject, 200), { weight: 'bolder', size: 'medium', color: urgency === 'high' ? 'attention' : 'default' }),
    block(lead, {}),
    ...paragraphs.map((paragraph) => block(paragraph, { size: 'small' })),
  ];
  // Six are shown, more are refused; each carries an address of some 300 bytes.
  const actions = links.slice(0, 6).map(({ label, url }) => ({ type: 'Action.OpenUrl', title: label, url }));
  const content = { $schema: 'http://adaptivecards.io/schemas/adaptive-card.json', type: 'AdaptiveCard', version: '1.4', msteams: { width: 'Full' }, body, actions };
  return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }] };
}

function block(text: string, looks: object): object {
  return { type: 'RichTextBlock', inlines: [{ type: 'TextRun', text, ...looks }] };
}
