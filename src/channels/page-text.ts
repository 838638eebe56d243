import type { LevelName, PagePart, PageReason } from '../domain/ladder.js';
import type { Ask } from '../domain/messages.js';
import type { PageRequest } from '../domain/page.js';
import type { PersonLink } from './channel.js';
import { duration, utcRelative } from './moment.js';
import { escapeHtml, oneLine, printable } from './outsider-text.js';

/** What a page says to one person; `part` is the highest level through which a page reaches them. */
export interface PageTextInput {
  request: PageRequest;
  /** `CTO (level 2)`: the person's roles in this. */
  why: string;
  part?: PagePart;
  /** True if the page reaches somebody through a higher level who already was on it through a lower one. */
  escalatedToYou: boolean;
  late: boolean;
  /** ms since the epoch. */
  now: number;
  /** What the person can do by a link; in the HTML alone, since other places show links in their own way. */
  links?: readonly PersonLink[];
}

/** Subject, the line under it, plain text and the same as simple HTML. Every value is one line or a code block, and escaped in the HTML. */
export interface PageText {
  subject: string;
  lead: string;
  text: string;
  html: string;
}

interface Section {
  heading: string;
  lines: string[];
  /** `exact` is shown as it is, indented; `links` are addresses; `facts` and `list` are prose. */
  as: 'facts' | 'list' | 'exact' | 'links';
}

const reasons: Record<PageReason, string> = {
  due: 'it is unresolved and this level is due',
  early: 'this level is paged before its time',
  repeat: 'nobody has acknowledged yet',
  'acknowledgement lapsed': 'the acknowledgement has lapsed and it is still unresolved',
  'last resort': 'everyone was paged and nobody answers',
  'hold ended': 'it was on hold, and the hold has ended',
};

/** Writes a page, question or notice for one person. Pure: the same input gives the same words. */
export function pageText(input: PageTextInput): PageText {
  const subject = subjectLine(input);
  const lead = leadLine(input);
  const sections = sectionsOf(input);
  return { subject, lead, text: plain(lead, sections), html: hypertext(subject, lead, sections, input.links ?? []) };
}

/** The text with the links after its first line, for places that show plain text. */
export function textWithLinks(text: string, links: readonly PersonLink[]): string {
  if (links.length === 0) return text;
  const [lead = '', ...rest] = text.split('\n\n');
  const lines = links.map(({ label, url }) => `${label}: ${url}`);
  return [lead, ['For you alone, to be confirmed on the page that opens', ...lines].join('\n'), ...rest].join('\n\n');
}

function levelName(level: LevelName): string {
  return level === 'last resort' ? 'Last resort' : `Level ${level}`;
}

function subjectLine({ request, part, late }: PageTextInput): string {
  const { severity, title, target } = request.incident;
  const head = `[${severity}] ${oneLine(title, 80)} on ${oneLine(target, 60)} –`;
  switch (request.kind) {
    case 'page': {
      const round = Number(part?.round.split('.')[1] ?? 0);
      const marks = [...(round > 0 ? [`repeat ${round}`] : []), ...(late ? ['late'] : [])];
      const level = part === undefined ? 'Page' : levelName(part.level);
      return `${head} ${level}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}`;
    }
    case 'ask':
      return `${head} Approve ${asksInShort(request.asks)}?${late ? ' (late)' : ''}`;
    case 'notice':
      return `${head} Notice: ${oneLine(newsOf(request), 60)}${late ? ' (late)' : ''}`;
  }
}

/** The line a phone shows beside the subject: what is wrong and what is wanted, nothing else. */
function leadLine({ request, part, now }: PageTextInput): string {
  const wrong = oneLine(request.story.wrong, 140);
  const age = duration(now - request.incident.openedAt);
  switch (request.kind) {
    case 'page':
      return part === undefined || part.level === 1
        ? `${wrong} – open for ${age}. Please acknowledge.`
        : `Escalated to you: ${wrong} – unresolved for ${age}. Please acknowledge.`;
    case 'ask':
      return `Your answer is needed: ${request.asks.map((ask) => `${oneLine(ask.act, 100)} on ${oneLine(ask.host, 60)}`).join('; ')}? ${wrong}`;
    case 'notice':
      return `For your information: ${wrong} – ${oneLine(newsOf(request), 120)}.`;
  }
}

function newsOf({ news, story }: Extract<PageRequest, { kind: 'notice' }>): string {
  return news?.says ?? story.state;
}

