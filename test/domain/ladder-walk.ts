import { type DuePage, type LadderPolicy, type LadderState, nextPage, nextWake, openLadder, pagedNow } from '../../src/domain/ladder.js';
import type { Role } from '../../src/domain/runbook.js';

/** What went out when. */
export interface Sent {
  at: number;
  page: DuePage;
  /** False for what a person or a run's failure asked for. */
  byTime: boolean;
}

/** Something that happens to the ladder: the new state, with the page it caused at once, if any. */
export type Happening = (state: LadderState, now: number) => LadderState | { state: LadderState; page: DuePage | undefined };

export interface Walk {
  policy: LadderPolicy;
  zeroAt?: number;
  until: number;
  events?: { at: number; happens: Happening }[];
  /** Nobody is there to wake up or to hear from `from` to `to`. */
  outages?: { from: number; to: number }[];
  /** How long after a wake-up the page leaves, for the n-th page. */
  delay?: (n: number) => number;
  seen?: (step: { before: LadderState; after: LadderState; now: number; sent?: Sent }) => void;
}

/** Lives through an incident the way its workflow does: wake up, hear what came first, page what is due. State travels as JSON. */
export function walk({ policy, zeroAt = 0, until, events = [], outages = [], delay = () => 0, seen }: Walk): { sent: Sent[]; state: LadderState } {
  const up = (at: number): number => outages.reduce((time, { from, to }) => (time >= from && time < to ? to : time), at);
  const waiting = events.map((event) => ({ ...event, at: up(event.at) })).toSorted((a, b) => a.at - b.at);
  const sent: Sent[] = [];
  let state = openLadder(policy, zeroAt);
  let now = up(zeroAt);
  const step = (to: LadderState, page: DuePage | undefined, byTime: boolean): void => {
    const before = state;
    state = JSON.parse(JSON.stringify(to)) as LadderState;
    const what = page && { at: now, page, byTime };
    if (what) sent.push(what);
    seen?.({ before, after: state, now, ...(what ? { sent: what } : {}) });
  };
  for (let turns = 0, turnedAt = now; ; turns++) {
    if (turnedAt !== now) [turns, turnedAt] = [0, now];
    if (turns > 50) throw new Error(`no end at ${now}: ${nextWake(policy, state)?.label}`);
    // A signal and a timer of the same moment: the signal is heard first.
    const event = waiting[0];
    if (event && event.at <= now) {
      waiting.shift();
      const result = event.happens(state, now);
      if ('state' in result) step(result.state, result.page, false);
      else step(result, undefined, false);
      continue;
    }
    const due = nextPage(policy, state, now);
    if (due && due.at <= now) {
      step(pagedNow(policy, state, due.page, now), due.page, true);
      continue;
    }
    const wakeAt = up(Math.max(now, nextWake(policy, state)?.at ?? Number.POSITIVE_INFINITY) + delay(sent.length));
    now = Math.min(wakeAt, event?.at ?? Number.POSITIVE_INFINITY);
    if (now > until) return { sent, state };
  }
}

/** `15 late 1:Primary,Secondary | 2:CTO`, with the minute it left. */
export function inShort({ at, page }: Sent, minute: number): string {
  const parts = page.parts.map(({ level, roles }) => `${level === 'last resort' ? 'LR' : level}:${roles.join(',')}`);
  return `${at / minute} ${page.late ? 'late ' : ''}${parts.join(' | ')}`;
}

export const allRolesOf = (page: DuePage): Role[] => page.parts.flatMap(({ roles }) => roles);
