import type { DuePage } from '../domain/ladder.js';
import { delayedUntil, type Later, type OwnPage, type PageRequest } from '../domain/page.js';
import { byLadder, entry, type IncidentMemory, note } from './incident-memory.js';

/** One person's copy that leaves at a later moment: by contacts with a delay, or once their quiet hours are over. Times in ms. */
export interface WaitingPage {
  person: string;
  at: number;
  /** The delay of the contacts that it is for; absent for what quiet hours hold. */
  after?: number;
  /** What was due; questions instead, by their ids. */
  due?: DuePage;
  /** Ways that did not bring it. */
  past?: string[];
  asks?: string[];
}

/** Takes in what `sendPage` left for later; nothing if the config asks for no such thing. */
export function keepForLater(memory: IncidentMemory, request: PageRequest, later: readonly Later[] | undefined, now: number): void {
  if (!later || (memory.closing ?? memory.closed)) return;
  for (const one of later) memory.waiting = [...without(memory.waiting, one, request), waitingFrom(memory, request, one, now)];
}

/** Takes over what the server has not sent of its own page of level 1. */
export function keepFromServer(memory: IncidentMemory, { later = [] }: OwnPage, due: DuePage, now: number): void {
  for (const { person, at, after } of later) {
    if (after === undefined) noteHeld(memory, person, at, now);
    memory.waiting = [...(memory.waiting ?? []), { person, at, ...(after !== undefined && { after }), due }];
  }
}

function noteHeld(memory: IncidentMemory, person: string, until: number, now: number): void {
  note(memory, entry(now, byLadder, 'page', `${person} is not told before ${new Date(until).toISOString()}: quiet hours`));
}

/** A person whom quiet hours keep from several pages gets the last of them, which tells all. */
function without(waiting: readonly WaitingPage[] = [], one: Later, request: PageRequest): WaitingPage[] {
  if ('after' in one) return [...waiting];
  const kind = (isPage: boolean, after: number | undefined): string => `${isPage} ${after}`;
  const replaced = kind(request.kind === 'page', delayOf(request));
  return waiting.filter(({ person, after, due }) => person !== one.person || kind(due !== undefined, after) !== replaced);
}

function delayOf(request: PageRequest): number | undefined {
  return request.kind === 'page' ? request.waited?.after : undefined;
}

function waitingFrom(memory: IncidentMemory, request: PageRequest, one: Later, now: number): WaitingPage {
  const { person } = one;
  const before = memory.waiting?.flatMap((waiting) => (waiting.person === person && waiting.asks ? waiting.asks : [])) ?? [];
  const what = request.kind === 'page' ? { due: request.due } : { asks: [...before, ...(request.kind === 'ask' ? request.asks.map(({ id }) => id) : [])] };
  if ('until' in one) {
    noteHeld(memory, person, one.until, now);
    const after = delayOf(request);
    return { person, at: one.until, ...(after !== undefined && { after }), ...what };
  }
  const delay = one.after * (memory.start.times.minute / 60_000);
  const dueAt = request.kind === 'page' ? request.due.dueAt : now;
  return { person, at: delayedUntil(delay, { dueAt, now }), after: one.after, ...what };
}

/** Takes out what is to leave now. What waits for an acknowledgement is gone once there is one, or paging is on hold. */
export function takeWaiting(memory: IncidentMemory, now: number): WaitingPage[] {
  if (!memory.waiting) return [];
  const { acknowledgement, hold, snoozedUntil } = memory.ladder;
  const moot = ({ after, past, due }: WaitingPage): boolean =>
    (after ?? past) !== undefined && (hold !== undefined || (acknowledgement !== undefined && acknowledgement.at >= (due?.dueAt ?? 0)));
  const waiting = memory.waiting.filter((one) => !moot(one));
  const nobodyNow = hold !== undefined || (snoozedUntil ?? now) > now;
  const leaving = nobodyNow ? [] : waiting.filter(({ at }) => at <= now);
  memory.waiting = waiting.filter((one) => !leaving.includes(one));
  if (memory.waiting.length === 0) delete memory.waiting;
  return leaving;
}

/** The next moment at which one of them leaves; undefined if none does or paging is on hold. */
export function nextWaiting({ waiting = [], ladder }: IncidentMemory): { at: number; label: string } | undefined {
  const [first] = waiting.toSorted((a, b) => a.at - b.at);
  if (!first || ladder.hold) return undefined;
  const label = first.after === undefined ? `Quiet hours of ${first.person} end` : `Next contact of ${first.person}, unless acknowledged`;
  return { at: Math.max(first.at, ladder.snoozedUntil ?? 0), label };
}