function sectionsOf(input: PageTextInput): Section[] {
  const { request, why, part, escalatedToYou, late, now } = input;
  const { incident, story } = request;
  const because = part === undefined ? '' : `, because ${reasons[part.reason]}`;
  const dueAt = request.kind === 'page' ? request.due.dueAt : request.dueAt;
  const facts = [
    `${incident.severity}: ${oneLine(incident.title)} on ${oneLine(incident.target)}, ${oneLine(story.state)}`,
    `Since ${utcRelative(incident.openedAt, now)}`,
    `${{ page: 'You are', ask: 'You are asked:', notice: 'You are told:' }[request.kind]} ${oneLine(why)}${because}`,
    ...(escalatedToYou ? ['Escalated to you: you hold it already through a lower level, and get one page for both'] : []),
    ...(late ? [`Late: this was due ${utcRelative(dueAt, now)}`] : []),
  ];
  const next: Section = { heading: 'What happens next', as: 'facts', lines: [oneLine(story.next, 500) || 'nothing is planned'] };
  const links = [incident.links.console, incident.links.temporal].filter((link) => link !== '');
  return [
    { heading: 'Incident', as: 'facts', lines: facts },
    ...(request.kind === 'ask' ? request.asks : story.asked).flatMap((ask) => askSections(ask, incident.id, now)),
    { heading: 'Found so far', as: 'list', lines: lines(story.found, 'nothing yet') },
    { heading: 'Done so far', as: 'list', lines: lines(story.done, 'nothing yet') },
    next,
    ...(request.kind === 'page'
      ? [{ heading: 'Say that you have it', as: 'exact', lines: [`responder ack ${incident.id}`] } satisfies Section]
      : []),
    ...(links.length > 0 ? [{ heading: 'Links', as: 'links', lines: links.map((link) => oneLine(link, 500)) } satisfies Section] : []),
  ];
}

function asksInShort([first, ...others]: Ask[]): string {
  if (first === undefined) return '';
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return `${oneLine(first.id, 20)} ${oneLine(first.step, 60)}${more}`;
}

/** All that somebody needs to answer without opening anything else. */
function askSections(ask: Ask, incidentId: string, now: number): Section[] {
  const id = oneLine(ask.id, 20);
  return [
    {
      heading: `Question ${id}`,
      as: 'facts',
      lines: [
        `${oneLine(ask.step)}: ${oneLine(ask.act)}`,
        `Host: ${oneLine(ask.host)}`,
        `Risk: ${ask.risk}${ask.needsTwoPeople ? '; two people have to approve' : ''}`,
        `Undo: ${oneLine(ask.undo) || 'none'}`,
        `Until: ${ask.expiresAt === null ? 'no time limit' : utcRelative(ask.expiresAt, now)}`,
      ],
    },
    { heading: `Exact command of ${id}`, as: 'exact', lines: printable(ask.command).split('\n') },
    { heading: `Evidence for ${id}`, as: 'exact', lines: printable(ask.evidence).trimEnd().split('\n') },
    { heading: `Your answer to ${id}`, as: 'exact', lines: [`responder approve ${incidentId} ${id}`, `responder decline ${incidentId} ${id}`] },
  ];
}

function lines(texts: string[], none: string): string[] {
  return texts.length === 0 ? [none] : texts.map((text) => oneLine(text, 500));
}

function plain(lead: string, sections: Section[]): string {
  const prefix = { facts: '', list: '- ', exact: '    ', links: '' };
  const blocks = sections.map(({ heading, as, lines: each }) => [heading, ...each.map((line) => `${prefix[as]}${line}`)].join('\n'));
  return `${[lead, ...blocks].join('\n\n')}\n`;
}

function hypertext(subject: string, lead: string, sections: Section[], links: readonly PersonLink[]): string {
  const buttons = links.map(({ label, url }) => `<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`);
  const blocks = sections.map(({ heading, as, lines: each }) => `<h3>${escapeHtml(heading)}</h3>\n${element(as, each)}`);
  return [
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head><body>`,
    `<p><strong>${escapeHtml(lead)}</strong></p>`,
    ...(buttons.length > 0 ? [`<p>${buttons.join(' · ')}</p>`] : []),
    ...blocks,
    '</body></html>\n',
  ].join('\n');
}

function element(as: Section['as'], each: string[]): string {
  const safe = each.map(escapeHtml);
  switch (as) {
    case 'facts':
      return `<p>${safe.join('<br>')}</p>`;
    case 'list':
      return `<ul>${safe.map((line) => `<li>${line}</li>`).join('')}</ul>`;
    case 'exact':
      return `<pre>${safe.join('\n')}</pre>`;
    case 'links':
      return `<p>${safe.map((line) => (/^https?:\/\//.test(line) ? `<a href="${line}">${line}</a>` : line)).join('<br>')}</p>`;
  }
}
