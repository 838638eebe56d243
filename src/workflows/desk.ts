import type { ActionResult } from '../domain/action.js';
import { actorName } from '../domain/actor.js';
import type { Alert, Kept } from '../domain/alert.js';
import type { Cause, Symptom } from '../domain/attachment.js';
import { hold, lapseAcknowledgement, nextPage, nextWake, pagedNow, release } from '../domain/ladder.js';
import type { Asks, Changed, Ended, Found } from '../domain/messages.js';
import type { Undelivered } from '../domain/page.js';
import { attach, causeClosed, diskRelieved, lookForSymptoms, recordSymptom } from './attaching.js';
import { beginClose, closeIfDue, finishCloseWhenReady, reopen } from './closing.js';
import { clock } from './incident-view.js';
import { byIncident, byIntake, byLadder, currentRun, entry, firstPageOf, type IncidentMemory, note, noteRefusal, openAsks } from './incident-memory.js';
import { act, takeRefusal } from './person-actions.js';
import type { Request } from './people.js';
import { pageUndelivered } from './receipts.js';
import { expireAsks, letWatchBegin, noticeSilence, runAsked, runChanged, runEnded, runFound, startWantedRun } from './runs.js';
import { goOnFromServer, notePaged, sendPage, tellAsks, tellNews, tellRole, tellWaiting } from './telling.js';
import type { Undone } from './undo.js';
import { recordUndone } from './undoing.js';
import { nextWaiting } from './waiting-pages.js';

/** What the parts of an incident share while it is worked on. Messages only change the memory; `turn` acts on it. */
export interface Books {
  memory: IncidentMemory;
  readonly workflowId: string;
  /** Set by whatever needs another turn. */
  changed: boolean;
  /** Activities and signals of ours that have not answered yet. */
  going: number;
  /** Cancels pages on their way: after a close nothing more goes out. */
  stopPages: () => void;
  /** Does something beside the turns and counts it as going. */
  aside(doing: () => Promise<void>): void;
}

/** An incident as its workflow sees it. */
export interface Desk extends Books {
  /** What the search attributes say now, to write them only when they move. */
  published: string;
  /** True once it has been closed for so long that nothing can reopen it. */
  isOver(): boolean;
  alert(alert: Alert): void;
  found(message: Found): void;
  asked(message: Asks): void;
  changedSystem(message: Changed): void;
  ended(message: Ended): void;
  undone(message: Undone): void;
  undelivered(message: Undelivered): void;
  /** From an incident that explains this one, or that this one explains. */
  neighbour(kind: 'attach' | 'causeClosed' | 'symptom' | 'diskRelieved', content: unknown): void;
  act(request: Request): ActionResult;
  /** Counts a forged update that is on the record now, and says which is the last of `most`. */
  forged(most: number): void;
  /** From our server, for the record. */
  refused(content: unknown): void;
  /** Does all that is due at `now`. */
  turn(now: number): void;
  /** When to turn again if nothing happens before; `exact` times are kept to, the others may come early. */
  nextWake(): { at: number; label: string; exact: boolean } | undefined;
}

/** When a run no longer waits for the first page, ms since the epoch: paging comes first, and a pager that is away must not stop the cure. */
function runAtLast({ start, firstPageAt }: IncidentMemory): number {
  const { acceptedAt } = start.alert;
  // Counted from the page: of many that open at once, the last would else begin their runs with it.
  return start.runWaits === undefined ? acceptedAt + 5_000 : (firstPageAt ?? acceptedAt) + start.runWaits;
}

export function openDesk(memory: IncidentMemory, workflowId: string): Desk {
  const books: Books = {
    memory,
    workflowId,
    changed: false,
    going: 0,
    stopPages: () => undefined,
    aside(doing) {
      books.going += 1;
      const ended = (): void => {
        books.going -= 1;
        books.changed = true;
      };
      // An exception that nobody catches would fail the workflow's task for ever, and with it every later page.
      void doing().then(ended, (error: unknown) => {
        note(memory, entry(Date.now(), byIncident, 'problem', error instanceof Error ? error.message : String(error)));
        ended();
      });
    },
  };
  /** A message is for this incident and not for an earlier one under the same workflow id. */
  const ours = (message: { incidentId: string }): boolean => message.incidentId === memory.start.id;
  const heard = (doing: () => void): void => {
    doing();
    books.changed = true;
  };

  return Object.assign(books, {
    published: '',
    isOver: () => closeIfDue(books, Date.now()),
    alert: (alert: Alert) => heard(() => takeAlert(books, alert)),
    found: (message: Found) => heard(() => ours(message) && runFound(books, message)),
    asked: (message: Asks) => heard(() => ours(message) && runAsked(books, message)),
    changedSystem: (message: Changed) => heard(() => ours(message) && runChanged(books, message)),
    ended: (message: Ended) => heard(() => ours(message) && runEnded(books, message)),
    undone: (message: Undone) => heard(() => ours(message) && recordUndone(books, message)),
    undelivered: (message: Undelivered) => heard(() => ours(message) && pageUndelivered(books, message)),
    neighbour: (kind: Parameters<Desk['neighbour']>[0], content: unknown) => heard(() => hearNeighbour(books, kind, content)),
    act(request: Request): ActionResult {
      books.changed = true;
      return act(books, request, Date.now());
    },
    forged: (most: number) => countForged(memory, most),
    refused: (content: unknown) => heard(() => takeRefusal(books, content, Date.now())),
    turn: (now: number) => turn(books, now),
    nextWake: () => nextTurn(memory),
  });
}

