import { allHandlersFinished, condition, continueAsNew, defineSignal, defineUpdate, setHandler, workflowInfo } from '@temporalio/workflow';
import { bar, give, letIn, type LockAnswer, type LockRequest, type LockState, noLocks, take } from '../domain/lock.js';

export const takeUpdate = defineUpdate<LockAnswer, [LockRequest]>('take');
export const giveSignal = defineSignal<[string]>('give');
export const barSignal = defineSignal<[{ incidentId: string; because: string; risky: boolean }]>('bar');
export const letInSignal = defineSignal<[{ incidentId: string }]>('letIn');

/**
 * The locks and budgets of one environment. Decides by src/domain/lock.ts; leases are looked at when somebody asks, so it
 * needs no timer but the one that ends it after a quiet day.
 */
export async function lock(carried: LockState = noLocks): Promise<void> {
  let state = carried;
  let asked = 0;

  setHandler(takeUpdate, (request) => {
    asked += 1;
    const taken = take(state, request, Date.now());
    state = taken.state;
    return taken.answer;
  }, { description: 'Ask for resources: all of them, or none.' });
  setHandler(giveSignal, (holder) => { state = give(state, holder); }, { description: 'Give back everything that this holder has.' });
  setHandler(barSignal, ({ incidentId, because, risky }) => { asked += 1; state = bar(state, incidentId, because, risky); }, { description: 'Refuse the later acts of an incident.' });
  setHandler(letInSignal, ({ incidentId }) => { state = letIn(state, incidentId); }, { description: 'Let a reopened incident act again.' });

  for (;;) {
    const before = asked;
    const quiet = !(await condition(() => asked !== before || workflowInfo().continueAsNewSuggested, '1 day'));
    await condition(allHandlersFinished);
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof lock>(state);
    if (quiet) return;
  }
}
