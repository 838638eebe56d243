import { getExternalWorkflowHandle, ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { Actor } from '../domain/actor.js';
import type { AskRecord, RunRecord } from '../domain/incident.js';
import { escalate } from '../domain/ladder.js';
import type { Asks, Changed, Decision, Ended, Found, RunInput, Stop } from '../domain/messages.js';
import { summaryOf } from '../domain/summary.js';
import { checkCause, detach, tellCause } from './attaching.js';
import { beginClose } from './closing.js';
import { type Books, changeState } from './desk.js';
import { byIncident, byLadder, byRun, currentRun, entry, type IncidentMemory, note, openAsks } from './incident-memory.js';
import { queues, runId } from './names.js';
import { sendPage } from './telling.js';
import { needsTwoPeople } from '../domain/permissions.js';
import { automaticUndosSettled, undoAutomatic } from './undoing.js';

/** "After 3 runs with acts only a person starts the next." */
export const runsWithActsAtMost = 3;

/** Starts the run that is wanted, if none is going on: the first page is on its way before the first run. */
export function startWantedRun(books: Books, now: number): void {
  const { memory } = books;
  if (currentRun(memory) || !memory.firstPageOver) return;
  if (memory.nextCheckAt !== undefined && memory.nextCheckAt <= now) memory.wanted ??= 'check';
  if (!memory.wanted) return;
  const kind = memory.wanted;
  const { wantedBy } = memory;
  // What a person asked for never waits.
  if (wantedBy === undefined && now < (memory.runFrom ?? now)) return;
  delete memory.runFrom;
  delete memory.wanted;
  delete memory.wantedBy;
  delete memory.nextCheckAt;
  start(books, kind, now, wantedBy);
}

function start(books: Books, kind: RunRecord['kind'], now: number, askedBy?: string): void {
  const { memory, workflowId } = books;
  const { start: begun } = memory;
  const n = (memory.runs.at(-1)?.n ?? 0) + 1;
  const record: RunRecord = { n, kind, workflowId: runId(begun.id, n), startedAt: now, quietUntil: now, phase: 'started', ...(askedBy !== undefined && { askedBy }), steps: [] };
  memory.runs.push(record);
  // A run says nothing of checks on its own: a line each quarter of an hour would bury the rest.
  if (kind === 'full') note(memory, entry(now, byIncident, 'run', `run ${n} of ${begun.alert.runbook} starts`));
  const input: RunInput = {
    v: 1,
    incident: { id: begun.id, workflowId, runbook: begun.alert.runbook, severity: begun.severity, openedAt: begun.alert.acceptedAt },
    run: n,
    kind,
    place: begun.place,
    // With what the source says by now: some recoveries need its word.
    alert: { ...begun.alert, status: memory.alerts.lastStatus },
    times: begun.times,
    automation: begun.automation,
    automaticUndos: memory.undos.filter((undo) => undo.kind === 'automatic' && undo.state === 'registered').length,
    usedUp: memory.usedUp,
    ...(memory.attachedTo && !memory.attachedTo.closed ? { attachedTo: memory.attachedTo.title } : {}),
    publicKeys: begun.publicKeys,
  };
  books.aside(async () => {
    try {
      const child = await startChild(begun.alert.runbook, {
        workflowId: record.workflowId,
        taskQueue: queues.runs,
        args: [input],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: summaryOf(`Run ${n}${kind === 'check' ? ' (check only)' : ''}: ${begun.runbook.title} on ${begun.place.name}`),
        staticDetails: `Incident [${workflowId}](${begun.links.temporal})`,
      });
      // The message `ended` is the contract; this only shortens the wait for a run that could not send it.
      child.result().catch((error: unknown) => {
        failed(books, record, `it failed: ${rootCause(error)}`, Date.now());
        books.changed = true;
      });
    } catch (error) {
      failed(books, record, `it could not be started: ${rootCause(error)}`, Date.now());
    }
  });
}

function rootCause(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  return deepest instanceof Error ? deepest.message : String(deepest);
}

/** A run that has said nothing for too long counts as failed. It is stopped, so that it can't act unobserved later. */
export function noticeSilence(books: Books, now: number): void {
  const run = currentRun(books.memory);
  if (!run || now < run.quietUntil + books.memory.start.times.silentAfter) return;
  failed(books, run, `nothing was heard of it since ${new Date(run.quietUntil).toISOString()}`, now);
  stopRun(books, run, byIncident, 'it was silent for too long');
}

function failed(books: Books, run: RunRecord, reason: string, now: number): void {
  const { memory } = books;
  if (run.endedAt !== undefined || memory.closed) return;
  run.endedAt = now;
  run.end = 'failed';
  run.reason = reason;
  withdrawAsks(books, now);
  note(memory, entry(now, byIncident, 'run', `run ${run.n} failed: ${reason}`));
  memory.done.push(`Run ${run.n} failed: ${reason}`);
  if (memory.closing) return;
  memory.nextCheckAt = now + memory.start.times.checkEvery;
  if (memory.attachedTo) return afterAttachedRun(books, run.n, now);
  changeState(books, 'open', now);
  pageEarly(books, now, 'a run failed');
}

/** Pages the next level now. */
export function pageEarly(books: Books, now: number, why: string, actor: Actor = byLadder, level?: number): void {
  const { memory } = books;
  if (memory.attachedTo && actor.kind === 'automation') return; // its cause pages
  const { state, page } = escalate(memory.policy, memory.ladder, now, level);
  memory.ladder = state;
  note(memory, entry(now, actor, 'escalate', `escalated: ${why}`));
  if (page) sendPage(books, page, `${page.parts.map((p) => `level ${p.level} ${p.roles.join(', ')}`).join('; ')}, early`, now);
}

export function runFound(books: Books, message: Found): void {
  const { memory } = books;
  const now = Date.now();
  const run = heardOf(books, message);
  if (!run) return;
  run.phase = message.phase;
  memory.mode = message.mode;
  if (message.found.length > 0) memory.found = message.found;
  if (message.done.length > 0) memory.done = message.done;
  if (memory.closing) return; // the run has been told to stop: what it says is kept, and begins nothing
  switch (message.phase) {
    case 'proven':
      changeState(books, 'watching', now);
      memory.watchAfterUndos = run.n;
      undoAutomatic(books, now);
      break;
    case 'no longer mitigated':
      changeState(books, 'open', now);
      for (const ask of openAsks(memory)) ask.expiresAt = now + memory.start.times.approvalExpires;
      break;
    case 'diagnosed':
      note(memory, entry(now, byRun, 'found', message.found.join(' · ') || 'nothing'));
      tellCause(books);
      break;
    default:
  }
  if (message.pageEarly) pageEarly(books, now, message.pageEarly.why, byRun);
}

export function runAsked(books: Books, message: Asks): void {
  const { memory } = books;
  const now = Date.now();
  const run = heardOf(books, message);
  if (!run || memory.closing) return;
  if (message.mitigated) changeState(books, 'mitigated', now);
  for (const ask of message.asks.filter((one) => !memory.asks.some((known) => known.id === one.id))) {
    memory.asks.push({
      ...ask,
      askedAt: now,
      ...(needsTwoPeople(memory.start.permissions, ask.risk) && { needsTwoPeople: true }),
      ...(run.askedBy !== undefined && { requestedBy: run.askedBy }),
    });
    memory.untold.push(ask.id);
    note(memory, entry(now, byRun, 'ask', `${ask.id}: may ${ask.act} on ${ask.host} go ahead? ${ask.command}`));
  }
}

export function runChanged(books: Books, message: Changed): void {
  const { memory } = books;
  heardOf(books, message);
  if (memory.undos.some((undo) => undo.id === message.undo.id)) return;
  memory.undos.push({ ...message.undo, state: 'registered' });
  note(memory, entry(Date.now(), byRun, 'undo', `registered: ${message.undo.title}`));
}

/** A run's last word, and what follows from it (RUNBOOK-SPEC, "Life of an incident" 2–4). */
export function runEnded(books: Books, message: Ended): void {
  const { memory } = books;
  const now = Date.now();
  const run = memory.runs.find((r) => r.n === message.run);
  if (!run || (run.endedAt !== undefined && run.end !== 'failed')) return;
  const late = run.endedAt !== undefined; // it had counted as silent and speaks after all
  Object.assign(run, { endedAt: now, end: message.end, reason: message.reason, steps: message.steps, phase: 'ended' });
  // A run that throws has lost what it knew: what it said before stays, and the pages say why.
  if (message.end === 'failed') memory.done.push(`Run ${run.n} failed: ${message.reason}`);
  else if (run.kind === 'full') memory.done = message.done;
  if (message.found.length > 0) memory.found = message.found;
  memory.followUps = [...new Set([...memory.followUps, ...message.followUps])];
  memory.usedUp = [...new Set([...memory.usedUp, ...message.usedUp])];
  if (message.triedToResolve) memory.runsWithActs += 1;
  withdrawAsks(books, now);
  const unremarkable = run.kind === 'check' && (message.end === 'unrecovered' || message.end === 'mitigated');
  noteOutputs(memory, message, now);
  if (!unremarkable) note(memory, entry(now, byRun, 'run', `run ${run.n} ended ${message.end}: ${message.reason}`));
  if (memory.closed ?? memory.closing) return;
  // It has escalated already, and others may have gone on since; only the good news counts.
  if (late && (message.end !== 'recovered' || currentRun(memory))) return;
  next(books, message, now);
}

/** Evidence is a few lines: where the rest of it is belongs on record too. */
function noteOutputs(memory: IncidentMemory, { steps }: Ended, now: number): void {
  for (const { act, file } of steps.flatMap(({ acts }) => acts)) {
    if (file !== undefined) note(memory, entry(now, byRun, 'found', `${act}: its whole output is in the host's records, ${file}`));
  }
}

function next(books: Books, message: Ended, now: number): void {
  const { memory } = books;
  if (message.end === 'recovered') return beginClose(books, { as: 'recovered', reason: message.reason, by: byRun }, now);
  memory.nextCheckAt = now + memory.start.times.checkEvery;
  if (memory.attachedTo) return afterAttachedRun(books, message.run, now);
  changeState(books, message.end === 'mitigated' ? 'mitigated' : 'open', now);
  if (message.end === 'relapsed' && memory.runsWithActs < runsWithActsAtMost) memory.wanted = 'full';
  // 'Observed' and 'stopped' leave the ladder on its times; a relapse pages what fell due during the watch.
  if (message.end === 'failed' || (message.end === 'unrecovered' && message.triedToResolve)) {
    pageEarly(books, now, `run ${message.run} ended ${message.end}`);
  }
}

/** While attached nothing escalates; once the cause is over, the check after it decides. */
function afterAttachedRun(books: Books, n: number, now: number): void {
  const { memory } = books;
  const run = memory.runs.find((r) => r.n === n);
  if (!memory.attachedTo?.closed) return checkCause(books);
  if (run?.kind === 'check') detach(books, now);
  else memory.wanted = 'check';
}

/** The run that sent this, if it is one of ours; moves its promise along. */
function heardOf(books: Books, message: { run: number; quietUntil: number }): RunRecord | undefined {
  const run = books.memory.runs.find((r) => r.n === message.run);
  if (!run || run.endedAt !== undefined || books.memory.closed) return undefined;
  run.quietUntil = message.quietUntil;
  return run;
}

/** Questions whose time is over. Expiries escalate at most one level in a run. */
export function expireAsks(books: Books, now: number): void {
  const { memory } = books;
  const expired = openAsks(memory).filter((ask) => ask.expiresAt !== null && ask.expiresAt <= now);
  for (const ask of expired) answer(books, ask, 'expired', byIncident, now);
  const run = currentRun(memory);
  if (expired.length > 0 && run && memory.expiryEscalatedIn !== run.n) {
    memory.expiryEscalatedIn = run.n;
    pageEarly(books, now, `nobody answered ${expired.map((ask) => ask.id).join(', ')}`);
  }
}

/** Puts an answer on record and sends it to the run. */
export function answer(books: Books, ask: AskRecord, given: 'approved' | 'declined' | 'expired', by: Actor, now: number): void {
  const { memory } = books;
  ask.answer = { answer: given, by, at: now };
  note(memory, entry(now, by, 'decision', `${ask.id} (${ask.act}): ${given}`));
  const run = currentRun(memory);
  if (run) decide(books, run, { ask: ask.id, answer: given, by, ...(ask.first && { first: ask.first.by }) });
}

function decide(books: Books, run: RunRecord, given: Pick<Decision, 'ask' | 'answer' | 'by' | 'first'>): void {
  const { memory } = books;
  const declined = memory.asks.some((ask) => ask.answer?.answer === 'declined' && ask.askedAt >= memory.ladder.zeroAt);
  const decision: Decision = { v: 1, ...given, nobodyThere: !memory.acknowledgedOnce && !declined };
  signal(books, run, 'decision', decision);
}

export function stopRun(books: Books, run: RunRecord, by: Actor, reason: string): void {
  const stop: Stop = { v: 1, by, reason };
  signal(books, run, 'stop', stop);
}

function signal(books: Books, run: RunRecord, name: string, content: unknown): void {
  books.aside(async () => {
    try {
      await getExternalWorkflowHandle(run.workflowId).signal(name, content);
    } catch {
      // It is gone already; its last word or its silence says so.
    }
  });
}

/** The run that has proven waits for the automatic undos, so that its watch proves the system without them. */
export function letWatchBegin(books: Books): void {
  const { memory } = books;
  const run = currentRun(memory);
  if (memory.watchAfterUndos === undefined || !automaticUndosSettled(books)) return;
  const waits = memory.undos.some((undo) => undo.kind === 'automatic');
  if (run && run.n === memory.watchAfterUndos && waits) decide(books, run, { ask: 'undone', answer: 'undone', by: byIncident });
  delete memory.watchAfterUndos;
}

export function withdrawAsks(books: Books, now: number): void {
  for (const ask of openAsks(books.memory)) ask.answer = { answer: 'withdrawn', by: byIncident, at: now };
}
