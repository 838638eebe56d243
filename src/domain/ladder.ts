import type { Actor } from './actor.js';
import { dueLabel, firstDueAt, inOrder, pageLabel, pagedUpTo, upcomingPage } from './ladder-moments.js';
import { lapseAcknowledgement, startEarly } from './ladder-starts.js';
import type { Ladder, Role } from './runbook.js';
import type { Severity } from './severity.js';
import type { Times } from './times.js';

export { lapseAcknowledgement } from './ladder-starts.js';

/** What an incident freezes when it opens: who is paged when. */
export interface LadderPolicy {
  severity: Severity;
  ladder: Ladder;
  times: Times;
}

/** `last resort` is above every level. */
export type LevelName = number | 'last resort';

/** Why somebody is paged at this moment. */
export type PageReason = 'due' | 'early' | 'repeat' | 'acknowledgement lapsed' | 'last resort' | 'hold ended';

/** One level's share of a due moment. */
export interface PagePart {
  level: LevelName;
  /**
   * `<cycle>.<round>`, such as `0.0`, `0.0-secondary`, `0.2`: a new cycle begins when a level starts again, so that no two
   * pages of an incident share level and round.
   */
  round: string;
  roles: Role[];
  reason: PageReason;
}

/** Everything that is due at one moment. One activity looks the roles up as of `dueAt`; each person is paged once. */
export interface DuePage {
  /** Milliseconds since the epoch. */
  dueAt: number;
  /** Highest level last. */
  parts: PagePart[];
  /** True after an outage or a hold: only the highest due level is in `parts`, the lower ones count as paged. */
  late: boolean;
}

/** Why the ladder waits. */
export type Hold = 'attached' | 'watching' | 'mitigated' | 'closed';

export interface Acknowledgement {
  by: Actor;
  at: number;
  lapsesAt: number;
}

/*
 * The ladder as pure functions: no clock, no IO; `now` and every time is in ms since the epoch. All moments are absolute, so
 * a late wake-up delays nothing after it. A number at the start of a comment is a point of RUNBOOK-SPEC's "People and time".
 */

/** A level as it stands. Times in ms since the epoch. */
export interface LevelState {
  /** Its round 0: whoever joins it and its repeats are counted from here, and only from here. */
  base: number;
  cycle: number;
  /** True once it started again: level 1 is then paged together with its secondary. */
  again: boolean;
  /** Nobody joins and nothing repeats any more. */
  acknowledged: boolean;
  /** Its moments up to here were paged, or count as paged; absent until the first was. */
  pagedThrough?: number;
}

/** The ladder of an incident: plain JSON, so it survives a continue-as-new. Times in ms since the epoch. */
export interface LadderState {
  zeroAt: number;
  /** The newest cycle given out. */
  cycle: number;
  /** Level 1 first. */
  levels: LevelState[];
  /** `base` is when it begins. */
  lastResort: { base: number; cycle: number; pagedThrough?: number };
  acknowledgement?: Acknowledgement;
  snoozedUntil?: number;
  hold?: { kind: Exclude<Hold, 'closed'>; since: number };
  closed?: true;
  /** End of the last hold: what fell due before it goes out once. */
  releasedAt?: number;
}

/** A ladder with nothing paged yet, level 1 due at `zeroAt`. */
export function openLadder(policy: LadderPolicy, zeroAt: number): LadderState {
  return fresh(policy, zeroAt, 0);
}

/** Reopened or detached: `zeroAt` is the new time zero and level 1 comes first; acknowledgement, snooze and hold are gone. */
export function restart(policy: LadderPolicy, state: LadderState, zeroAt: number): LadderState {
  return fresh(policy, zeroAt, state.cycle + 1);
}

function fresh({ ladder, times }: LadderPolicy, zeroAt: number, cycle: number): LadderState {
  // 1. Every due time is fixed here, from time zero.
  const bases = [zeroAt, ...ladder.levels.map(({ afterMinutes }) => zeroAt + afterMinutes * times.minute)];
  const levels = bases.map((base): LevelState => ({ base, cycle, again: false, acknowledged: false }));
  return { zeroAt, cycle, levels, lastResort: { base: (bases.at(-1) ?? zeroAt) + times.lastResortAfter, cycle } };
}

/** Reopened while it flaps: as if it had stayed open. What fell due while it was closed goes out once; a snooze is over. */
export function resume(policy: LadderPolicy, { closed: _, hold: __, snoozedUntil: ___, ...state }: LadderState, now: number): LadderState {
  return lapseAcknowledgement(policy, { ...state, releasedAt: now }, now);
}

/**
 * The next due moment: with `at <= now` it is to be paged now, else it is a timer's end and its name. Undefined while the
 * ladder is closed, held or snoozed, and only then.
 */
export function nextPage(policy: LadderPolicy, state: LadderState, now: number): { at: number; page: DuePage; label: string } | undefined {
  if (state.closed || state.hold || (state.snoozedUntil ?? now) > now) return undefined;
  const page = upcomingPage(policy, withNextLapse(policy, state, now), now);
  return page && { at: page.dueAt, page, label: pageLabel(policy, state, page) };
}

/**
 * When to ask `nextPage` again if nothing happens before: a due moment (already over if a page is overdue), or the end of
 * the snooze that keeps one back. Undefined while held or closed.
 */
