import type { Mode } from './messages.js';

/** Ask for all of these resources, or none. Asking again with the same holder gives the same answer. */
export interface LockRequest {
  /** `<run workflow id>/<act>`: unique for the act. */
  holder: string;
  /** Incident whose closing bars its later acts. */
  incidentId: string;
  resources: string[];
  /** A held incident's safe acts go on, the others wait for its cause. */
  risky?: boolean;
  /** The lock frees itself after this, ms: the act's timeout plus 60 s. */
  lease: number;
  /** Uses of this budget are counted over all incidents; `approved` may exceed it once. */
  budget?: { key: string; window: number; approved: boolean };
}

export type LockAnswer =
  | { kind: 'granted' }
  | { kind: 'wait'; behind: string }
  | { kind: 'limit'; usedAt: number }
  | { kind: 'barred' | 'held'; because: string };

/** All that a lock workflow remembers; JSON, for continue-as-new. */
export interface LockState {
  held: Record<string, { holder: string; until: number }>;
  /** First come, first served; an entry that stops asking loses its place. */
  waiting: { holder: string; resources: string[]; askedAt: number }[];
  used: { key: string; at: number; holder: string }[];
  /** `risky`: only acts that disturb. */
  barred: { incidentId: string; because: string; risky: boolean }[];
}

export const noLocks: LockState = { held: {}, waiting: [], used: [], barred: [] };

/** A waiter that has not asked for this long has given up or died; ms. */
const patience = 60_000;

/**
 * Grants, or says why not, without a clock of its own. All or none, and first come, first served: a request waits behind an
 * earlier one that wants any of the same resources, so that a long list is not starved by short ones.
 */
export function take(state: LockState, request: LockRequest, now: number): { state: LockState; answer: LockAnswer } {
  const held = Object.fromEntries(Object.entries(state.held).filter(([, lock]) => lock.until > now));
  const waiting = state.waiting.filter((w) => w.holder === request.holder || w.askedAt + patience > now);
  const used = state.used.filter((use) => use.at + longestWindow > now);
  const clean = { ...state, held, waiting, used };

  const barred = state.barred.find((b) => b.incidentId === request.incidentId);
  if (barred && (!barred.risky || request.risky)) {
    return { state: clean, answer: { kind: barred.risky ? 'held' : 'barred', because: barred.because } };
  }

  const { budget } = request;
  const ours = request.resources.every((r) => held[r]?.holder === request.holder);
  if (budget) {
    const uses = used.filter((use) => use.key === budget.key && use.at + budget.window > now && use.holder !== request.holder);
    if (uses.length >= (budget.approved ? 2 : 1)) {
      return { state: clean, answer: { kind: 'limit', usedAt: Math.max(...uses.map((use) => use.at)) } };
    }
  }

  const position = waiting.findIndex((w) => w.holder === request.holder);
  // Who has them already waits behind nobody: the answer was lost on its way, or the lease is to begin anew.
  const ahead = ours ? undefined : (position === -1 ? waiting : waiting.slice(0, position)).find((w) => overlaps(w.resources, request.resources));
  const blocker = request.resources.map((r) => held[r]).find((lock) => lock && lock.holder !== request.holder);
  if (blocker || ahead) {
    const place = { holder: request.holder, resources: request.resources, askedAt: now };
    const queue = position === -1 ? [...waiting, place] : waiting.with(position, place);
    return { state: { ...clean, waiting: queue }, answer: { kind: 'wait', behind: (blocker ?? ahead)?.holder ?? '' } };
  }

  const granted = Object.fromEntries(request.resources.map((r) => [r, { holder: request.holder, until: now + request.lease }]));
  return {
    state: {
      ...clean,
      held: { ...held, ...granted },
      waiting: waiting.filter((w) => w.holder !== request.holder),
      used: budget && !used.some((u) => u.holder === request.holder) ? [...used, { key: budget.key, at: now, holder: request.holder }] : used,
    },
    answer: { kind: 'granted' },
  };
}

/** Frees everything the holder has, and its place in the queue. Freeing what is free is harmless. */
export function give(state: LockState, holder: string): LockState {
  return {
    ...state,
    held: Object.fromEntries(Object.entries(state.held).filter(([, lock]) => lock.holder !== holder)),
    waiting: state.waiting.filter((w) => w.holder !== holder),
  };
}

/** From now on this incident's acts, or the `risky` ones of them, are refused, until it is let in again. */
export function bar(state: LockState, incidentId: string, because: string, risky = false): LockState {
  return { ...letIn(state, incidentId), barred: [...letIn(state, incidentId).barred, { incidentId, because, risky }].slice(-500) };
}

export function letIn(state: LockState, incidentId: string): LockState {
  return { ...state, barred: state.barred.filter((b) => b.incidentId !== incidentId) };
}

/** Uses of a budget are kept this long, ms; no window may be longer. */
const longestWindow = 24 * 60 * 60_000;

function overlaps(one: string[], other: string[]): boolean {
  return one.some((resource) => other.includes(resource));
}

/** What an act needs to know right before it: its locks, and whether the mode still lets it act. */
export interface Clearance {
  locks: LockAnswer;
  mode: Mode;
}
