import type { Actor } from './actor.js';
import type { Ask, Mode, RunEnd } from './messages.js';
import type { Delivery, IncidentHead } from './page.js';
import type { Acknowledgement } from './ladder.js';
import type { StepReport } from './step.js';
import type { UndoEntry } from './undo.js';

export const incidentStates = ['open', 'attached', 'mitigated', 'watching', 'closed'] as const;
export type IncidentStateName = (typeof incidentStates)[number];

/** One line of the record. `what` is a word to filter by; `text` is for people, one line. */
export interface TimelineEntry {
  /** ms since the epoch. */
  at: number;
  actor: Actor;
  what: 'alert' | 'page' | 'acknowledge' | 'lapse' | 'ask' | 'decision' | 'run' | 'found' | 'done' | 'state' | 'undo' | 'note' | 'snooze' | 'escalate' | 'refused' | 'problem' | 'report';
  text: string;
}

export interface RunRecord {
  n: number;
  kind: 'full' | 'check';
  workflowId: string;
  startedAt: number;
  quietUntil: number;
  phase: string;
  endedAt?: number;
  end?: RunEnd;
  reason?: string;
  /** Id of the person who asked for it. */
  askedBy?: string;
  steps: StepReport[];
}

export interface AskRecord extends Ask {
  askedAt: number;
  /** The first of two approvals. */
  first?: { by: Actor; at: number };
  answer?: { answer: 'approved' | 'declined' | 'expired' | 'withdrawn'; by: Actor; at: number };
}

/** All of an incident that people see: the answer of the query `show`, and the JSON of the report. Times in ms since the epoch. */
export interface IncidentView {
  v: 1;
  incident: IncidentHead;
  state: IncidentStateName;
  mode: Mode;
  /** What it waits for, in a few words; empty if nothing. Also the search attribute WaitingFor. */
  waitingFor: string;
  alerts: { count: number; lastAt: number; lastStatus: 'firing' | 'resolved'; description: string; labels: Record<string, string> };
  level: number;
  acknowledgement?: Acknowledgement;
  snoozedUntil?: number;
  nextPage?: { at: number; who: string };
  pages: Delivery[];
  asks: AskRecord[];
  undos: UndoEntry[];
  runs: RunRecord[];
  found: string[];
  done: string[];
  followUps: string[];
  timeline: TimelineEntry[];
  closedAt?: number;
  closedAs?: 'recovered' | 'resolved by a person' | 'relieved, not recovered';
  closeReason?: string;
}
