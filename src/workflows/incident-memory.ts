import type { Actor } from '../domain/actor.js';
import type { Cause, Symptom } from '../domain/attachment.js';
import type { AskRecord, IncidentStateName, IncidentView, RunRecord, TimelineEntry } from '../domain/incident.js';
import { type DuePage, type LadderPolicy, type LadderState, nextPage, openLadder, pagedNow } from '../domain/ladder.js';
import type { IncidentStart, Mode } from '../domain/messages.js';
import type { Delivery, Undelivered } from '../domain/page.js';
import type { UndoEntry } from '../domain/undo.js';
import type { Unconfirmed } from './receipts.js';
import type { WaitingPage } from './waiting-pages.js';

/** All that an incident knows. Plain JSON: it travels through continue-as-new. Times in ms since the epoch. */
export interface IncidentMemory {
  start: IncidentStart;
  policy: LadderPolicy;
  ladder: LadderState;
  state: IncidentStateName;
  mode: Mode;
  alerts: IncidentView['alerts'];
  /** What our server kept, and how many alerts of it are counted: what is sent twice counts once. The newest. */
  kept?: [id: string, count: number][];
  pages: Delivery[];
  /** The first page was accepted, or given up waiting for: the run may start. */
  firstPageOver: boolean;
  /** When a page was first asked for. */
  firstPageAt?: number;
  /** The run that is wanted waits until then: others are being paged too. */
  runFrom?: number;
  /** Copies that leave later by themselves; absent if none does. */
  waiting?: WaitingPage[];
  /** Pages whose channel tells later whether they arrived, newest last; and what was told before we had them. */
  unconfirmed?: Unconfirmed[];
  earlyReceipts?: Undelivered[];
  /** Updates sent so far, for their keys. */
  newsTold?: number;
  /** The roles that are told once have been told. */
  toldAtStart?: true;
  asks: AskRecord[];
  /** Questions that nobody has been told of yet. */
  untold: string[];
  undos: UndoEntry[];
  undoRuns: number;
  runs: RunRecord[];
  /** The run that a person or an event wants next. */
  wanted?: 'full' | 'check';
  /** Id of the person who asked for it. */
  wantedBy?: string;
  nextCheckAt?: number;
  runsWithActs: number;
  /** Number of the run in which an expired question has escalated already. */
  expiryEscalatedIn?: number;
  usedUp: string[];
  found: string[];
  done: string[];
  followUps: string[];
  timeline: TimelineEntry[];
  /** Ids of people's actions, so that a second delivery changes nothing. */
  seen: string[];
  /** Forged updates that have a line on the record. */
  forged?: number;
  acknowledgedOnce: boolean;
  /** The incident that explains this one; `closed` once it is over and a check decides what becomes of this. */
  attachedTo?: Cause & { closed?: boolean };
  /** Incidents that this one explains. */
  symptoms: Symptom[];
  /** How often this one still looks for what it explains, and the earliest moment, ms since the epoch. */
  looksForSymptoms: { left: number; notBefore: number };
  /** Number of the run that has proven and waits for the automatic undos. */
  watchAfterUndos?: number;
  mitigatedSince?: number;
  remindedAt?: number;
  /** When it was reopened in the last hour. */
  reopenedAt?: number[];
  /** It has been reopened so often that the ladder goes on instead of beginning again. */
  flapping?: true;
  /** A close that waits for its run to stop. */
  closing?: { as: NonNullable<IncidentView['closedAs']>; reason: string; by: Actor; waitUntil: number };
  closed?: { at: number; as: NonNullable<IncidentView['closedAs']>; reason: string };
}

/** An incident at its time zero, before its first alert has been counted. */
export function openMemory(start: IncidentStart): IncidentMemory {
  const policy = { severity: start.severity, ladder: start.ladder, times: start.times };
  const { alert } = start;
  const ladder = openLadder(policy, alert.acceptedAt);
  return {
    start,
    policy,
    ladder: start.paged ? pagedNow(policy, ladder, firstPageOf(start), alert.acceptedAt) : ladder,
    state: 'open',
    mode: 'automatic',
    alerts: { count: 0, lastAt: alert.acceptedAt, lastStatus: 'firing', description: alert.description, labels: alert.labels },
    pages: [],
    firstPageOver: (start.paged?.deliveries.length ?? 0) > 0,
    asks: [],
    untold: [],
    undos: [],
    undoRuns: 0,
    runs: [],
    wanted: 'full',
    runsWithActs: 0,
    usedUp: [],
    found: [],
    done: [],
    followUps: [],
    timeline: [],
    seen: [],
    acknowledgedOnce: false,
    symptoms: [],
    looksForSymptoms: twoLooks(),
  };
}

/** The page that is due when an incident opens. */
export function firstPageOf({ severity, ladder, times, alert }: IncidentStart): DuePage {
  const policy = { severity, ladder, times };
  const next = nextPage(policy, openLadder(policy, alert.acceptedAt), alert.acceptedAt);
  return next?.page ?? { dueAt: alert.acceptedAt, parts: [], late: false };
}

/** The index may be late with an entry, so one look is not enough. */
export function twoLooks(): IncidentMemory['looksForSymptoms'] {
  return { left: 2, notBefore: 0 };
}

/** Lines the timeline keeps; a repeated line only counts up, so that a storm does not push the story out. */
const timelineRoom = 400;

/** Adds a line to the record. */
export function note(memory: IncidentMemory, entry: TimelineEntry): void {
  const { timeline } = memory;
  timeline.push(entry);
  if (timeline.length > timelineRoom) {
    // The opening and the latest lines tell the story; what goes is the middle.
    timeline.splice(timelineRoom / 4, 1);
  }
}

/** Refusals that the record keeps: who tries again and again must not push the story out. */
const refusalsRoom = 40;

/** Puts a refusal on record. */
export function noteRefusal(memory: IncidentMemory, at: number, actor: Actor, text: string): void {
  const refused = memory.timeline.flatMap(({ what }, index) => (what === 'refused' ? [index] : []));
  const middle = refused[refusalsRoom / 2];
  if (refused.length >= refusalsRoom && middle !== undefined) memory.timeline.splice(middle, 1);
  note(memory, entry(at, actor, 'refused', text));
}

/** The run that is going on, if one is. */
export function currentRun(memory: IncidentMemory): RunRecord | undefined {
  const last = memory.runs.at(-1);
  return last && last.endedAt === undefined ? last : undefined;
}

export function openAsks(memory: IncidentMemory): AskRecord[] {
  return memory.asks.filter((ask) => !ask.answer);
}

/** Ids of everyone paged so far. */
export function peoplePaged(memory: IncidentMemory): string[] {
  return [...new Set(memory.pages.map((page) => page.person))];
}

/** One line of the record about what somebody did. */
export function entry(at: number, actor: Actor, what: TimelineEntry['what'], text: string): TimelineEntry {
  return { at, actor, what, text };
}

export const byLadder: Actor = { kind: 'automation', part: 'ladder' };
export const byIncident: Actor = { kind: 'automation', part: 'incident' };
export const byRun: Actor = { kind: 'automation', part: 'run' };
export const byUndo: Actor = { kind: 'automation', part: 'undo' };
export const byIntake: Actor = { kind: 'automation', part: 'intake' };
