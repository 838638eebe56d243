import type { Changed } from '../domain/messages.js';
import type { ActReport, ActResult, StepOutcome, Verdict, WouldHave } from '../domain/step.js';
import { askPerson, type Gathering } from './asking.js';
import { acting, callFailure, longest, reading } from './calling.js';
import { clear } from './clearance.js';
import { type Conduct, control, head, keepPromise, record, tell, tellFound } from './conduct.js';
import { skipped } from './words.js';
import { runId } from './names.js';
import type { Act, On, Proof } from './step.js';

/** What an act meets in its run. */
export interface Setting {
  /** Title of its step. */
  title: string;
  proof: Proof;
  /** An offer of a mitigated incident: its question is asked together with the others', and waits without end. */
  offers?: Gathering;
  /** True once the run is proven: only observing acts still run then. */
  recovered: () => boolean;
  /** Offers that stand side by side still act one after the other. */
  alone: <T>(doing: () => Promise<T>) => Promise<T>;
}

/**
 * Takes one act through all that stands before it (stop, already recovered, policy, condition, mode, approval, locks and
 * budget, a second look after a wait, its undo) and then does it under its crash rule. What the system answers is an
 * outcome and never an exception.
 */
export async function perform(conduct: Conduct, act: Act, setting: Setting): Promise<ActReport> {
  const report: ActReport = {
    act: act.name,
    risk: act.risk,
    outcome: { kind: 'unknown', because: 'it is still going on' },
    startedAt: Date.now(),
    endedAt: 0,
  };
  record(conduct, setting.title, 'resolve', report);
  report.outcome = await met(conduct, act, setting, report);
  await setting.offers?.settled(act.name);
  report.endedAt = Date.now();
  record(conduct, setting.title, 'resolve');
  return report;
}

async function met(conduct: Conduct, act: Act, setting: Setting, report: ActReport): Promise<StepOutcome> {
  if (conduct.stop) return skipped('stopped', conduct.stop.reason);
  if (act.risk === 'observe') return once(conduct, act, report);
  if (setting.recovered()) return skipped('already recovered');

  const policy = policyFor(conduct, act, setting.title);
  const would: WouldHave = { command: act.command(conduct.scene.place), approval: policy === 'ask' ? 'after approval' : 'at once' };
  const wouldDo = `${would.command} (${act.risk}, ${would.approval})`;
  if (policy === 'never') return skipped('mode', `the config forbids ${wouldDo}`);
  if (act.onceAnIncident && conduct.usedUp.includes(act.name)) return skipped('limit', 'it happens once an incident');
  const { attachedTo } = conduct.input;
  if (attachedTo && act.risk !== 'safe') return skipped('held', `attached to ${attachedTo}`);
  const look = await condition(conduct, act);
  if (!look.holds) return skipped('condition does not hold', look.why);
  if (conduct.scene.mode !== 'automatic') {
    report.would = would;
    return skipped('mode', `${conduct.scene.mode}: would run ${wouldDo}`);
  }

  conduct.triedToResolve = true;
  if (policy === 'ask') {
    const refusal = await askPerson(conduct, act, setting, look.why, report);
    if (refusal) return refusal;
  }
  const first = await setting.alone(() => underLocks(conduct, act, setting, report, policy === 'ask'));
  if (!first.died || act.ifWorkerDies !== 'ask' || conduct.stop) return first.outcome;

  // Asked with the locks given back: a person may take their time, and the world moves on meanwhile.
  const evidence = `${because(first.outcome)}: it is not known whether this was done. Approve to do it again, decline to leave it.`;
  const refusal = await askPerson(conduct, act, setting, evidence, report);
  if (refusal) return first.outcome;
  return (await setting.alone(() => underLocks(conduct, act, setting, report, true, first.holder))).outcome;
}

interface Attempt {
  outcome: StepOutcome;
  /** True if the worker died in the middle, so that nobody knows what was done. */
  died: boolean;
  holder: string;
}

