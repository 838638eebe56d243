import { ActivityFailure, proxyActivities } from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control.js';
import type { LockAnswer, LockRequest } from '../domain/lock.js';
import type { StepOutcome } from '../domain/step.js';
import { type Conduct, control, keepPromise, unlessStopped } from './conduct.js';
import { longest } from './calling.js';
import { queues } from './names.js';
import type { Act } from './step.js';
import { skipped } from './words.js';

export interface Cleared {
  refusal?: StepOutcome;
  /** True if others held the locks for a while. */
  waited: boolean;
}

/** Mode, budget and locks, right before an act: everything it touches and its host, in sorted order, all or none. */
export async function clear(conduct: Conduct, act: Act, holder: string, approved: boolean): Promise<Cleared> {
  const { scene, input } = conduct;
  const request: LockRequest = {
    holder,
    incidentId: input.incident.id,
    risky: act.risk === 'disruptive' || act.risk === 'destructive',
    resources: [...new Set([`host:${scene.place.host}`, ...act.touches(scene.place)])].sort(),
    lease: longest(act) + 60_000,
    ...(act.budget ? { budget: { key: act.budget(scene.place), window: scene.times.budgetWindow, approved } } : {}),
  };
  const environment = scene.place.environment;
  // The mode comes with the locks: the kill switch may have been turned while the run went on.
  const { mode, locks } = await control.clear({ environment, request, runbook: input.incident.runbook });
  if (mode !== 'automatic') {
    conduct.scene.mode = mode;
    return { waited: false, refusal: skipped('mode', `${mode} since it was asked`) };
  }
  let answer: LockAnswer | undefined = locks;
  const waited = answer.kind === 'wait';
  if (answer.kind === 'wait') {
    const { behind } = answer;
    await keepPromise(conduct, scene.times.lockWait);
    answer = await unlessStopped(conduct, () => waitFor(environment, request, scene.times.lockWait));
    if (!answer) return { waited, refusal: conduct.stop ? skipped('stopped', conduct.stop.reason) : skipped('locked', `by ${behind}`) };
  }
  switch (answer.kind) {
    case 'granted':
      return { waited };
    case 'wait':
      return { waited, refusal: skipped('locked', `by ${answer.behind}`) };
    case 'limit':
      return { waited, refusal: skipped('limit', `it was done at ${new Date(answer.usedAt).toISOString()} already`) };
    case 'held':
      return { waited, refusal: skipped('held', answer.because) };
    case 'barred':
      return { waited, refusal: skipped('stopped', answer.because) };
  }
}

async function waitFor(environment: string, request: LockRequest, within: number): Promise<LockAnswer | undefined> {
  const patient = proxyActivities<ControlActivities>({
    taskQueue: queues.runs,
    summary: `Wait for ${request.resources.join(', ')}`,
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: within,
    // Asked more often than a waiter is forgotten (src/domain/lock.ts).
    retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '20s' },
  });
  try {
    return await patient.waitForLocks({ environment, request });
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause?.name !== 'CancelledFailure') return undefined;
    throw error;
  }
}