function hearNeighbour(books: Books, kind: Parameters<Desk['neighbour']>[0], content: unknown): void {
  switch (kind) {
    case 'attach':
      return attach(books, content as Cause);
    case 'causeClosed':
      return causeClosed(books, (content as { incidentId: string }).incidentId);
    case 'symptom':
      return recordSymptom(books, content as Symptom);
    case 'diskRelieved':
      return diskRelieved(books);
  }
}

function countForged(memory: IncidentMemory, most: number): void {
  memory.forged = (memory.forged ?? 0) + 1;
  if (memory.forged === most) noteRefusal(memory, Date.now(), byIncident, 'further updates that our server did not sign are refused without a line');
}

function turn(books: Books, now: number): void {
  const { memory } = books;
  if (memory.closed) return;
  if (memory.closing) return finishCloseWhenReady(books, now);
  expireAsks(books, now);
  noticeSilence(books, now);
  limitMitigation(books, now);
  if (memory.closing) return finishCloseWhenReady(books, now);
  noticeLapse(books, now);
  page(books, now);
  tellWaiting(books, now);
  lookForSymptoms(books, now);
  tellAtStart(books, now);
  if (!memory.firstPageOver && now >= runAtLast(memory)) memory.firstPageOver = true;
  letWatchBegin(books);
  tellAsks(books, now);
  startWantedRun(books, now);
}

function page(books: Books, now: number): void {
  const { memory } = books;
  for (;;) {
    const next = nextPage(memory.policy, memory.ladder, now);
    if (!next || next.at > now) return;
    memory.ladder = pagedNow(memory.policy, memory.ladder, next.page, now);
    memory.firstPageAt ??= now;
    sendPage(books, next.page, next.label, now);
  }
}

function noticeLapse({ memory }: Books, now: number): void {
  const { acknowledgement } = memory.ladder;
  memory.ladder = lapseAcknowledgement(memory.policy, memory.ladder, now);
  if (!acknowledgement || memory.ladder.acknowledgement) return;
  note(memory, entry(acknowledgement.lapsesAt, byLadder, 'lapse', `the acknowledgement of ${actorName(acknowledgement.by)} lapsed`));
}

/** Roles that the runbook tells once, without repeats. */
function tellAtStart(books: Books, now: number): void {
  const { memory } = books;
  if (memory.toldAtStart) return;
  memory.toldAtStart = true;
  const { paged } = memory.start;
  if (paged) goOnFromServer(books, firstPageOf(memory.start), paged, now);
  for (const role of memory.start.ladder.told) tellRole(books, role, `told-${role}`, now);
}

/** Only a disk counts as relieved after a while; all else stays mitigated until it is cured. */
function endsMitigated(memory: IncidentMemory): boolean {
  return memory.start.alert.runbook === 'diskSpaceCritical';
}

/** RUNBOOK-SPEC, "Life of an incident" 6: a reminder a day to the primary, and after a day a disk counts as relieved. */
function limitMitigation(books: Books, now: number): void {
  const { memory } = books;
  const since = memory.mitigatedSince;
  if (memory.state !== 'mitigated' || since === undefined) return;
  const { times } = memory.start;
  if (endsMitigated(memory) && now >= since + times.mitigatedAtMost) {
    memory.followUps.push('The disk was relieved, not recovered: make room or grow it before it fills again.');
    beginClose(books, { as: 'relieved, not recovered', reason: 'mitigated for as long as it may be', by: byIncident }, now);
  } else if (now >= (memory.remindedAt ?? since) + times.mitigatedReminderEvery) {
    memory.remindedAt = now;
    sendPage(books, { kind: 'reminder' }, 'Reminder to the primary', now);
  }
}

