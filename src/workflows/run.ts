import { CancellationScope, condition as until, isCancellation } from '@temporalio/workflow';
import type { Ended, Mode, RunEnd, RunInput } from '../domain/messages.js';
import type { ActReport, StepOutcome, StepReport, Verdict } from '../domain/step.js';
import { perform, type Setting } from './act.js';
import { gather, type Gathering } from './asking.js';
import { callFailure, reading, waiting } from './calling.js';
import { type Conduct, control, doneLines, head, keepPromise, openConduct, record, tell, tellFound, unlessStopped } from './conduct.js';
import type { Act, DiagnoseStep, Proof, ResolveStep } from './step.js';
import { firstLine, skipped } from './words.js';

/** A run of a runbook: the verbs that all runbooks are written in. */
export interface Run {
  readonly conduct: Conduct;
  /** Runs diagnostic steps side by side and keeps what they found. One that fails is an outcome and stops nothing. */
  diagnose(...steps: DiagnoseStep[]): Promise<void>;
  /** Proves, then takes the steps in order with a check after each that changed something, and stops at proof. */
  resolveUntil(recovered: Proof, steps: ResolveStep[]): Promise<void>;
  /** Undo, watch and the last word. A runbook's last line. */
  end(): Promise<void>;
}

const day = 24 * 60 * 60_000;

/** Begins a run. The steps are data (step.ts); a check-only run proves and watches and does nothing else. */
export function openRun(input: RunInput): Run {
  const conduct = openConduct(input);
  let recovered: Proof | undefined;
  let verdict: Verdict = { kind: 'unknown', evidence: 'not looked at' };
  let modeIsKnown = false;

  async function learnMode(): Promise<void> {
    if (modeIsKnown) return;
    modeIsKnown = true;
    const mode: Mode = await control.readMode({ runbook: input.incident.runbook });
    conduct.scene.mode = mode === 'automatic' && !input.alert.targetIsClear ? 'observe-only' : mode;
  }

  return {
    conduct,

    async diagnose(...steps) {
      await learnMode();
      if (input.kind === 'check') return;
      await unlessStopped(conduct, () => Promise.all(steps.map((step) => find(conduct, step))));
      for (const step of steps) {
        const outcome = conduct.steps.find((s) => s.title === step.title)?.acts[0]?.outcome;
        if (outcome) conduct.found.push(`${step.title}: ${outcome.kind === 'done' ? firstLine(outcome.evidence) : outcome.kind === 'failed' ? `failed: ${firstLine(outcome.message)}` : outcome.kind}`);
      }
      await tellFound(conduct, 'diagnosed', 40 * 60_000);
    },

    async resolveUntil(proof, steps) {
      await learnMode();
      if (!input.alert.targetIsClear) return; // what it is about is a guess: nothing is proven, and nothing done, on a guess
      recovered = proof;
      verdict = (await prove(conduct, proof, Date.now())) ?? verdict;
      if (input.kind === 'check') return;
      verdict = await resolve(conduct, proof, steps, verdict);
    },

    async end() {
      if (verdict.kind === 'recovered' && recovered && !conduct.stop) {
        const end = await undoAndWatch(conduct, recovered);
        if (end) return lastWord(conduct, end.end, end.reason);
      }
      if (conduct.stop) return lastWord(conduct, 'stopped', conduct.stop.reason);
      if (verdict.mitigated) return lastWord(conduct, 'mitigated', verdict.evidence);
      const nothingToTry = input.kind === 'full' && !conduct.triedToResolve && (conduct.scene.mode !== 'automatic' || !recovered);
      return lastWord(conduct, nothingToTry ? 'observed' : 'unrecovered', verdict.evidence);
    },
  };
}

