import { ActivityFailure, continueAsNew, getExternalWorkflowHandle, proxyActivities, sleep, TimeoutFailure, workflowInfo } from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control.js';
import type { IncidentHead } from '../domain/page.js';
import type { ActResult } from '../domain/step.js';
import type { Undo, UndoState } from '../domain/undo.js';
import { queues } from './names.js';
import { tellPrimary } from './notice.js';

export interface UndoInput {
  v: 1;
  incident: IncidentHead;
  environment: string;
  entries: Undo[];
  /** ms since the epoch: an undo whose condition does not hold by then is left to a person. */
  until: number;
  retryEvery: number;
  /** The incident knows already that these wait. */
  told?: boolean;
}

const control = proxyActivities<ControlActivities>({
  taskQueue: queues.runs,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '20s' },
});

/** What became of an undo, told to its incident. */
export interface Undone {
  incidentId: string;
  id: string;
  state: UndoState;
  evidence: string;
}

/**
 * Takes acts of an incident back, last one first, each under its locks. One that must not be taken back yet waits, past the
 * incident's close if need be, and holds no other up. What fails or runs out of time is one notice to the primary and a line
 * of the report.
 */
export async function undo(input: UndoInput): Promise<void> {
  let left = input.entries.toReversed();
  let told = input.told ?? false;
  while (left.length > 0) {
    const refused: Undo[] = [];
    for (const entry of left) if (!(await takeBack(input, entry, told))) refused.push(entry);
    left = refused;
    told = true;
    if (left.length > 0) await sleep(input.retryEvery, { summary: `Wait to undo: ${left.map(({ title }) => title).join(', ')}` });
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof undo>({ ...input, entries: left.toReversed(), told });
  }
}

/** One try. False if it has to wait; the incident is told so once. */
async function takeBack(input: UndoInput, entry: Undo, told: boolean): Promise<boolean> {
  const result = await once(input, entry);
  const wait = result.outcome === 'refused' && Date.now() < input.until;
  if (wait && !told) await tellIncident(input, entry, 'waiting', result.evidence);
  if (wait) return false;
  const evidence = result.outcome === 'refused' ? `it could not be taken back in time: ${result.evidence}` : result.evidence;
  await tellIncident(input, entry, result.outcome === 'done' ? 'done' : 'failed', evidence);
  if (result.outcome !== 'done') {
    const story = { wrong: `Could not be taken back: ${entry.title}`, state: 'undo failed', found: [evidence], done: [], asked: [], next: 'A person takes it back by hand.' };
    await tellPrimary(`undo-${entry.id}`, input.incident, story);
  }
  return true;
}

async function once(input: UndoInput, entry: Undo): Promise<ActResult> {
  const holder = `${input.incident.id}/undo/${entry.id}`;
  const lease = 11 * 60_000;
  // No incident to be barred: an undo is allowed after the close.
  const request = { holder, incidentId: `undo of ${input.incident.id}`, resources: [...new Set([`host:${entry.host}`, ...entry.touches])].sort(), lease };
  const host = proxyActivities<Record<string, (argument: unknown) => Promise<ActResult>>>({
    taskQueue: queues.host(entry.host),
    summary: entry.title,
    startToCloseTimeout: '5 minutes',
    // Within the lease, tries and waits for a worker included.
    scheduleToCloseTimeout: '10 minutes',
    heartbeatTimeout: '20s',
    // Its activity checks that the value is still ours and is safe to repeat.
    retry: { maximumAttempts: 5 },
  });
  try {
    await control.waitForLocks({ environment: input.environment, request });
    const undoIt = host[entry.activity];
    if (!undoIt) return { outcome: 'failed', evidence: `there is no activity ${entry.activity}` };
    return await undoIt(entry.argument);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const evidence = error.cause?.message ?? error.message;
    // Locked all the time, or no worker of the host up: that passes, as a condition that does not hold yet may.
    return { outcome: error.cause instanceof TimeoutFailure || error.activityType === 'waitForLocks' ? 'refused' : 'failed', evidence };
  } finally {
    await giveBack(input, holder);
  }
}

async function giveBack(input: UndoInput, holder: string): Promise<void> {
  try {
    await control.giveLocks({ environment: input.environment, holder });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error; // else the lease frees them
  }
}

async function tellIncident(input: UndoInput, entry: Undo, state: UndoState, evidence: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(input.incident.workflowId).signal('undone', { incidentId: input.incident.id, id: entry.id, state, evidence } satisfies Undone);
  } catch {
    // The incident is gone: the notice below still reaches the primary.
  }
}
