import { severities } from '../domain/severity.js';
import type { Message } from './channel.js';
import { messageHash } from './message-hash.js';
import { oneLine } from './outsider-text.js';

/**
 * Several pages to one person as one message: first what each wants, shortly, then all of each. Its key comes from theirs, so
 * a repeat of the same ones has the same key. Not empty.
 */
export function bundled(messages: [Message, ...Message[]]): Message {
  messages.sort((a, b) => severities.indexOf(a.incident.severity) - severities.indexOf(b.incident.severity) || (a.key < b.key ? -1 : 1));
  const [worst] = messages;
  if (messages.length === 1) return worst;
  const names = messages.map(({ incident }) => `${oneLine(incident.title, 80)} on ${oneLine(incident.target, 60)}`);
  const lead = `${messages.length} pages for you: ${names.join('; ')}. Please acknowledge each.`;
  const inShort = messages.map(({ subject, lead: wrong, incident }) => [subject, oneLine(wrong, 300), `responder ack ${incident.id}`].join('\n'));
  return {
    key: `bundle/${messageHash(messages.map(({ key }) => key).join('\n'))}`,
    keys: messages.map(({ key }) => key),
    person: worst.person,
    kind: worst.kind,
    incident: worst.incident,
    subject: `[${worst.incident.severity}] ${messages.length} incidents – ${oneLine(names.join('; '), 120)}`,
    lead,
    text: `${[lead, ...inShort, ...messages.map(({ subject, text }) => `=== ${subject}\n\n${text.trim()}`)].join('\n\n')}\n`,
    urgency: worst.urgency,
    late: messages.some(({ late }) => late),
    // A button is for one incident: there are links instead.
    answers: [],
    links: messages.flatMap(({ links }, index) => links.map((link) => ({ ...link, label: `${link.label}: ${names[index]}` }))),
  };
}