async function find(conduct: Conduct, step: DiagnoseStep): Promise<void> {
  const startedAt = Date.now();
  record(conduct, step.title, 'diagnose');
  const put = (outcome: StepOutcome, more: Pick<ActReport, 'file' | 'would'> = {}): void => {
    const ended = { act: step.title, risk: step.risk, outcome, startedAt, endedAt: Date.now(), ...more };
    record(conduct, step.title, 'diagnose', ended);
  };
  // Looking goes on whatever the mode; what sends or writes does not.
  if (step.risk !== 'observe' && conduct.scene.mode !== 'automatic') {
    const command = step.command(conduct.scene.place);
    return put(skipped('mode', `${conduct.scene.mode}: would run ${command} (${step.risk})`), { would: { command, approval: 'at once' } });
  }
  try {
    const finding = await step.find(reading(conduct.scene.place.host, step.title, step.timeout.minutes), conduct.scene);
    conduct.scene.facts[step.title] = finding.data;
    put({ kind: 'done', evidence: finding.evidence }, finding.file ? { file: finding.file } : {});
  } catch (error) {
    put({ kind: 'failed', message: callFailure(error).message });
  }
}

/** The full proof: all samples, not before things have settled. Undefined if a stop came. */
async function prove(conduct: Conduct, proof: Proof, notBefore: number): Promise<Verdict | undefined> {
  const { scene } = conduct;
  const window = { samples: scene.times.samples, every: scene.times.sampleEvery, notBefore, since: scene.lastActAt };
  const within = Math.max(0, notBefore - Date.now()) + window.samples * window.every + 10 * 60_000;
  await keepPromise(conduct, within);
  return unlessStopped(conduct, () => judge(() => proof.check(waiting(scene.place.host, 'Recovered?', within), scene, window)));
}

async function judge(sample: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await sample();
  } catch (error) {
    return { kind: 'unknown', evidence: `not proven: ${callFailure(error).message}` };
  }
}

/**
 * The steps in their order. Acts that need no answer act at once; in a mitigated incident those that need one are offered
 * together at the end, without expiry, and so are the acts that RUNBOOK-SPEC offers last.
 */
async function resolve(conduct: Conduct, proof: Proof, steps: ResolveStep[], before: Verdict): Promise<Verdict> {
  let verdict = before;
  let turn: Promise<unknown> = Promise.resolve();
  const setting = (title: string, offers?: Gathering): Setting => ({
    title,
    proof,
    ...(offers ? { offers } : {}),
    recovered: () => verdict.kind === 'recovered',
    alone: (doing) => {
      const mine = turn.then(doing);
      turn = mine.catch(() => undefined);
      return mine;
    },
  });
  const checkAfter = async (step: ResolveStep, acts: Act[]): Promise<void> => {
    const settle = acts.some((a) => a.settle === 'restart') ? conduct.scene.times.settleRestart : conduct.scene.times.settle;
    verdict = (await prove(conduct, proof, conduct.scene.lastActAt + settle)) ?? verdict;
    record(conduct, step.title, 'resolve').check = `${verdict.kind}. ${firstLine(verdict.evidence)}`;
  };
  const take = async (step: ResolveStep, acts: Act[], offers?: Gathering): Promise<void> => {
    const changed: Act[] = [];
    for (const act of acts) {
      const { outcome } = await perform(conduct, act, setting(step.title, offers));
      if (act.risk !== 'observe' && outcome.kind !== 'skipped') changed.push(act);
    }
    if (changed.length > 0 && !conduct.stop) await checkAfter(step, changed);
  };

  const later: { step: ResolveStep; act: Act }[] = [];
  for (const step of steps) {
    if (step.byHand) conduct.followUps.push(`${step.title}: ${step.byHand}`);
    record(conduct, step.title, 'resolve');
    const offers = step.acts.filter((act) => act.offeredLast || (verdict.mitigated && act.approval === 'ask'));
    later.push(...offers.map((act) => ({ step, act })));
    await take(step, step.acts.filter((act) => !offers.includes(act)));
  }
  const still = (): boolean => verdict.kind !== 'recovered' && !conduct.stop;
  if (!verdict.mitigated || !still()) {
    for (const { step, act } of later) await take(step, [act]);
    return verdict;
  }
  if (later.length === 0) return verdict;
  const looking = new CancellationScope();
  const looked = looking.run(() => whileMitigated(conduct, proof)).then(
    async (seen) => {
      verdict = seen;
      if (!seen.mitigated && seen.kind !== 'recovered') await tellFound(conduct, 'no longer mitigated', conduct.scene.times.approvalExpires + 30 * 60_000);
    },
    (error: unknown) => {
      if (!isCancellation(error)) throw error;
    },
  );
  const offers = gather(conduct, later.map(({ act }) => act.name));
  await Promise.all(later.map(({ step, act }) => take(step, [act], offers)));
  looking.cancel();
  await looked;
  return verdict;
}

