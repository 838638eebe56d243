import type { DuePage, LadderPolicy, LadderState, LevelName, LevelState, PagePart, PageReason } from './ladder.js';
import type { Role } from './runbook.js';
import { roles as roleOrder } from './runbook.js';

/*
 * Who is due when: the absolute moments of a ladder, and how they become pages. A number at the start of a comment is a
 * point of RUNBOOK-SPEC's "People and time".
 */

/** One absolute time at which some roles of one level are to be paged. */
interface Moment {
  at: number;
  level: LevelName;
  round: string;
  roles: Role[];
  reason: PageReason;
}

/** Moments that go out together, in order of time; never empty. */
type DueMoment = [Moment, ...Moment[]];

/** Levels count from 1; the last resort is above them all. */
export function rank(level: LevelName): number {
  return level === 'last resort' ? Number.POSITIVE_INFINITY : level;
}

/** Roles that join a level some time after its base; `mark` tells their first page from the level's, as no two share a round. */
interface Joining {
  after: number;
  mark: string;
  roles: Role[];
}

function joinings({ ladder, severity, times }: LadderPolicy, level: number, again: boolean): Joining[] {
  if (level > 1) return [{ after: 0, mark: '', roles: ladder.levels.slice(level - 2, level - 1).map(({ role }) => role) }];
  // 2. Primary; Secondary after 5 min; Escalation contact after 5 more (Critical and High).
  const primary: Joining = { after: 0, mark: '', roles: ['Primary', ...ladder.besides] };
  const secondary: Joining = { after: again ? 0 : times.secondaryAfter, mark: '-secondary', roles: ['Secondary'] };
  const contact: Joining = { after: times.contactAfter, mark: '-contact', roles: ['Escalation contact'] };
  // 4. Started again, level 1 is paged with its secondary at once: the contact's 5 minutes begin there.
  const rotation = again
    ? [{ ...primary, roles: [...primary.roles, ...secondary.roles] }, { ...contact, after: times.contactAfter - times.secondaryAfter }]
    : [primary, secondary, contact];
  return severity === 'Medium' ? rotation.filter(({ mark }) => mark !== contact.mark) : rotation;
}

/** Who is paged when this level starts, or starts again. */
export function startRoles(policy: LadderPolicy, level: number, again: boolean): Role[] {
  return joinings(policy, level, again).flatMap(({ after, roles }) => (after === 0 ? roles : []));
}

function levelMoments(policy: LadderPolicy, state: LevelState, level: number): Moment[] {
  const { base, cycle, again, acknowledged, pagedThrough } = state;
  const { roundEvery } = policy.times;
  const joining = joinings(policy, level, again);
  const round0 = joining.map(({ after, mark, roles }): Moment => {
    return { at: base + after, level, round: `${cycle}.0${mark}`, roles, reason: again && after === 0 ? 'acknowledgement lapsed' : 'due' };
  });
  // 3. Rounds 1–3, to everyone of the level whose moment has come by then, until acknowledged.
  const repeats = [1, 2, 3].map((k): Moment => {
    const reached = joining.flatMap(({ after, roles }) => (after <= k * roundEvery ? roles : []));
    return { at: base + k * roundEvery, level, round: `${cycle}.${k}`, roles: reached, reason: 'repeat' };
  });
  // 4. An acknowledgement stops who would still join and the repeats, never the level's own first page.
  const all = acknowledged ? round0.slice(0, 1) : [...round0, ...repeats];
  return all.filter(({ at }) => pagedThrough === undefined || at > pagedThrough);
}

/** 3. Last resort: every 30 min, for ever, until someone acknowledges. The first one outstanding, and all others up to `until`. */
function lastResortMoments(policy: LadderPolicy, state: LadderState, until: number): Moment[] {
  const { base, cycle, pagedThrough } = state.lastResort;
  const { lastResortEvery } = policy.times;
  const answered = state.acknowledgement !== undefined && state.acknowledgement.at >= base;
  if (answered || state.levels.at(-1)?.acknowledged) return [];
  const first = pagedThrough === undefined ? 0 : Math.floor((pagedThrough - base) / lastResortEvery) + 1;
  const last = Math.max(first, Math.floor((until - base) / lastResortEvery));
  const roles: Role[] = policy.severity === 'Medium' ? ['Escalation contact'] : ['Escalation contact', '24/7 Hotline'];
  return Array.from({ length: last - first + 1 }, (_, i): Moment => {
    const k = first + i;
    return { at: base + k * lastResortEvery, level: 'last resort', round: `${cycle}.${k}`, roles, reason: 'last resort' };
  });
}

/**
 * 1. Moments less than `sameMoment` after the first of them are one due moment, which goes out at the first. Neighbours
 * are merged, not sorted into minutes of the clock: two levels half a second apart over a full minute are still one, and a
 * drill's rounded times can't tear apart what the standard times put together.
 */
