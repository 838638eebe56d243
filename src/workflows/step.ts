import type { Alert } from '../domain/alert.js';
import type { Mode } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { Runbook } from '../domain/runbook.js';
import type { ActResult, Approval, CrashRule, Finding, Risk, SampleWindow, Verdict } from '../domain/step.js';
import type { Times } from '../domain/times.js';
import type { Undo } from '../domain/undo.js';
import type { RunbookActivities } from './activity-types.js';

/** What every step is told. `facts` is for what one step finds and a later one needs. */
export interface Scene {
  place: Place;
  alert: Alert;
  /** What the run may do; the kill switch may turn it while the run goes on. */
  mode: Mode;
  times: Times;
  incidentId: string;
  run: number;
  /** For incidents that a step opens. */
  publicKeys: string[];
  facts: Record<string, unknown>;
  /** End of the last act that changed something, or the start of the run; ms since the epoch. */
  lastActAt: number;
}

/** The activities, as one act may call them: with its own timeout, retries, host and name in the UI. */
export type On = RunbookActivities;

/** What must hold before an act: `says` is for people and the catalogue, `holds` measures it. */
export interface Condition {
  says: string;
  /** Absent where the act itself looks, right before it acts, and answers 'refused'. */
  holds?: (on: On, scene: Scene) => Promise<{ holds: boolean; why: string }>;
  /** The act measures it again itself, right before it acts: no second look is needed after an approval. */
  actLooksToo?: boolean;
}

/** One thing a step does, with everything that is decided about it beforehand (RUNBOOK-SPEC, "Words"). */
export interface Act {
  /** Names it in the UI, pages and report. */
  name: string;
  risk: Risk;
  approval: Approval;
  /** What will run, for the approval, the dry run and the catalogue. */
  command: (place: Place) => string;
  when?: Condition;
  touches: (place: Place) => string[];
  ifWorkerDies: CrashRule;
  /** For crash rule 'check': what is there now? `done` if the effect is in place, undefined if it is not. Without it the condition is looked at. */
  look?: (on: On, scene: Scene) => Promise<ActResult | undefined>;
  /** For a disruptive act whose approval expired in a Critical incident: true only if our own probe finds the component down. */
  isDown?: (on: On, scene: Scene) => Promise<boolean>;
  /** Several entries where several hosts change: each is taken back on its own. */
  undo?: { says: string; entry: (on: On, scene: Scene) => Promise<Omit<Undo, 'id'> | Omit<Undo, 'id'>[] | undefined> };
  /** An act of this budget happens by itself at most once in `times.budgetWindow`, over all incidents. */
  budget?: (place: Place) => string;
  /** At most once in an incident. */
  onceAnIncident?: boolean;
  settle: 'none' | 'short' | 'restart';
  /** Asked only after every other step. */
  offeredLast?: boolean;
  timeout: { minutes: number; because: string };
  /** `onHost` is the same for another host of the environment: hosts are taken one after another. */
  do: (on: On, scene: Scene, onHost: (host: string) => On) => Promise<ActResult>;
}

/** A step under its title in RUNBOOKS.md. */
export interface ResolveStep {
  phase: 'resolve';
  title: string;
  acts: Act[];
  /** Where the text leaves the work to a person: what the report asks of them. */
  byHand?: string;
}

/** A diagnostic step: reads only. */
export interface DiagnoseStep {
  phase: 'diagnose';
  title: string;
  risk: Risk;
  command: (place: Place) => string;
  timeout: { minutes: number; because: string };
  find: (on: On, scene: Scene) => Promise<Finding>;
}

/** The proof of recovery: `check` samples it over the window and must be able to fail. */
export interface Proof {
  says: string;
  check: (on: On, scene: Scene, window: SampleWindow) => Promise<Verdict>;
}

/** A runbook with its steps in the order of RUNBOOKS.md: the workflow, the catalogue, the dry run and docs/runbooks.md share these lines. */
export interface Procedure extends Runbook {
  diagnose: DiagnoseStep[];
  resolve: ResolveStep[];
  /** Absent only where recovery is a person's judgement. */
  recovered?: Proof;
}

type ActDraft = Pick<Act, 'name' | 'risk' | 'command' | 'touches' | 'timeout' | 'do'> & Partial<Act>;

/** An act with what RUNBOOK-SPEC makes the rule for its risk filled in: approval, crash rule and settle time. */
export function act(draft: ActDraft): Act {
  const changes = draft.risk !== 'observe';
  const crash: Record<Risk, CrashRule> = { observe: 'repeat', safe: 'repeat', disruptive: 'check', destructive: 'ask' };
  return {
    approval: draft.risk === 'disruptive' || draft.risk === 'destructive' ? 'ask' : 'not needed',
    ifWorkerDies: crash[draft.risk],
    settle: changes ? 'short' : 'none',
    ...draft,
  };
}

/** A resolution step of one act under its own title, or of several. */
export function step(draft: { title: string; acts: Act[]; byHand?: string } | (Omit<ActDraft, 'name'> & { title: string })): ResolveStep {
  if ('acts' in draft) return { phase: 'resolve', ...draft };
  const { title, ...single } = draft;
  return { phase: 'resolve', title, acts: [act({ ...single, name: title })] };
}

/** A diagnostic step. Observe, unless it says otherwise. */
export function diagnostic(draft: Omit<DiagnoseStep, 'phase' | 'risk'> & { risk?: Risk }): DiagnoseStep {
  return { phase: 'diagnose', risk: 'observe', ...draft };
}