/** Looks now and then for as long as the incident is merely mitigated: a person may cure it by hand, or it gets worse. */
async function whileMitigated(conduct: Conduct, proof: Proof): Promise<Verdict> {
  const { scene } = conduct;
  const { samples, sampleEvery, checkEvery } = scene.times;
  const every = Math.max(sampleEvery, checkEvery);
  for (;;) {
    const lookUntil = Date.now() + day;
    const window = { samples, every, notBefore: Date.now() + checkEvery, since: scene.lastActAt, whileMitigated: true };
    const seen = await judge(() => proof.check(waiting(scene.place.host, 'Still mitigated?', day), scene, window));
    // At the end of the day it is the activity whose time is over, and not the probe that found nothing.
    if (seen.kind !== 'unknown' || Date.now() < lookUntil - 2 * every) return seen;
    await keepPromise(conduct, 2 * day);
  }
}

/** After proof: automatic undos, then the watch, so that the watch proves the system without what was temporary. */
async function undoAndWatch(conduct: Conduct, proof: Proof): Promise<{ end: RunEnd; reason: string } | undefined> {
  const { scene } = conduct;
  const { watch, watchEvery } = scene.times;
  await tellFound(conduct, 'proven', watch + conduct.automaticUndos * 20 * 60_000 + 10 * 60_000);
  if (conduct.automaticUndos > 0) {
    await until(() => conduct.decisions.has('undone') || conduct.stop !== undefined);
    await tellFound(conduct, 'watching', watch + 10 * 60_000);
  }
  const window = { samples: Math.max(1, Math.ceil(watch / watchEvery)), every: watchEvery, notBefore: Date.now() + watchEvery, since: scene.lastActAt };
  const seen = await unlessStopped(conduct, () =>
    judge(() => proof.check(waiting(scene.place.host, 'Watch', watch + 10 * 60_000), scene, window)),
  );
  if (!seen) return undefined;
  return seen.kind === 'recovered' ? { end: 'recovered', reason: seen.evidence } : { end: 'relapsed', reason: seen.evidence };
}

async function lastWord(conduct: Conduct, end: RunEnd, reason: string): Promise<void> {
  const content: Ended = {
    ...head(conduct, 0),
    end,
    reason,
    triedToResolve: conduct.triedToResolve,
    steps: conduct.steps.map(short),
    found: conduct.found,
    done: doneLines(conduct.steps),
    followUps: conduct.followUps,
    usedUp: conduct.usedUp,
  };
  await tell(conduct, 'ended', content);
}

/** A step's report as the incident keeps it: evidence of a few lines; the whole is in the act's file. */
function short(step: StepReport): StepReport {
  return { ...step, acts: step.acts.map((act) => ({ ...act, outcome: shortOutcome(act.outcome) })) };
}

function shortOutcome(outcome: StepOutcome): StepOutcome {
  if (outcome.kind !== 'done' || outcome.evidence.length <= 800) return outcome;
  return { kind: 'done', evidence: `${outcome.evidence.slice(0, 799)}…` };
}