function takeAlert(books: Books, alert: Alert): void {
  const { memory } = books;
  const news = notCounted(memory, alert.kept);
  if (news === 0) return;
  const first = memory.alerts.count === 0;
  const { acceptedAt, status, description, labels, kept } = alert;
  const before = memory.alerts.lastStatus;
  memory.alerts = { count: memory.alerts.count + news, lastAt: acceptedAt, lastStatus: status, description, labels };
  if (first) note(memory, entry(acceptedAt, byIntake, 'alert', `${memory.start.severity} alert from ${alert.source}: ${alert.title}`));
  if (kept?.paged) notePaged(memory, kept.paged);
  if (first) return;
  // Alerts that came together are one word: the one that fires is heard before the last one, which takes it back.
  if (memory.closed && (status === 'firing' || kept?.fired)) return reopen(books, alert);
  if (status === 'resolved') {
    if (memory.closed ?? memory.closing) return;
    // What a monitor says is a reason to look, never a proof.
    if (before !== 'resolved') note(memory, entry(acceptedAt, byIntake, 'alert', `${alert.source} says that it is resolved: it is checked`));
    if (!currentRun(memory)) memory.wanted ??= 'check';
    return;
  }
  // Repeats of a firing alert are counted and not listed: a storm must not push the story out of the record.
  if (before === 'resolved') note(memory, entry(acceptedAt, byIntake, 'alert', `${alert.source} says that it fires again`));
}

/** Ids of what the server kept that are remembered: only the newest can come again. */
const keptAtMost = 20;

/** How many alerts a word adds. The server says it again if it died, or heard no answer; the count under one id only grows. */
function notCounted(memory: IncidentMemory, kept: Kept | undefined): number {
  if (!kept) return 1;
  const [, counted] = memory.kept?.find(([id]) => id === kept.id) ?? [kept.id, 0];
  memory.kept = [...(memory.kept ?? []).filter(([id]) => id !== kept.id), [kept.id, Math.max(counted, kept.count)] as [string, number]].slice(-keptAtMost);
  return Math.max(0, kept.count - counted);
}

function nextTurn(memory: IncidentMemory): { at: number; label: string; exact: boolean } | undefined {
  const { times } = memory.start;
  const times_: { at: number; label: string; exact: boolean }[] = [];
  const add = (at: number | undefined, label: string, exact = false): void => {
    if (at !== undefined) times_.push({ at, label, exact });
  };
  if (memory.closed) {
    add(memory.closed.at + times.closedStays, 'Closed: a new alert reopens it until then');
    return times_[0];
  }
  if (memory.closing) {
    add(memory.closing.waitUntil, 'Wait for the run to stop');
    return times_[0];
  }
  const wake = nextWake(memory.policy, memory.ladder);
  add(wake?.at, wake?.label ?? '', true);
  const waiting = nextWaiting(memory);
  add(waiting?.at, waiting?.label ?? '', true);
  for (const ask of openAsks(memory)) add(ask.expiresAt ?? undefined, `Question ${ask.id} (${ask.act}) expires`, true);
  const run = currentRun(memory);
  if (run) add(run.quietUntil + times.silentAfter, `Run ${run.n} counts as silent`);
  else add(memory.nextCheckAt, `Check again at ${clock(memory.nextCheckAt ?? 0)}`, true);
  if (!memory.firstPageOver) add(runAtLast(memory), 'Run without waiting for the first page');
  if (!run && memory.wanted) add(memory.runFrom, 'The run starts, after pages of other incidents', true);
  if (memory.state === 'mitigated' && memory.mitigatedSince !== undefined) {
    add((memory.remindedAt ?? memory.mitigatedSince) + times.mitigatedReminderEvery, 'Reminder: still only mitigated');
    // For the others this moment means nothing: a timer for it would fire without end once it has passed.
    if (endsMitigated(memory)) add(memory.mitigatedSince + times.mitigatedAtMost, 'Mitigated for as long as it may be');
  }
  return times_.sort((a, b) => a.at - b.at)[0];
}

const changes = { open: 'it is open again', mitigated: 'it is mitigated, not cured', watching: 'it has recovered, and is watched' };

/** Puts the ladder on hold with a state, and lets it go on with another. */
export function changeState(books: Books, state: 'open' | 'mitigated' | 'watching', now: number): void {
  const { memory } = books;
  if (memory.state === state) return;
  if (state === 'open') {
    memory.ladder = release(memory.policy, memory.ladder, now);
    delete memory.mitigatedSince;
    delete memory.remindedAt;
  } else {
    memory.ladder = hold(memory.ladder, state, now);
    if (state === 'mitigated') memory.mitigatedSince ??= now;
  }
  note(memory, entry(now, byIncident, 'state', `${memory.state} → ${state}`));
  tellNews(books, 'changed', changes[state], now);
  memory.state = state;
}
