import { actorName } from '../domain/actor.js';
import type { IncidentView, RunRecord } from '../domain/incident.js';
import type { Delivery } from '../domain/page.js';
import type { IncidentDetails } from './api.js';
import { duration, localAndRelative, localTime, localZone, relative } from './clock.js';
import { acknowledgementWords, askLines, openAsks, severityWord, stateWord } from './incident-words.js';
import { indent, table, type Ink } from './output.js';
import { oneLine, shellWord } from './plain-text.js';
import { stepLines, timelineLine } from './story.js';

interface ScreenParts {
  /** The id as the commands on the screen name the incident. */
  id: string;
  now: number;
  ink: Ink;
  /** All steps and the whole timeline, instead of the last of each. */
  full: boolean;
  typed(words: string): string;
}

const lastLines = 12;

/** The whole incident for somebody who was just woken: what is wrong, what is asked of them, what happens next. */
export function incidentScreen({ view, progress }: IncidentDetails, parts: ScreenParts): string {
  const { ink } = parts;
  const sections: [string, string[]][] = [
    ['Waits for you', openAsks(view).flatMap((ask) => askLines(ask, parts))],
    ['Now', nowLines(view, parts)],
    ['Paged', pagedLines(view, parts)],
    ['Found', view.found.map(bullet)],
    ['Done so far', view.done.map(bullet)],
    ...runSections(view, progress, parts),
    ['Can be undone', undoLines(view, parts)],
    ['Left for a person', view.followUps.map(bullet)],
    ['Timeline', timelineLines(view, parts)],
    ['Links', linkLines(view)],
  ];
  const shown = sections.filter(([, lines]) => lines.length > 0);
  return [
    headLines(view, parts).join('\n'),
    ...shown.map(([title, lines]) => `${ink.bold(title)}\n${indent(lines.join('\n'), 2)}`),
  ].join('\n\n');
}

function bullet(text: string): string {
  return `• ${oneLine(text)}`;
}

function headLines(view: IncidentView, { now, ink }: ScreenParts): string[] {
  const { incident, alerts } = view;
  const took = view.closedAt === undefined ? '' : `, open for ${duration(view.closedAt - incident.openedAt)}`;
  const others = alerts.count > 1 ? `${alerts.count} alerts, the last ${relative(alerts.lastAt, now)}` : '1 alert';
  const mode = view.mode === 'automatic' ? '' : `, ${ink.yellow(view.mode)}`;
  return [
    `${severityWord(incident.severity, ink)}  ${ink.bold(oneLine(incident.title))}`,
    `${oneLine(incident.runbook)} on ${ink.bold(oneLine(incident.target))} — ${stateWord(view, ink)}${took}${mode}`,
    `since ${localAndRelative(incident.openedAt, now)}, ${others}, source says ${view.alerts.lastStatus}`,
    ...(alerts.description.trim() === '' ? [] : [ink.dim(oneLine(alerts.description))]),
    ink.dim(`incident ${oneLine(incident.id)}, times in ${localZone(now)}`),
  ];
}

function nowLines(view: IncidentView, parts: ScreenParts): string[] {
  const { now, ink, id, typed } = parts;
  if (view.state === 'closed') {
    const reason = view.closeReason === undefined ? '' : `: ${oneLine(view.closeReason)}`;
    const when = view.closedAt === undefined ? '' : ` ${localAndRelative(view.closedAt, now)}`;
    return [`closed${when} as ${view.closedAs ?? 'unknown'}${reason}`, `report       ${typed(`report ${id}`)}`];
  }
  const next = view.nextPage;
  const lines = [
    `waits for    ${view.waitingFor === '' ? 'nothing' : oneLine(view.waitingFor)}`,
    `level        ${view.level}`,
    `held by      ${acknowledgementWords(view, { now, ink, actor: actorName })}`,
    `next page    ${next === undefined ? 'none is due' : `${relative(next.at, now)} (${localTime(next.at, now)}): ${oneLine(next.who)}`}`,
  ];
  if (view.snoozedUntil !== undefined && view.snoozedUntil > now)
    lines.push(`snoozed      until ${localAndRelative(view.snoozedUntil, now)}`);
  if (view.acknowledgement === undefined) lines.push(`${ink.green('→')} ${typed(`ack ${id}`)}`);
  return lines;
}

