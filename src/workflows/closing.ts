import { patched, proxyActivities } from '@temporalio/workflow';
import { type Actor, actorName } from '../domain/actor.js';
import type { Alert } from '../domain/alert.js';
import type { IncidentView } from '../domain/incident.js';
import { hold, nextPage, pagedNow, restart, resume } from '../domain/ladder.js';
import type { OwnPage } from '../domain/page.js';
import type { ControlActivities } from '../activities/control.js';
import type { ReportActivities } from '../activities/reports.js';
import { letSymptomsGo } from './attaching.js';
import type { Books } from './desk.js';
import { viewOf } from './incident-view.js';
import { byIncident, byIntake, currentRun, entry, note, twoLooks } from './incident-memory.js';
import { queues } from './names.js';
import { runsWithActsAtMost, stopRun, withdrawAsks } from './runs.js';
import { goOnFromServer, tellItIsOver } from './telling.js';
import { undoAutomatic } from './undoing.js';

const reports = proxyActivities<ReportActivities>({
  taskQueue: queues.pages,
  summary: 'Store the report',
  startToCloseTimeout: '30s',
  // The record is worth waiting for; a full disk is mended by a person.
  retry: { initialInterval: '1s', maximumInterval: '1 minute' },
});

const locks = proxyActivities<ControlActivities>({
  taskQueue: queues.pages,
  summary: 'Bar the run from acting',
  startToCloseTimeout: '10s',
});

type Close = { as: NonNullable<IncidentView['closedAs']>; reason: string; by: Actor };

/** Stops paging at once and the run if one goes on; the close itself waits for it, a minute at most. */
export function beginClose(books: Books, close: Close, now: number): void {
  const { memory } = books;
  if (memory.closed ?? memory.closing) return;
  memory.closing = { ...close, waitUntil: now + memory.start.times.stopWait };
  memory.ladder = hold(memory.ladder, 'closed', now);
  books.stopPages();
  delete memory.waiting;
  delete memory.unconfirmed;
  delete memory.earlyReceipts;
  withdrawAsks(books, now);
  const run = currentRun(memory);
  if (run) stopRun(books, run, close.by, close.reason);
  books.changed = true;
}

export function finishCloseWhenReady(books: Books, now: number): void {
  const { memory } = books;
  const { closing } = memory;
  const run = currentRun(memory);
  if (!closing || (run && now < closing.waitUntil)) return;
  if (run) {
    note(memory, entry(now, byIncident, 'run', `run ${run.n} did not stop in time: its later acts are refused`));
    // Over for us, so that a reopened incident does not wait for it; its last word is still taken.
    Object.assign(run, { endedAt: now, end: 'failed', reason: 'it did not stop in time' });
    books.aside(() => locks.bar({ environment: memory.start.place.environment, incidentId: memory.start.id, because: 'its incident was closed' }));
  }
  memory.state = 'closed';
  memory.closed = { at: now, as: closing.as, reason: closing.reason };
  delete memory.closing;
  delete memory.wanted;
  delete memory.nextCheckAt;
  note(memory, entry(now, closing.by, 'state', `closed, ${closing.as} (${actorName(closing.by)}): ${closing.reason}`));
  undoAutomatic(books, now);
  letSymptomsGo(books);
  books.aside(() => tellItIsOver(books, now));
  storeReport(books);
}

/** Writes the report, again after each late undo. */
export function storeReport(books: Books): void {
  books.aside(async () => {
    const { file } = await reports.storeReport(viewOf(books.memory, books.workflowId));
    if (books.memory.timeline.at(-1)?.what !== 'report') note(books.memory, entry(Date.now(), byIncident, 'report', `report stored: ${file}`));
  });
}

/** Reopened this often within the time that a closed incident stays, it flaps. */
const reopeningsOfFlapping = 3;

/** Notes a reopening. True if it is one of a flapping problem that has been paged as such: then nobody is paged anew. */
function flapsOn({ memory }: Books, now: number): boolean {
  const recent = [...(memory.reopenedAt ?? []), now].filter((at) => at > now - memory.start.times.closedStays);
  memory.reopenedAt = recent;
  // Asked only here, so that no incident without so many reopenings has the mark in its history.
  const flaps = recent.length >= reopeningsOfFlapping && patched('flapping');
  const known = memory.flapping === true;
  if (flaps) memory.flapping = true;
  else delete memory.flapping;
  if (flaps && !known) note(memory, entry(now, byIncident, 'state', `flapping: reopened ${recent.length} times within the hour. It is paged once more; from now on a reopening goes on with the ladder instead of beginning it again`));
  return flaps && known;
}

/**
 * A re-alert within the hour: the same incident with its used-up limits, a new time zero, and level 1 first. One that flaps
 * goes on with its ladder as if it had stayed open: what is unresolved still escalates, and who has acknowledged is left alone.
 */
export function reopen(books: Books, alert: Alert): void {
  const { memory } = books;
  delete memory.closed;
  delete memory.expiryEscalatedIn;
  delete memory.mitigatedSince;
  delete memory.remindedAt;
  delete memory.watchAfterUndos;
  delete memory.attachedTo;
  memory.looksForSymptoms = twoLooks();
  memory.state = 'open';
  const goesOn = flapsOn(books, alert.acceptedAt);
  memory.ladder = goesOn ? resume(memory.policy, memory.ladder, alert.acceptedAt) : restart(memory.policy, memory.ladder, alert.acceptedAt);
  memory.acknowledgedOnce = false;
  if (alert.kept?.paged && !goesOn) countOwnPage(books, alert.kept.paged, alert.acceptedAt);
  memory.wanted = memory.runsWithActs < runsWithActsAtMost ? 'full' : 'check';
  note(memory, entry(alert.acceptedAt, byIntake, 'state', `reopened by an alert from ${alert.source}: ${alert.title}${goesOn ? ' (it flaps: the ladder goes on)' : ''}`));
  books.aside(() => locks.letIn({ environment: memory.start.place.environment, incidentId: memory.start.id }));
}

/** The page that begins a reopening, where the server has sent it while Temporal was away: only what it left is sent. */
function countOwnPage(books: Books, own: OwnPage, now: number): void {
  const { memory } = books;
  const next = nextPage(memory.policy, memory.ladder, now);
  // Asked only here, so that no other incident has the mark in its history.
  if (!next || own.deliveries.length === 0 || !patched('own page of a reopening')) return;
  memory.ladder = pagedNow(memory.policy, memory.ladder, next.page, now);
  goOnFromServer(books, next.page, own, now);
}

/** True once a closed incident can no longer be reopened. */
export function closeIfDue({ memory }: Books, now: number): boolean {
  return memory.closed !== undefined && now >= memory.closed.at + memory.start.times.closedStays;
}
