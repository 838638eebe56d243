import { ActivityFailure, CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { PageActivities } from '../activities/pages.js';
import type { DuePage } from '../domain/ladder.js';
import type { Delivery, News, OwnPage, PageRequest, PageResult } from '../domain/page.js';
import type { Books } from './desk.js';
import { headOf, storyOf } from './incident-view.js';
import { byIntake, byLadder, currentRun, entry, type IncidentMemory, note, openAsks, peoplePaged } from './incident-memory.js';
import { queues } from './names.js';
import { awaitReceipts } from './receipts.js';
import { keepForLater, keepFromServer, takeWaiting } from './waiting-pages.js';

function pages(summary: string, scheduleToCloseTimeout?: '10 minutes'): PageActivities {
  return proxyActivities<PageActivities>({
    taskQueue: queues.pages,
    summary,
    startToCloseTimeout: '2 minutes',
    ...(scheduleToCloseTimeout ? { scheduleToCloseTimeout } : {}),
    heartbeatTimeout: '15s',
    // No end: a page is given up when the incident closes and not before.
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  });
}

/** Sends a due moment's page, or the daily reminder, beside the turns: one pager that hangs delays no other page. */
export function sendPage(books: Books, due: DuePage | { kind: 'reminder' }, label: string, now: number): void {
  const { memory } = books;
  if ('kind' in due) return tellRole(books, 'Primary', `reminder-${now}`, now);
  const parts = memory.mode === 'dry-run' ? due.parts.filter((part) => part.level === 1) : due.parts;
  if (parts.length < due.parts.length) note(memory, entry(now, byLadder, 'page', `dry-run: would page ${label}`));
  if (parts.length === 0) return;
  const why = due.late ? `${label}, late` : label;
  if (parts.some(isNewLevel)) tellNews(books, 'changed', `escalated: ${label}`, now);
  deliver(books, { kind: 'page', due: { ...due, parts }, ...about(books, now) }, `Page ${why}`, (result) => {
    memory.firstPageOver = true;
    if (result.runFrom !== undefined && memory.wanted && !currentRun(memory)) memory.runFrom = result.runFrom;
    noteTold(memory, why, result);
  });
}

function isNewLevel({ level, round }: DuePage['parts'][number]): boolean {
  return level !== 1 && round.endsWith('.0');
}

/** Sends what quiet hours held until now, and goes to the next contacts of whoever has not acknowledged. */
export function tellWaiting(books: Books, now: number): void {
  const { memory } = books;
  for (const { person, at, after, past, due, asks: ids = [] } of takeWaiting(memory, now)) {
    const only = [{ person, mayHaveArrived: false }];
    const why = past ? `next contact of ${person}` : after === undefined ? `quiet hours of ${person} are over` : `not acknowledged, next contact of ${person}`;
    const asks = openAsks(memory).filter(({ id }) => ids.includes(id));
    if (due) deliver(books, { kind: 'page', due, waited: { until: at, ...(after !== undefined && { after }), ...(past && { past }) }, only, ...about(books, now) }, `Page: ${why}`, (result) => noteTold(memory, why, result));
    else if (asks.length > 0) deliver(books, { kind: 'ask', asks, people: [person], dueAt: at, ...about(books, now) }, `Ask: ${why}`, (result) => noteTold(memory, 'asked', result));
  }
}

function noteTold(memory: IncidentMemory, what: string, { deliveries }: PageResult): void {
  // Nobody yet where quiet hours hold every copy: that has its own line.
  if (deliveries.length > 0) note(memory, entry(Date.now(), byLadder, 'page', `${what}: ${deliveries.map(inWords).join(', ')}`));
}

/** Takes what the server paged while Temporal was away into the record, once. */
export function notePaged(memory: IncidentMemory, { deliveries }: OwnPage): void {
  const news = deliveries.filter(({ key }) => !memory.pages.some((page) => page.key === key));
  if (news.length === 0) return;
  memory.pages.push(...news);
  note(memory, entry(Date.now(), byIntake, 'page', `runbook not started, since Temporal was away: the server paged ${news.map(inWords).join(', ')}`));
}

/** Goes on with the server's own page: what is still to leave leaves from here, and whom it could not reach is paged. */
export function goOnFromServer(books: Books, due: DuePage, own: OwnPage, now: number): void {
  keepFromServer(books.memory, own, due, now);
  if (own.missing.length === 0) return;
  const request: PageRequest = { kind: 'page', due, only: own.missing, ...about(books, now) };
  deliver(books, request, 'Page those whom the server did not reach', (result) => {
    note(books.memory, entry(Date.now(), byLadder, 'page', `not reached by the server: ${result.deliveries.map(inWords).join(', ')}`));
  });
}

/** Asks everyone paged so far, once somebody has been. Questions of one moment travel in one message. */
export function tellAsks(books: Books, now: number): void {
  const { memory } = books;
  const people = peoplePaged(memory);
  if (memory.untold.length === 0 || people.length === 0) return;
  const asks = openAsks(memory).filter((ask) => memory.untold.includes(ask.id));
  memory.untold = [];
  if (asks.length === 0) return;
  deliver(books, { kind: 'ask', asks, people, dueAt: now, ...about(books, now) }, `Ask: ${asks.map((ask) => ask.act).join(', ')}`, (result) => {
    noteTold(memory, 'asked', result);
  });
}

/** One notice without repeats, to a role as of now. */
export function tellRole(books: Books, role: string, subject: string, now: number): void {
  deliver(books, { kind: 'notice', subject, roles: [role], people: [], dueAt: now, ...about(books, now) }, `Tell ${role}`, (result) => {
    noteTold(books.memory, 'told', result);
  });
}

/** One notice to one person, who reads `state` instead of the incident's own. */
export function tellPerson(books: Books, person: string, { subject, state }: { subject: string; state: string }, now: number): void {
  const { incident, story } = about(books, now);
  deliver(books, { kind: 'notice', subject, roles: [], people: [person], dueAt: now, incident, story: { ...story, state } }, `Tell ${person}`, (result) => {
    noteTold(books.memory, 'told', result);
  });
}

/** The all-clear, to everyone who was paged. Not a page: it wants nothing of them. */
export async function tellItIsOver(books: Books, now: number): Promise<void> {
  const people = peoplePaged(books.memory);
  if (people.length === 0) return;
  const request: PageRequest = { kind: 'notice', subject: `closed-${books.memory.ladder.cycle}`, roles: [], people, dueAt: now, news: { kind: 'over', pages: pagesOf(books) }, ...about(books, now) };
  try {
    await pages('All clear', '10 minutes').sendPage(request);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    note(books.memory, entry(Date.now(), byLadder, 'problem', 'the all-clear could not be sent within 10 min'));
  }
}

/**
 * Tells those places that show what becomes of a page: nothing is sent where none does. Beside the turns, and not for long:
 * nobody waits for it.
 */
export function tellNews(books: Books, kind: 'acknowledged' | 'changed', says: string, now: number): void {
  const { memory } = books;
  const shown = memory.pages.filter(({ updates }) => updates);
  if (shown.length === 0 || (memory.closing ?? memory.closed)) return;
  memory.newsTold = (memory.newsTold ?? 0) + 1;
  const people = [...new Set(shown.map(({ person }) => person))];
  const request: PageRequest = { kind: 'notice', subject: `news-${memory.newsTold}`, roles: [], people, dueAt: now, news: { kind, says, pages: pagesOf(books) }, ...about(books, now) };
  books.aside(async () => {
    try {
      await pages(`Update: ${says}`, '10 minutes').sendPage(request);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      note(memory, entry(Date.now(), byLadder, 'problem', `an update could not be sent within 10 min: ${says}`));
    }
  });
}

/** What a pager of its own state may still show as open; the newest, since what goes into an activity has a limit. */
function pagesOf({ memory }: Books): News['pages'] {
  return memory.pages.slice(-200).map(({ key, person, channel, reference }) => ({ key, person, channel, ...(reference !== undefined && { reference }) }));
}

function about(books: Books, now: number): Pick<PageRequest, 'incident' | 'story'> {
  return { incident: headOf(books.memory, books.workflowId), story: storyOf(books.memory, now) };
}

function deliver(books: Books, request: PageRequest, summary: string, then: (result: PageResult) => void): void {
  const scope = new CancellationScope();
  const stopOthers = books.stopPages;
  books.stopPages = () => {
    stopOthers();
    scope.cancel();
  };
  books.aside(async () => {
    try {
      const result = await scope.run(() => pages(summary).sendPage(request));
      books.memory.pages.push(...result.deliveries);
      if (result.missing.length > 0) {
        const names = result.missing.map(({ person }) => person).join(', ');
        note(books.memory, entry(Date.now(), byLadder, 'problem', `not reached yet, tried on: ${names}`));
        deliver(books, { ...request, only: result.missing }, `${summary}: ${names}`, then);
      }
      awaitReceipts(books, request, result.deliveries);
      keepForLater(books.memory, request, result.later, Date.now());
      for (const problem of result.problems) note(books.memory, entry(Date.now(), byLadder, 'problem', problem));
      then(result);
    } catch (error) {
      if (isCancellation(error)) return;
      note(books.memory, entry(Date.now(), byLadder, 'problem', `${summary} was given up: ${error instanceof Error ? error.message : String(error)}`));
    }
  });
}

function inWords({ person, channel, late }: Delivery): string {
  return `${person} by ${channel}${late ? ' (late)' : ''}`;
}