/** One line for each person: when first and last paged, how, and whether they have acknowledged. */
function pagedLines(view: IncidentView, { now, ink }: ScreenParts): string[] {
  if (view.pages.length === 0) return [];
  const people = byPerson(view.pages);
  const rows = [...people].map(([person, pages]) => {
    const last = pages.reduce((latest, page) => (page.sentAt >= latest.sentAt ? page : latest));
    const times = pages.length === 1 ? localTime(last.sentAt, now) : `${pages.length} times, last ${localTime(last.sentAt, now)}`;
    return [
      oneLine(person),
      oneLine(last.why),
      `${times} by ${oneLine(last.channel)}${last.late ? ' (late)' : ''}`,
      acceptedWords(last, ink),
      answerWords(view, person, now, ink),
    ];
  });
  return table(['who', 'as', 'paged', 'delivery', 'acknowledged'], rows, ink).split('\n');
}

function acceptedWords(page: Delivery, ink: Ink): string {
  if (!page.acceptedAt) return ink.red('not accepted');
  return page.attempts > 1 ? `accepted, attempt ${page.attempts}` : 'accepted';
}

function answerWords(view: IncidentView, person: string, now: number, ink: Ink): string {
  const answered = view.timeline.filter(
    (entry) => entry.what === 'acknowledge' && entry.actor.kind === 'person' && entry.actor.person === person,
  );
  const held = view.acknowledgement?.by;
  const holds = held?.kind === 'person' && held.person === person;
  const at = holds ? view.acknowledgement?.at : answered.at(-1)?.at;
  if (at === undefined) return ink.yellow('no');
  return holds ? ink.green(`yes, ${localTime(at, now)}`) : `${localTime(at, now)}, no longer`;
}

function runSections(
  view: IncidentView,
  progress: IncidentDetails['progress'],
  { full, ink, now }: ScreenParts,
): [string, string[]][] {
  const runs = full ? view.runs : view.runs.slice(-1);
  return runs.map((run) => {
    const steps = run.endedAt === undefined && progress.length > 0 ? progress : run.steps;
    const lines = steps.flatMap((step) => stepLines(step, ink));
    const earlier = full ? 0 : Math.max(0, lines.length - lastLines);
    if (lines.length === 0) return [runTitle(run, now), [ink.dim('no step yet')]];
    return [
      runTitle(run, now),
      [...(earlier === 0 ? [] : [ink.dim(`… ${earlier} lines before these: --full`)]), ...lines.slice(earlier)],
    ];
  });
}

function runTitle(run: RunRecord, now: number): string {
  const kind = run.kind === 'check' ? ' (only checks)' : '';
  if (run.endedAt === undefined)
    return `Run ${run.n}${kind}: ${oneLine(run.phase)}, since ${localAndRelative(run.startedAt, now)}`;
  const reason = run.reason ? `: ${oneLine(run.reason)}` : '';
  return `Run ${run.n}${kind}: ${run.end ?? 'ended'} after ${duration(run.endedAt - run.startedAt)}${reason}`;
}

function undoLines(view: IncidentView, { id, ink, typed }: ScreenParts): string[] {
  const left = view.undos.filter((undo) => undo.state !== 'done');
  return left.flatMap((undo) => {
    const state = `(${undo.kind}, ${undo.state}${undo.evidence ? `: ${oneLine(undo.evidence)}` : ''})`;
    const title = `${oneLine(undo.title)} on ${oneLine(undo.host)}  ${ink.dim(state)}`;
    return undo.state === 'running' ? [title] : [title, `${ink.green('→')} ${typed(`undo ${id} ${shellWord(undo.id)}`)}`];
  });
}

function timelineLines(view: IncidentView, { full, ink, now }: ScreenParts): string[] {
  const earlier = full ? 0 : Math.max(0, view.timeline.length - lastLines);
  const lines = view.timeline.slice(earlier).map((entry) => timelineLine(entry, { ink, now }));
  return earlier === 0 ? lines : [ink.dim(`… ${earlier} lines before these: --full`), ...lines];
}

function linkLines({ incident: { links } }: IncidentView): string[] {
  const named: [string, string][] = [
    ['console', links.console],
    ['Temporal', links.temporal],
  ];
  return named.filter(([, link]) => link !== '').map(([name, link]) => `${name.padEnd(11)}  ${oneLine(link)}`);
}

function byPerson(pages: Delivery[]): Map<string, Delivery[]> {
  const people = new Map<string, Delivery[]>();
  for (const page of pages) people.set(page.person, [...(people.get(page.person) ?? []), page]);
  return people;
}
