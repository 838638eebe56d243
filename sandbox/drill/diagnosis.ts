import type { Client } from '@temporalio/client';
import type { RunRecord } from '../../src/domain/incident.js';

/** How long a run looked, and its slowest activity meanwhile, in ms. */
export interface Diagnosis {
  tookMs: number;
  slowestMs: number;
}

/** Of the run's history: activities by what their worker took, the whole by the run's own clock. Undefined if it did not diagnose. */
export async function diagnosisOf(client: Client, run: RunRecord): Promise<Diagnosis | undefined> {
  const acts = run.steps.filter(({ phase }) => phase === 'diagnose').flatMap((step) => step.acts);
  const [from, until] = [Math.min(...acts.map(({ startedAt }) => startedAt)), Math.max(...acts.map(({ endedAt }) => endedAt))];
  if (!Number.isFinite(from) || !(until > from)) return undefined;
  const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory();
  const startedAt = new Map<string, number>();
  const took: number[] = [];
  for (const event of events ?? []) {
    const at = milliseconds(event.eventTime);
    if (at > until) break;
    if (event.activityTaskStartedEventAttributes) startedAt.set(String(event.eventId), at);
    const begun = startedAt.get(String(event.activityTaskCompletedEventAttributes?.startedEventId ?? event.activityTaskFailedEventAttributes?.startedEventId));
    if (begun !== undefined && begun >= from) took.push(at - begun);
  }
  return { tookMs: until - from, slowestMs: Math.max(0, ...took) };
}

function milliseconds(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}
