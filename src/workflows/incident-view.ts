import type { IncidentView } from '../domain/incident.js';
import { highestPaged, nextWake } from '../domain/ladder.js';
import type { IncidentHead, Story } from '../domain/page.js';
import { actorName } from '../domain/actor.js';
import { currentRun, type IncidentMemory, openAsks } from './incident-memory.js';
import { runId } from './names.js';

export function headOf({ start }: IncidentMemory, workflowId: string): IncidentHead {
  return {
    id: start.id,
    workflowId,
    runbook: start.alert.runbook,
    title: start.runbook.title,
    severity: start.severity,
    target: start.place.name,
    openedAt: start.alert.acceptedAt,
    links: start.links,
  };
}

/** What a page says about the incident as it is now. */
export function storyOf(memory: IncidentMemory, now: number): Story {
  return {
    wrong: memory.start.alert.title,
    state: stateInWords(memory),
    found: [...memory.found, ...memory.symptoms.map(({ title, found }) => `Explains ${title}${found[0] ? `: ${found[0]}` : ''}`)],
    done: memory.done,
    asked: openAsks(memory),
    next: nextInWords(memory, now),
  };
}

/** In a few words: what the incident waits for. Also a search attribute, so the words are few and fixed. */
export function waitingFor(memory: IncidentMemory): string {
  if (memory.closed) return 'nothing';
  if (memory.state === 'watching') return 'the watch';
  if (openAsks(memory).length > 0) return 'an approval';
  if (currentRun(memory)) return 'the run';
  return memory.ladder.acknowledgement ? 'a person who acknowledged' : 'an acknowledgement';
}

function stateInWords(memory: IncidentMemory): string {
  const run = currentRun(memory);
  const last = memory.runs.at(-1);
  if (memory.closed) return `closed, ${memory.closed.as}`;
  if (run) return `${memory.state}, run ${run.n} is going on`;
  return last ? `${memory.state}, run ${last.n} ended ${last.end ?? ''}` : memory.state;
}

/** What happens next and when, in a sentence or two. */
export function nextInWords(memory: IncidentMemory, now: number): string {
  if (memory.closed) return 'Nothing: it is over.';
  const wake = nextWake(memory.policy, memory.ladder);
  const parts = [
    currentRun(memory) ? 'The run goes on by itself.' : '',
    openAsks(memory).length > 0 ? 'It waits for the answers asked for.' : '',
    wake && wake.at > now ? `Next page: ${wake.label} (${clock(wake.at)}).` : '',
    memory.nextCheckAt && !currentRun(memory) ? `It is checked again at ${clock(memory.nextCheckAt)}.` : '',
  ];
  return parts.filter(Boolean).join(' ') || 'It is looked after; nothing is planned.';
}

export function viewOf(memory: IncidentMemory, workflowId: string): IncidentView {
  const { ladder } = memory;
  const wake = memory.closed ? undefined : nextWake(memory.policy, ladder);
  return {
    v: 1,
    incident: headOf(memory, workflowId),
    state: memory.state,
    mode: memory.mode,
    waitingFor: waitingFor(memory),
    alerts: memory.alerts,
    level: levelOf(memory),
    ...(ladder.acknowledgement ? { acknowledgement: ladder.acknowledgement } : {}),
    ...(ladder.snoozedUntil !== undefined ? { snoozedUntil: ladder.snoozedUntil } : {}),
    ...(wake ? { nextPage: { at: wake.at, who: wake.label } } : {}),
    pages: memory.pages,
    asks: memory.asks,
    undos: memory.undos,
    runs: memory.runs,
    found: memory.found,
    done: memory.done,
    followUps: [...memory.followUps, ...memory.start.runbook.prevention.map((line) => `Prevention: ${line}`)],
    timeline: memory.timeline,
    ...(memory.closed ? { closedAt: memory.closed.at, closedAs: memory.closed.as, closeReason: memory.closed.reason } : {}),
  };
}

/** The highest level paged so far; one above the last for the last resort, 0 before the first page. */
export function levelOf(memory: IncidentMemory): number {
  const highest = highestPaged(memory.ladder);
  if (highest === 'last resort') return memory.start.ladder.levels.length + 2;
  return highest ?? 0;
}

/** The incident's page in the Temporal UI: the story in Markdown. Texts of an alert are shown as code, so that they stay text. */
export function details(memory: IncidentMemory, workflowId: string, now: number): string {
  const { start } = memory;
  const run = memory.runs.at(-1);
  const lines = (title: string, items: string[]): string[] => (items.length > 0 ? ['', `**${title}**`, ...items.map((i) => `- ${code(i)}`)] : []);
  return [
    `## ${start.runbook.title} on ${start.place.name}`,
    `**${stateInWords(memory)}**, ${start.severity}, mode ${memory.mode}. ${nextInWords(memory, now)}`,
    '',
    `Alert: ${code(start.alert.title)} (${memory.alerts.count} in all). Incident \`${start.id}\`.`,
    ...(run ? [`Run ${run.n}: [${runId(start.id, run.n)}](${runLink(start.links.temporal, workflowId, start.id, run.n)})`] : []),
    ...lines('Waits for', openAsks(memory).map((ask) => `${ask.id} ${ask.act}: ${ask.command}`)),
    ...lines('Paged', memory.pages.slice(-12).map((page) => `${page.why}: ${page.person} by ${page.channel} at ${clock(page.acceptedAt)}${page.late ? ', late' : ''}`)),
    ...(memory.ladder.acknowledgement ? ['', `Acknowledged by ${actorName(memory.ladder.acknowledgement.by)}.`] : []),
    ...lines('Found', memory.found),
    ...lines('Done', memory.done),
    ...lines('Latest', memory.timeline.slice(-8).map((e) => `${clock(e.at)} ${actorName(e.actor)}: ${e.text}`)),
  ].join('\n');
}

function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replaceAll('\n', ' ').slice(0, 200)}\``;
}

function runLink(incidentLink: string, workflowId: string, incidentId: string, n: number): string {
  return incidentLink.replace(encodeURIComponent(workflowId), encodeURIComponent(runId(incidentId, n)));
}

export function clock(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`;
}
