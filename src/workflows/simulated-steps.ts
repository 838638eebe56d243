import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { runbooks } from '../catalogue.js';
import type { SimulatedHost } from '../simulate/host.js';
import type { Act, DiagnoseStep, On, Procedure, Proof } from './step.js';

/**
 * In the bundle of a simulation alone: what steps ask of a host goes to `SimulatedHost`, which answers from the step's own data.
 * All around the steps is the code that runs at night: questions, policy, locks, budgets, checks, timeouts, retries, the watch.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  for (const runbook of runbooks) takeOver(runbook);
  return {};
};

/** Each call has its own timeout, host and name, whatever it asks for. */
const host = (on: On): SimulatedHost => on as unknown as SimulatedHost;

function takeOver({ diagnose, resolve, recovered }: Procedure): void {
  for (const step of diagnose) simulateLook(step);
  for (const { acts } of resolve) for (const act of acts) simulateAct(act);
  if (recovered) simulateProof(recovered);
}

function simulateLook(step: DiagnoseStep): void {
  step.find = (on, { place }) => host(on).simulateLook({ command: step.command(place) });
}

function simulateAct(act: Act): void {
  const { when, undo } = act;
  act.do = (on, { place }) => host(on).simulateAct({ command: act.command(place) });
  delete act.look; // no worker dies in a simulation
  if (when?.holds) when.holds = (on) => host(on).simulateCondition({ says: when.says });
  if (act.isDown) act.isDown = (on) => host(on).simulateDown();
  // Of what is read before the act nothing is there: a person's button stands for every kind of undo.
  if (undo) undo.entry = async (_on, { place }) => ({ kind: 'offered', title: undo.says, host: place.host, activity: 'simulateAct', argument: { command: undo.says }, touches: act.touches(place) });
}

function simulateProof(proof: Proof): void {
  proof.check = (on, _scene, window) => host(on).simulateProof({ says: proof.says, window });
}
