import { actorName } from '../domain/actor.js';
import type { AskRecord, IncidentView } from '../domain/incident.js';
import type { Severity } from '../domain/severity.js';
import { localAndRelative, relative } from './clock.js';
import { indent, type Ink } from './output.js';
import { oneLine, plainText, shellWord } from './plain-text.js';

/** The severity in its colour. */
export function severityWord(severity: string, ink: Ink): string {
  const colours: Record<Severity, (text: string) => string> = {
    Critical: (text) => ink.bold(ink.red(text)),
    High: ink.yellow,
    Medium: ink.cyan,
  };
  const colour = colours[severity as Severity] ?? ink.bold;
  return colour(oneLine(severity));
}

/** The state in its colour; a closed one with how it closed. */
export function stateWord(view: Pick<IncidentView, 'state' | 'closedAs'>, ink: Ink): string {
  if (view.state !== 'closed') return (view.state === 'open' ? ink.red : ink.yellow)(view.state);
  return (view.closedAs === 'recovered' ? ink.green : ink.yellow)(`closed, ${view.closedAs ?? 'no reason recorded'}`);
}

/** The asks that nobody has answered yet. */
export function openAsks(view: IncidentView): AskRecord[] {
  return view.state === 'closed' ? [] : view.asks.filter((ask) => ask.answer === undefined);
}

/** A question with all that is needed to answer it, and the commands that do. `typed` makes a command for this incident. */
export function askLines(ask: AskRecord, parts: { id: string; now: number; ink: Ink; typed(words: string): string }): string[] {
  const { id, now, ink, typed } = parts;
  const expires = ask.expiresAt === null ? 'waits without end' : `expires ${relative(ask.expiresAt, now)}`;
  const askId = oneLine(ask.id);
  const act = oneLine(ask.act) === oneLine(ask.step) ? '' : `: ${oneLine(ask.act)}`;
  const risk = ask.risk === 'destructive' ? ink.bold(ink.red(ask.risk)) : ink.yellow(oneLine(ask.risk));
  return [
    `${ink.bold(`${askId}  ${oneLine(ask.step)}`)}${act}  ${ink.dim(`(asked ${relative(ask.askedAt, now)}, ${expires})`)}`,
    `  runs      ${ink.bold(hanging(ask.command))}`,
    `  on        ${oneLine(ask.host)}`,
    `  risk      ${risk}`,
    ...approvalLines(ask),
    `  undo      ${hanging(ask.undo)}`,
    `  because   ${hanging(ask.evidence)}`,
    `  ${ink.green('→')} ${typed(`approve ${id} ${shellWord(ask.id)}`)}`,
    `  ${ink.green('→')} ${typed(`decline ${id} ${shellWord(ask.id)} --reason "…"`)}`,
  ];
}

function approvalLines({ needsTwoPeople, first, requestedBy }: AskRecord): string[] {
  const second = first ? `${oneLine(actorName(first.by))} has approved; a second person has to` : 'two people have to approve';
  return [...(needsTwoPeople ? [`  approval  ${second}`] : []), ...(requestedBy === undefined ? [] : [`  asked by  ${oneLine(requestedBy)}`])];
}

// Text of several lines under its first one.
function hanging(text: string): string {
  const plain = plainText(text).trim();
  return plain === '' ? '–' : indent(plain, 12).trimStart();
}

/** Who holds it, or that nobody does. */
export function acknowledgementWords(
  view: IncidentView,
  parts: { now: number; ink: Ink; actor(by: NonNullable<IncidentView['acknowledgement']>['by']): string },
): string {
  const { now, ink } = parts;
  const held = view.acknowledgement;
  if (held === undefined) return view.state === 'closed' ? 'nobody at the end' : ink.bold(ink.red('nobody has acknowledged'));
  return `${ink.green(parts.actor(held.by))}, ${localAndRelative(held.at, now)}; lapses ${relative(held.lapsesAt, now)}`;
}