function dueMoments(policy: LadderPolicy, state: LadderState, until: number): DueMoment[] {
  const levels = state.levels.flatMap((level, index) => levelMoments(policy, level, index + 1));
  const ordered = [...levels, ...lastResortMoments(policy, state, until)].sort((a, b) => a.at - b.at);
  const merged: DueMoment[] = [];
  for (const moment of ordered) {
    const current = merged.at(-1);
    if (current && moment.at < current[0].at + policy.times.sameMoment) current.push(moment);
    else merged.push([moment]);
  }
  return merged;
}

/** Every moment that goes out if the ladder is paged at `now`, in order of time. */
function due(policy: LadderPolicy, state: LadderState, now: number): Moment[] {
  return dueMoments(policy, state, now).flatMap((moments) => (moments[0].at <= now ? moments : []));
}

/** When the next moment is, paged or overdue; undefined if everything is acknowledged. */
export function firstDueAt(policy: LadderPolicy, state: LadderState): number | undefined {
  return dueMoments(policy, state, Number.NEGATIVE_INFINITY)[0]?.[0].at;
}

/** Parts with the highest level last; a role of several is kept in the highest only, so that nobody is asked twice. */
export function inOrder(parts: PagePart[]): PagePart[] {
  const taken = new Set<Role>();
  return parts
    .toSorted((a, b) => rank(b.level) - rank(a.level))
    .map((part) => {
      const roles = roleOrder.filter((role) => part.roles.includes(role) && !taken.has(role));
      for (const role of roles) taken.add(role);
      return { ...part, roles };
    })
    .filter(({ roles }) => roles.length > 0)
    .reverse();
}

/** One part a level: everyone who fell due, why they did first, and the newest of the rounds. */
function partsOf(moments: Moment[]): PagePart[] {
  const parts = new Map<LevelName, PagePart>();
  for (const { level, round, roles, reason } of moments) {
    const part = parts.get(level);
    parts.set(level, { level, round, roles: [...(part?.roles ?? []), ...roles], reason: part?.reason ?? reason });
  }
  return inOrder([...parts.values()]);
}

/**
 * The next due moment as a page, whether or not the ladder waits; undefined if everything is acknowledged.
 * 6. What an outage or a hold kept back goes out once, to the highest level of it.
 */
export function upcomingPage(policy: LadderPolicy, state: LadderState, now: number): DuePage | undefined {
  const [next, ...later] = dueMoments(policy, state, now);
  if (!next) return undefined;
  const { at } = next[0];
  const heldUntil = Math.max(state.snoozedUntil ?? at, state.releasedAt ?? at);
  const onTime = now - at <= policy.times.lateAfter && !later.some((moments) => moments[0].at <= now);
  if (at > now || (onTime && at >= heldUntil)) return { dueAt: at, parts: partsOf(next), late: false };

  const all = due(policy, state, now);
  const highest = all.reduce((a, b) => (rank(b.level) >= rank(a.level) ? b : a), next[0]);
  const parts = partsOf(all.filter(({ level }) => level === highest.level));
  if (at >= heldUntil) return { dueAt: Math.min(highest.at, now), parts, late: true };
  return { dueAt: Math.max(heldUntil, Math.min(highest.at, now)), parts: parts.map((part) => ({ ...part, reason: 'hold ended' })), late: true };
}

/** How far each level is paged once a page that reaches up to level `upTo` went out at `now`; the lower ones count as paged. */
export function pagedUpTo(policy: LadderPolicy, state: LadderState, upTo: LevelName, now: number): LadderState {
  const moments = due(policy, state, now).filter(({ level }) => rank(level) <= rank(upTo));
  const mark = <T extends { pagedThrough?: number }>(level: LevelName, track: T): T => {
    const times = moments.flatMap((moment) => (moment.level === level ? [moment.at] : []));
    return times.length === 0 ? track : { ...track, pagedThrough: Math.max(now, ...times) };
  };
  return {
    ...state,
    levels: state.levels.map((level, index) => mark(index + 1, level)),
    lastResort: mark('last resort', state.lastResort),
  };
}

/** What a timer shows: `Level 2 Engineering Manager, due 15 min`, counted from time zero. */
export function pageLabel(policy: LadderPolicy, state: LadderState, page: DuePage): string {
  const names = page.parts.map(({ level, round, roles, reason }) => {
    if (level === 'last resort') return 'Last resort';
    if (reason === 'repeat') return `Level ${level} round ${round.split('.')[1]}`;
    return level === 1 ? roles.join(', ') : `Level ${level} ${roles.join(', ')}`;
  });
  return dueLabel(policy, state, names.join(' + '), page.dueAt);
}

/** `<what>, due <minutes since time zero> min`. */
export function dueLabel(policy: LadderPolicy, state: LadderState, what: string, at: number): string {
  return `${what}, due ${Math.round((at - state.zeroAt) / policy.times.minute)} min`;
}