/** From taking the act's locks to giving them back, once its effect has been read. */
async function underLocks(conduct: Conduct, act: Act, setting: Setting, report: ActReport, asked: boolean, again?: string): Promise<Attempt> {
  const { scene, input } = conduct;
  if (!again) conduct.acts += 1;
  // The same holder for a second attempt: its budget has been counted.
  const holder = again ?? `${runId(input.incident.id, input.run)}/${conduct.acts}`;
  const ended = (outcome: StepOutcome, died = false): Attempt => ({ outcome, died, holder });
  // An answer that expired is no approval: what goes ahead then goes ahead by itself.
  const approved = report.approvedBy !== undefined;
  try {
    const cleared = await clear(conduct, act, holder, approved);
    if (cleared.refusal) return ended(cleared.refusal);
    const clearedAt = Date.now();
    if (asked || cleared.waited) {
      const changedMind = await secondLook(conduct, act, setting);
      if (changedMind) return ended(changedMind);
    }
    await registerUndo(conduct, act, report);
    // Slow looks have eaten into the lease: it begins anew, or somebody else has the locks by now.
    if (Date.now() > clearedAt + 30_000) {
      const renewed = await clear(conduct, act, holder, approved);
      if (renewed.refusal) return ended(renewed.refusal);
    }
    if (conduct.stop) return ended(skipped('stopped', conduct.stop.reason));
    if (act.onceAnIncident) conduct.usedUp.push(act.name);
    const beganAt = Date.now();
    const first = await once(conduct, act, report);
    scene.lastActAt = Date.now();
    if (first.kind !== 'unknown') return ended(first);
    // A death shows only by a silence: what the act did lies before the end of that, but not before the act began.
    scene.lastActAt = beganAt;
    const outcome = act.ifWorkerDies === 'check' ? await lookAfterDeath(conduct, act, report, first) : first;
    scene.lastActAt = Date.now();
    return ended(outcome, outcome.kind === 'unknown');
  } finally {
    await control.giveLocks({ environment: scene.place.environment, holder });
  }
}

/** The world may have moved on while a person thought: the condition and the recovery are looked at again. */
async function secondLook(conduct: Conduct, act: Act, setting: Setting): Promise<StepOutcome | undefined> {
  if (conduct.stop) return skipped('stopped', conduct.stop.reason);
  const looked = act.when?.actLooksToo ? { holds: true, why: '' } : condition(conduct, act);
  const [look, now] = await Promise.all([looked, proofNow(conduct, setting.proof)]);
  if (now.kind === 'recovered') return skipped('already recovered', now.evidence);
  return look.holds ? undefined : skipped('condition does not hold', look.why);
}

/** One call of the act. `unknown` if the worker died with it. */
async function once(conduct: Conduct, act: Act, report: ActReport): Promise<StepOutcome> {
  const { scene } = conduct;
  const onHost = (host: string): On => acting(host, act);
  await keepPromise(conduct, longest(act));
  try {
    const result = await act.do(onHost(scene.place.host), scene, onHost);
    if (result.pageEarly) await tellFound(conduct, 'resolving', 30 * 60_000, { why: result.pageEarly });
    return outcome(result, report);
  } catch (error) {
    const failure = callFailure(error);
    return failure.kind === 'died' ? { kind: 'unknown', because: failure.message } : { kind: 'failed', message: failure.message };
  }
}

/** Crash rule 'check': looks first, and does it again at most once. Without a look, nobody knows. */
async function lookAfterDeath(conduct: Conduct, act: Act, report: ActReport, death: StepOutcome): Promise<StepOutcome> {
  const { look } = act;
  if (!look) return lookAtCondition(conduct, act, report, death);
  const there = await readOrUndefined(() => look(reading(conduct.scene.place.host, `Look: ${act.name}`, 2), conduct.scene));
  if (there.value) return outcome(there.value, report);
  return there.answered && !conduct.stop ? once(conduct, act, report) : death;
}

