import type { Place } from '../domain/place.js';
import type { Runbook } from '../domain/runbook.js';
import type { Approval, CrashRule, Risk } from '../domain/step.js';
import type { Act, DiagnoseStep, Procedure, ResolveStep } from '../workflows/step.js';

/** An act in plain JSON. Commands and resources name a placeholder such as `<host>` where a run has the real one. */
export interface PlainAct {
  name: string;
  command: string;
  risk: Risk;
  approval: Approval;
  condition?: string;
  /** Unanswered it goes ahead if nobody is there and our own probe finds the component down. */
  goesAheadIfDown: boolean;
  ifWorkerDies: CrashRule;
  undo?: string;
  touches: string[];
  /** By itself at most once in the budget's window. */
  budget?: string;
  onceAnIncident: boolean;
  offeredLast: boolean;
  settle: Act['settle'];
  timeout: { minutes: number; because: string };
}

export interface PlainDiagnoseStep {
  title: string;
  command: string;
  risk: Risk;
  timeout: { minutes: number; because: string };
}

export interface PlainResolveStep {
  title: string;
  acts: PlainAct[];
  /** What is left to a person. */
  byHand?: string;
}

/** A runbook with its steps in plain JSON: what GET /api/runbooks answers and what docs/runbooks.md is made from. */
export interface PlainRunbook extends Runbook {
  diagnose: PlainDiagnoseStep[];
  resolve: PlainResolveStep[];
  /** What proves recovery; absent where that is a person's judgement. */
  recovered?: string;
}

/** The runbook as data without functions. Pure: the same procedure gives the same JSON. */
export function plainRunbook(procedure: Procedure): PlainRunbook {
  const { type, title, severity, target, triggers, impact, prevention, ladder, diagnose, resolve, recovered } = procedure;
  const place = placeholder(target);
  return {
    ...{ type, title, severity, target, triggers, impact, prevention, ladder },
    diagnose: diagnose.map((step) => plainDiagnoseStep(step, place)),
    resolve: resolve.map((step) => plainResolveStep(step, { place, severity })),
    ...(recovered && { recovered: recovered.says }),
  };
}

/** What `automation` of the config may name: every runbook with the titles of its resolution steps, the ones policy decides about. */
export function automationNames(procedures: readonly Procedure[]): { type: string; steps: string[] }[] {
  return procedures.map(({ type, resolve }) => ({ type, steps: resolve.map(({ title }) => title) }));
}

interface Around {
  place: Place;
  severity: Runbook['severity'];
}

function plainDiagnoseStep({ title, command, risk, timeout }: DiagnoseStep, place: Place): PlainDiagnoseStep {
  return { title, command: command(place), risk, timeout };
}

function plainResolveStep({ title, acts, byHand }: ResolveStep, around: Around): PlainResolveStep {
  return { title, acts: acts.map((act) => plainAct(act, around)), ...(byHand !== undefined && { byHand }) };
}

function plainAct(act: Act, { place, severity }: Around): PlainAct {
  const { name, risk, approval, ifWorkerDies, settle, timeout } = act;
  return {
    ...{ name, command: act.command(place), risk, approval },
    ...(act.when && { condition: act.when.says }),
    // As src/workflows/asking.ts decides it.
    goesAheadIfDown: risk === 'disruptive' && approval === 'ask' && severity === 'Critical' && act.isDown !== undefined,
    ifWorkerDies,
    ...(act.undo && { undo: act.undo.says }),
    touches: act.touches(place),
    ...(act.budget && { budget: act.budget(place) }),
    onceAnIncident: act.onceAnIncident ?? false,
    offeredLast: act.offeredLast ?? false,
    ...{ settle, timeout },
  };
}

/** A place of no inventory. Two hosts, so that a command that goes to each of them says so. */
function placeholder(target: Runbook['target']): Place {
  const things: Record<Runbook['target'], string> = {
    environment: '<environment>',
    database: '<environment>:<database>',
    'webhook id': '<environment>:<webhook>',
    'cache store': '<environment>:<store>',
    'host and mount': '<host>:<mount>',
    queue: '<environment>:<queue>',
    domain: '<environment>:<domain>',
  };
  return {
    name: things[target],
    environment: '<environment>',
    host: '<host>',
    hosts: ['<host>', '<other hosts>'],
    mount: '<mount>',
    database: '<database>',
    webhook: '<webhook>',
    queue: '<queue>',
    store: '<store>',
    domain: '<domain>',
  };
}