export function nextWake(policy: LadderPolicy, state: LadderState): { at: number; label: string } | undefined {
  if (state.closed || state.hold) return undefined;
  const never = Number.NEGATIVE_INFINITY;
  const page = upcomingPage(policy, withNextLapse(policy, state, never), never);
  if (!page) return undefined;
  const { snoozedUntil } = state;
  if (snoozedUntil !== undefined && snoozedUntil > page.dueAt) {
    return { at: snoozedUntil, label: dueLabel(policy, state, 'Snooze ends', snoozedUntil) };
  }
  return { at: page.dueAt, label: pageLabel(policy, state, page) };
}

/** With the lapse applied if it comes before every other moment; by `now` it has come anyway. */
function withNextLapse(policy: LadderPolicy, state: LadderState, now: number): LadderState {
  const { acknowledgement } = state;
  if (!acknowledgement) return state;
  const lapseIsNext = (firstDueAt(policy, state) ?? Number.POSITIVE_INFINITY) >= acknowledgement.lapsesAt;
  return lapseAcknowledgement(policy, state, lapseIsNext ? acknowledgement.lapsesAt : now);
}

/**
 * After `page` of `nextPage(policy, state, now)` was handed over, or better before waiting for that: it and everything below
 * it that was due counts as paged. `now` is the moment asked about, not the end of the sending.
 */
export function pagedNow(policy: LadderPolicy, state: LadderState, page: DuePage, now: number): LadderState {
  // A page on time takes its own due moment along and no other, however long the sending took.
  const until = page.late ? now : Math.min(page.dueAt, now);
  return pagedUpTo(policy, lapseAcknowledgement(policy, state, now), page.parts.at(-1)?.level ?? 1, until);
}

/**
 * 4. Stops the repeats of all levels paged so far, and the last resort. A further one, by anybody, renews it. A person's
 * approve, decline, note, snooze and escalate are one too: acknowledge first, then do the other.
 */
export function acknowledge(policy: LadderPolicy, state: LadderState, by: Actor, now: number): LadderState {
  const levels = state.levels.map((level, index): LevelState => {
    // Level 1 began with the incident: who acknowledges before its page went out spares the secondary as well.
    if (level.pagedThrough === undefined) return { ...level, acknowledged: index === 0 };
    return { ...level, acknowledged: true, pagedThrough: Math.max(level.pagedThrough, Math.min(level.base, now)) };
  });
  return { ...state, levels, acknowledgement: { by, at: now, lapsesAt: now + policy.times.acknowledgementLapses } };
}

/**
 * Pages the next level not yet paged at once, or a chosen one; none left: the highest starts again. For a run's failure as
 * for a person, and even during a hold or a snooze. What is due at `now` goes out in the same page, and is enough where it
 * brings the next level anyway. A level that the ladder lacks counts as none chosen. The state has the page as paged; no
 * page only once closed.
 */
export function escalate(policy: LadderPolicy, state: LadderState, now: number, level?: number): { state: LadderState; page: DuePage | undefined } {
  if (state.closed) return { state, page: undefined };
  const before = lapseAcknowledgement(policy, state, now);
  const next = nextUnpaged(before);
  const chosen = state.levels.some((_, index) => index + 1 === level) ? level : undefined;

  const due = nextPage(policy, before, now);
  const pending = due && due.at <= now ? due.page : undefined;
  const after = pending ? pagedNow(policy, before, pending, now) : before;
  if (chosen === undefined && next !== nextUnpaged(after)) return { state: after, page: pending };

  const early = startEarly(policy, after, chosen ?? next ?? after.levels.length, now);
  const others = pending?.parts.filter((part) => part.level !== early.part.level) ?? [];
  return { state: early.state, page: { dueAt: now, parts: inOrder([...others, early.part]), late: pending?.late ?? false } };
}

function nextUnpaged(state: LadderState): number | undefined {
  const index = state.levels.findIndex(({ pagedThrough }) => pagedThrough === undefined);
  return index < 0 ? undefined : index + 1;
}

/**
 * 5. Until `until` nothing is due; then the highest that fell due meanwhile, once. How long a snooze may be is for the
 * incident to check: the policy is here only so that all of these are called alike.
 */
export function snooze(_policy: LadderPolicy, state: LadderState, until: number): LadderState {
  return { ...state, snoozedUntil: until };
}

/** 6. Nothing is paged until `release`, while times run on. Another hold replaces it; what is closed stays closed until `restart`. */
export function hold(state: LadderState, kind: Hold, now: number): LadderState {
  if (kind === 'closed') return close(state);
  return { ...state, hold: { kind, since: now } };
}

/** 6. The hold is over at `now`: the highest level that fell due meanwhile is the next page, once; nothing if none did. */
export function release(policy: LadderPolicy, state: LadderState, now: number): LadderState {
  if (!state.hold) return state;
  return lapseAcknowledgement(policy, { ...state, hold: undefined, releasedAt: now }, now);
}

/** Pages nothing more. */
export function close(state: LadderState): LadderState {
  return { ...state, closed: true };
}

/** Levels that were paged or count as paged, lowest first. */
export function pagedLevels(state: LadderState): LevelName[] {
  const levels = state.levels.flatMap(({ pagedThrough }, index): LevelName[] => (pagedThrough === undefined ? [] : [index + 1]));
  return lastResortBegan(state) ? [...levels, 'last resort'] : levels;
}

/** The highest of them; undefined before the first page. */
export function highestPaged(state: LadderState): LevelName | undefined {
  return pagedLevels(state).at(-1);
}

/** True once the last resort was paged, until a lapse counts it anew. */
export function lastResortBegan(state: LadderState): boolean {
  return state.lastResort.pagedThrough !== undefined;
}