/** Where nothing shows the effect itself, the condition tells: while it holds, the act is still needed, and is done again once. */
async function lookAtCondition(conduct: Conduct, act: Act, report: ActReport, death: StepOutcome): Promise<StepOutcome> {
  if (!act.when?.holds || conduct.stop) return death;
  const { holds, why } = await condition(conduct, act);
  return holds ? once(conduct, act, report) : { kind: 'unknown', because: `${because(death)}; it is not needed any more: ${why}` };
}

function because(outcome: StepOutcome): string {
  return outcome.kind === 'unknown' ? outcome.because : '';
}

async function readOrUndefined<T>(doing: () => Promise<T>): Promise<{ answered: boolean; value?: T }> {
  try {
    return { answered: true, value: await doing() };
  } catch (error) {
    callFailure(error); // throws on what is a bug
    return { answered: false };
  }
}

function outcome(result: ActResult, report: ActReport): StepOutcome {
  if (result.file) report.file = result.file;
  switch (result.outcome) {
    case 'done':
      return { kind: 'done', evidence: result.evidence };
    case 'failed':
      return { kind: 'failed', message: result.evidence };
    case 'refused':
      return skipped('condition does not hold', result.evidence);
  }
}

/** Measures the act's condition. One that can't be measured does not hold. */
async function condition(conduct: Conduct, act: Act): Promise<{ holds: boolean; why: string }> {
  const { when } = act;
  if (!when?.holds) return { holds: true, why: when?.says ?? '' };
  await keepPromise(conduct, 6 * 60_000);
  try {
    return await when.holds(reading(conduct.scene.place.host, `Condition: ${act.name}`, 2), conduct.scene);
  } catch (error) {
    return { holds: false, why: `it could not be measured: ${callFailure(error).message}` };
  }
}

/** One sample of the proof, right now. */
export async function proofNow(conduct: Conduct, proof: Proof): Promise<Verdict> {
  const { scene } = conduct;
  try {
    const window = { samples: 1, every: 0, notBefore: 0, since: scene.lastActAt };
    return await proof.check(reading(scene.place.host, 'Recovered by now?', 2), scene, window);
  } catch (error) {
    return { kind: 'unknown', evidence: callFailure(error).message };
  }
}

/** The incident knows how to take the act back before the act happens, whatever becomes of this run. */
async function registerUndo(conduct: Conduct, act: Act, report: ActReport): Promise<void> {
  if (!act.undo || report.undo) return; // a second attempt would register what the first one wrote
  const { scene, input } = conduct;
  const entry = await act.undo.entry(reading(scene.place.host, `Before: ${act.name}`, 2), scene);
  if (!entry) return;
  const entries = Array.isArray(entry) ? entry : [entry];
  for (const [index, one] of entries.entries()) {
    if (one.kind === 'automatic') conduct.automaticUndos += 1;
    const id = `${input.run}.${conduct.acts}${index === 0 ? '' : `.${index + 1}`}`;
    const content: Changed = { ...head(conduct, Math.max(conduct.quietUntil - Date.now(), act.timeout.minutes * 6 * 60_000)), undo: { ...one, id } };
    await tell(conduct, 'changed', content);
  }
  report.undo = entries.map(({ title }) => title).join('; ');
}

/** What the config makes of the act: most specific first, and never less careful than RUNBOOK-SPEC. */
function policyFor(conduct: Conduct, act: Act, title: string): 'at once' | 'ask' | 'never' {
  const { automation, incident } = conduct.input;
  const configured = automation[`${incident.runbook}/${title}`] ?? automation[incident.runbook] ?? automation[act.risk] ?? 'as specified';
  if (configured === 'never') return 'never';
  return configured === 'ask' || act.approval === 'ask' ? 'ask' : 'at once';
}
