import { actorName } from './domain/actor.js';
import type { AskRecord, IncidentView, RunRecord, TimelineEntry } from './domain/incident.js';
import type { Delivery } from './domain/page.js';
import type { ActReport, StepOutcome, StepReport } from './domain/step.js';
import { duration, utcSeconds } from './channels/moment.js';
import { fence, inline, table } from './report-markdown.js';

/**
 * An incident's report as Markdown: headline, what is left, timeline, runs, questions, pages, undos, prevention. Pure and
 * without a clock: the same view gives the same bytes. Outsiders' words can neither change its structure nor bring in HTML.
 */
export function renderReport(view: IncidentView): string {
  const [prevention, left] = [view.followUps.filter(isPrevention), view.followUps.filter((line) => !isPrevention(line))];
  const sections = [
    headline(view),
    section('Left for a person', bullets(left.map(inline), 'Nothing.')),
    section('Found', bullets(view.found.map(inline), 'Nothing.')),
    section('Done', bullets(view.done.map(inline), 'Nothing.')),
    section('Timeline', table(['Time (UTC)', 'Who', 'What', ''], view.timeline.map(timelineRow))),
    ...view.runs.map(runSection),
    section('Questions', asksTable(view.asks)),
    section('Pages', pagesTable(view)),
    section('Undo', undoTable(view)),
    section('Prevention', bullets(prevention.map((line) => `[ ] ${inline(line.slice(preventionMark.length))}`), 'The runbook names none.')),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** How an incident marks the follow-ups that come from its runbook's "Prevention". */
const preventionMark = 'Prevention: ';

function isPrevention(line: string): boolean {
  return line.startsWith(preventionMark);
}

const answering = new Set<TimelineEntry['what']>(['acknowledge', 'decision', 'note', 'snooze', 'escalate']);

/** What people did, by name or unverified, that counts as an acknowledgement, oldest first. */
function answers(timeline: readonly TimelineEntry[]): TimelineEntry[] {
  return timeline.filter(({ what, actor }) => answering.has(what) && actor.kind !== 'automation').toSorted((a, b) => a.at - b.at);
}

function headline(view: IncidentView): string {
  const { incident, alerts, closedAt, closedAs, closeReason } = view;
  const acknowledgedAt = answers(view.timeline)[0]?.at;
  const ended = closedAt === undefined ? `Not closed: ${view.state}` : `Closed ${utcSeconds(closedAt)} UTC: ${inline(closedAs ?? 'closed')}`;
  const facts = [
    ended + (closeReason ? ` (${inline(closeReason)})` : ''),
    `Opened ${utcSeconds(incident.openedAt)} UTC, ${alerts.count} ${alerts.count === 1 ? 'alert' : 'alerts'}, the last one ${alerts.lastStatus}`,
    `Time to acknowledge: ${acknowledgedAt === undefined ? 'nobody acknowledged' : duration(acknowledgedAt - incident.openedAt)}`,
    `Time to resolve: ${closedAt === undefined ? 'not resolved yet' : duration(closedAt - incident.openedAt)}${resolveNote(view)}`,
    `Highest level paged: ${view.level}. Mode: ${view.mode}`,
    ...(alerts.description === '' ? [] : [`The alert said: ${inline(alerts.description)}`]),
    `Incident ${inline(incident.id)}, workflow ${inline(incident.workflowId)}`,
    ...[incident.links.console, incident.links.temporal].filter((link) => /^https?:\/\/[^\s<>]+$/.test(link)).map((link) => `<${link}>`),
  ];
  return [`# ${inline(`${incident.title} on ${incident.target}`)} (${incident.severity})`, bullets(facts, '')].join('\n\n');
}

/** A time that ended without proof must not look like a cure. */
function resolveNote({ closedAt, closedAs }: IncidentView): string {
  return closedAt === undefined || closedAs === 'recovered' ? '' : `, ${inline(closedAs ?? 'without proof')}`;
}

function timelineRow({ at, actor, what, text }: TimelineEntry): string[] {
  return [utcSeconds(at), inline(actorName(actor)), what, inline(text)];
}

function runSection(run: RunRecord): string {
  const end = run.endedAt === undefined ? `phase ${inline(run.phase)}, not ended` : `${run.end ?? 'ended'} after ${duration(run.endedAt - run.startedAt)}`;
  const title = `## Run ${run.n}${run.kind === 'check' ? ' (check only)' : ''}: ${end}`;
  const steps = run.steps.length === 0 ? ['No steps.'] : run.steps.map(stepSection);
  return [title, ...(run.reason ? [inline(run.reason)] : []), ...steps].join('\n\n');
}

function stepSection(step: StepReport): string {
  const title = `### ${step.phase === 'diagnose' ? 'Diagnose' : 'Resolve'}: ${inline(step.title)}`;
  const acts = step.acts.length === 0 ? ['No act was due.'] : step.acts.map(actText);
  return [title, ...acts, ...(step.check === undefined ? [] : [`Proof after it: ${inline(step.check)}`])].join('\n\n');
}

function actText(act: ActReport): string {
  const { word, detail } = outcomeWords(act.outcome);
  const facts = [
    `**${inline(act.act)}** (${act.risk}): **${word}**`,
    `${utcSeconds(act.startedAt)} UTC, took ${duration(act.endedAt - act.startedAt)}`,
    ...(act.approvedBy === undefined ? [] : [`approved by ${inline(act.approvedBy)}`]),
    ...(act.undo === undefined ? [] : [`undo ${inline(act.undo)}`]),
    ...(act.file === undefined ? [] : [`whole output in ${inline(act.file)}`]),
  ];
  return [facts.join(', '), ...(detail.trim() === '' ? [] : [fence(detail)])].join('\n\n');
}

function outcomeWords(outcome: StepOutcome): { word: string; detail: string } {
  switch (outcome.kind) {
    case 'done':
      return { word: 'done', detail: outcome.evidence };
    case 'skipped':
      return { word: `skipped, ${outcome.reason}`, detail: outcome.detail };
    case 'failed':
      return { word: 'failed', detail: outcome.message };
    case 'unknown':
      return { word: 'unknown', detail: outcome.because };
  }
}

function asksTable(asks: AskRecord[]): string {
  const rows = asks.map(({ id, step, act, command, host, risk, askedAt, answer }) => [
    inline(id),
    inline(`${step}: ${act}`),
    inline(command),
    inline(host),
    risk,
    utcSeconds(askedAt),
    answer === undefined ? 'open' : `${answer.answer} by ${inline(actorName(answer.by))} ${utcSeconds(answer.at)}`,
  ]);
  return rows.length === 0 ? 'None.' : table(['Id', 'Act', 'Command', 'Host', 'Risk', 'Asked', 'Answer'], rows);
}

function pagesTable({ pages, timeline }: IncidentView): string {
  const given = answers(timeline);
  const rows = pages.map((page) => [
    inline(page.person),
    inline(page.why),
    inline(page.channel),
    utcSeconds(page.dueAt) + (page.late ? ' (late)' : ''),
    utcSeconds(page.sentAt),
    utcSeconds(page.acceptedAt) + triesOf(page),
    acknowledged(page, given),
  ]);
  return rows.length === 0 ? 'Nobody was paged.' : table(['Person', 'As', 'By', 'Due', 'Sent', 'Accepted', 'Acknowledged'], rows);
}

function triesOf({ attempts, repeats }: Delivery): string {
  const notes = [...(attempts > 1 ? [`try ${attempts}`] : []), ...(repeats > 0 ? [`may have arrived ${repeats + 1} times`] : [])];
  return notes.length === 0 ? '' : ` (${notes.join(', ')})`;
}

/** The answer that ended the wait for this page: the first one after it by anybody, with who gave it. */
function acknowledged({ acceptedAt }: Delivery, given: TimelineEntry[]): string {
  const answer = given.find(({ at }) => at >= acceptedAt);
  return answer === undefined ? 'no' : `${utcSeconds(answer.at)} by ${inline(actorName(answer.actor))}`;
}

function undoTable({ undos }: IncidentView): string {
  const rows = undos.map(({ title, kind, host, state, evidence, by }) => [inline(title), kind, inline(host), state, inline(by ?? ''), inline(evidence ?? '')]);
  return rows.length === 0 ? 'Nothing was registered.' : table(['Undo', 'Kind', 'Host', 'State', 'By', 'Evidence'], rows);
}

function section(title: string, body: string): string {
  return `## ${title}\n\n${body}`;
}

function bullets(lines: string[], none: string): string {
  return lines.length === 0 ? none : lines.map((line) => `- ${line}`).join('\n');
}
