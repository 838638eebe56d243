import type { Actor } from './actor.js';
import type { Alert } from './alert.js';
import type { OwnPage } from './page.js';
import type { Permissions } from './permissions.js';
import type { Place } from './place.js';
import type { Ladder } from './runbook.js';
import type { Risk, StepReport } from './step.js';
import type { Severity } from './severity.js';
import type { Times } from './times.js';
import type { Undo } from './undo.js';

/*
 * The six messages between an incident and its runs: four up, two down. Both sides may have been deployed at different
 * times, so each message carries the version it was written in; see docs/adr/0002.
 */

export interface FromRun {
  v: 1;
  /** The incident's own id: a message for an earlier incident under the same workflow id is dropped. */
  incidentId: string;
  run: number;
  /** ms since the epoch: the latest time of this run's next message. */
  quietUntil: number;
}

export type Phase = 'started' | 'diagnosed' | 'resolving' | 'no longer mitigated' | 'proven' | 'watching';

/** `found`: where the run is and what it knows, at most 4 KB: it goes into pages. */
export interface Found extends FromRun {
  phase: Phase;
  mode: Mode;
  /** Lines for people, newest state of what was found. */
  found: string[];
  /** Lines for people: what was done, with its outcome. */
  done: string[];
  /** Page this level's role early: RUNBOOK-SPEC's "when it happens". */
  pageEarly?: { why: string };
}

/** `asks`: acts that wait for a person. */
export interface Asks extends FromRun {
  asks: Ask[];
  /** They are the offers of a mitigated incident: the worst is over, and they wait without end. */
  mitigated?: boolean;
}

export interface Ask {
  /** Unique in the incident: `<run>.<n>`. People type it. */
  id: string;
  step: string;
  act: string;
  /** Exactly what will run. */
  command: string;
  host: string;
  risk: Risk;
  undo: string;
  evidence: string;
  /** ms since the epoch; null waits without end. */
  expiresAt: number | null;
  /** By the incident: two people have to approve. */
  needsTwoPeople?: true;
  /** By the incident: who asked for the run that asks. */
  requestedBy?: string;
}

/** `changed`: an undo, registered before its act. */
export interface Changed extends FromRun {
  undo: Undo;
}

/** How a run ended; `mitigated` is unrecovered with the worst over, so that the ladder is held. */
export type RunEnd = 'recovered' | 'mitigated' | 'unrecovered' | 'relapsed' | 'failed' | 'observed' | 'stopped';

/** `ended`: the contract of a run, not its result. */
export interface Ended extends FromRun {
  end: RunEnd;
  reason: string;
  /** True if a resolve act was tried, asked for or refused: an unrecovered end then escalates at once. */
  triedToResolve: boolean;
  steps: StepReport[];
  found: string[];
  done: string[];
  /** What is left for a person, in the report. */
  followUps: string[];
  /** Acts that happen once an incident and have happened. */
  usedUp: string[];
}

/** `decision`: a person's or the clock's answer to an ask; `undone` answers 'proven' where automatic undos had to run first. */
export interface Decision {
  v: 1;
  ask: string;
  answer: 'approved' | 'declined' | 'expired' | 'undone';
  by: Actor;
  /** Who approved before, where two people had to. */
  first?: Actor;
  /** True while nobody has acknowledged or declined in this incident: the one case in which an expired disruptive act may go on. */
  nobodyThere: boolean;
}

/** `stop`: end the run now, without another act. */
export interface Stop {
  v: 1;
  by: Actor;
  reason: string;
}

/** `automatic` acts by the rules; `observe-only` changes nothing; `dry-run` shows what it would do and pages only level 1. */
export const modes = ['automatic', 'observe-only', 'dry-run'] as const;
export type Mode = (typeof modes)[number];

/** What the config lets the automation do, most specific first: `<runbook>/<step>`, `<runbook>`, a risk. */
export type Automation = Record<string, 'as specified' | 'ask' | 'never'>;

/** The argument of every runbook workflow. */
export interface RunInput {
  v: 1;
  incident: { id: string; workflowId: string; runbook: string; severity: Severity; openedAt: number };
  run: number;
  /** A check-only run proves and watches, and does nothing else. */
  kind: 'full' | 'check';
  place: Place;
  alert: Alert;
  times: Times;
  automation: Automation;
  /** Undos of the automatic kind that earlier runs left registered: the watch waits until they have run. */
  automaticUndos: number;
  /** Acts that may happen once an incident and have happened. */
  usedUp: string[];
  /** Title of the incident that explains this one: what disturbs is held. */
  attachedTo?: string;
  /** For incidents that this run opens: see IncidentStart. */
  publicKeys: string[];
}

/** The argument of `incident`. Made by the server when it accepts the alert; also sent with every join, unused then. */
export interface IncidentStart {
  v: 1;
  /** UUIDv7, made on accepting the alert. */
  id: string;
  alert: Alert;
  severity: Severity;
  place: Place;
  ladder: Ladder;
  times: Times;
  automation: Automation;
  /** Who may what; everybody everything if absent. */
  permissions?: Permissions;
  /** Hex of the Ed25519 keys that sign people's actions: docs/security.md. */
  publicKeys: string[];
  /** Where people find this incident. */
  links: { console: string; temporal: string };
  /** Title and prevention of the runbook, for pages and report. */
  runbook: { title: string; prevention: string[] };
  /** The server has paged level 1 of this incident already. */
  paged?: OwnPage;
  /** So long, ms, run 1 waits for the first page once that was asked for. Absent in an incident of an earlier version: 5 s from the alert. */
  runWaits?: number;
  /** Continue as new beyond this many events, even before the server suggests it. */
  historyAtMost?: number;
}
