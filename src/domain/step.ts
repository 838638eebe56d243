/**
 * What an act may do to the system: `observe` reads; `safe` nobody notices and may repeat; `disruptive` is a short
 * interruption that heals or can be undone; `destructive` loses data, locks people out, costs money or can't be undone.
 */
export const risks = ['observe', 'safe', 'disruptive', 'destructive'] as const;
export type Risk = (typeof risks)[number];

/** What happens when the worker dies in the middle of an act: do it again, look first, or leave it to a person. */
export type CrashRule = 'repeat' | 'check' | 'ask';

/** Observe and safe acts need none; `at once` is for the few that RUNBOOK-SPEC says must not wait. */
export type Approval = 'not needed' | 'ask' | 'at once';

export type SkipReason =
  | 'condition does not hold'
  | 'already recovered'
  | 'declined'
  | 'expired'
  | 'mode'
  | 'limit'
  | 'locked'
  | 'held'
  | 'stopped';

/** How a step or act ended. A failed one keeps the command's own words; `because` says what could not be known. */
export type StepOutcome =
  | { kind: 'done'; evidence: string }
  | { kind: 'skipped'; reason: SkipReason; detail: string }
  | { kind: 'failed'; message: string }
  | { kind: 'unknown'; because: string };

/** What an act left behind: how it ended, in words, and where the whole output is. */
export interface ActReport {
  act: string;
  risk: Risk;
  outcome: StepOutcome;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  /** The person who approved, if one was asked. */
  approvedBy?: string;
  /** Name of the file with the whole output, if it was longer than what is kept here. */
  file?: string;
  /** The undo registered before the act. */
  undo?: string;
  /** What the mode alone kept from being done: all that stands before the mode allowed it. */
  would?: WouldHave;
}

/** What would have run but for the mode, and whether a person would have been asked first. */
export interface WouldHave {
  command: string;
  approval: 'at once' | 'after approval';
}

export interface StepReport {
  title: string;
  phase: 'diagnose' | 'resolve';
  acts: ActReport[];
  /** What the proof said after this step, for resolve steps that changed something. */
  check?: string;
}

/**
 * What an activity that acts gives back: `failed` is the system's own answer (exit 1, no such command), a value and not an
 * exception; `refused` means that its condition, looked at right before the act, does not hold, and nothing was done. `evidence` is at most 2 KB, scrubbed of secrets; `file` names the whole output on the worker's record folder.
 */
export interface ActResult {
  outcome: 'done' | 'failed' | 'refused';
  evidence: string;
  file?: string;
  /** Why the next level is to be paged before its time: RUNBOOK-SPEC's "when it happens". */
  pageEarly?: string;
}

/** What a diagnostic found: a sentence or a short table for people, and the figures for conditions. */
export interface Finding<Data = unknown> {
  evidence: string;
  data: Data;
  file?: string;
}

/** What a probe says. `unknown` (no answer, a figure that can't be judged) is never counted as recovered. */
export interface Verdict {
  kind: 'recovered' | 'not recovered' | 'unknown';
  evidence: string;
  /** With 'not recovered': the worst is over, as "Life of an incident" 6 defines it for this runbook. */
  mitigated?: boolean;
}

/** When a proof counts: samples in a row, how far apart, and not before things have settled. Times in ms, `notBefore` since the epoch. */
export interface SampleWindow {
  samples: number;
  every: number;
  notBefore: number;
  /** Evidence must be newer than this: the end of the last act, ms since the epoch. */
  since: number;
  /** Look on for as long as it is not recovered but mitigated; any other verdict ends it. */
  whileMitigated?: boolean;
}
