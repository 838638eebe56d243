import type { Client } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Check } from '../domain/doctor.js';
import { queryByAll } from '../domain/search-attributes.js';
import { queues } from '../workflows/names.js';
import { standardDeadlines, within } from '../http/temporal-calls.js';

const { TaskQueueType } = proto.temporal.api.enums.v1;
const types = { workflows: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, activities: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY };

/** A worker asks again at least once a minute; one that has not done so is gone. */
const askedWithinMs = 70_000;

/** What the doctor learnt from Temporal: `polled` are the queues that a worker serves. */
export interface TemporalState {
  checks: Check[];
  polled: Set<string>;
}

/** Whether Temporal answers for our namespace, knows our search attributes, and has a worker on each of our queues. */
export async function examineTemporal(client: Client, { address, namespace, hosts }: { address: string; namespace: string; hosts: readonly string[] }): Promise<TemporalState> {
  const ask = <Answer>(call: () => Promise<Answer>, ms = standardDeadlines.person): Promise<Answer | Error> => within(client, ms, call).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  const check = (subject: string, says: string, remedy?: string): Check => ({ area: 'temporal', subject, state: remedy === undefined ? 'ok' : 'finding', says, ...(remedy && { remedy }) });
  const described = await ask(() => client.workflowService.describeNamespace({ namespace }), standardDeadlines.describe);
  if (described instanceof Error) {
    if (isGrpcServiceError(described) && described.code === 5) return { polled: new Set(), checks: [check('namespace', `Temporal at ${address} has no namespace ${namespace}`, 'npx tsx src/setup.ts registers it; TEMPORAL_NAMESPACE names it')] };
    return { polled: new Set(), checks: [check('connection', `Temporal at ${address} does not answer for ${namespace}: ${described.message}`, 'is it up, and are TEMPORAL_ADDRESS and its credentials right?')] };
  }
  const known = await ask(() => client.workflowService.listWorkflowExecutions({ namespace, query: queryByAll, pageSize: 1 }));
  const served = await Promise.all(
    [
      { queue: queues.incidents as string, does: 'workflows' as const },
      { queue: queues.pages, does: 'activities' as const },
      { queue: queues.runs, does: 'workflows' as const },
      ...hosts.map((name) => ({ queue: queues.host(name), does: 'activities' as const })),
    ].map(async ({ queue, does }) => {
      const answer = await ask(() => client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: queue }, taskQueueType: types[does] }));
      const pollers = answer instanceof Error ? [] : answer.pollers.filter(({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < askedWithinMs);
      return { queue, polled: pollers.length > 0 };
    }),
  );
  return {
    polled: new Set(served.flatMap(({ queue, polled }) => (polled ? [queue] : []))),
    checks: [
      check('namespace', `${namespace} at ${address} answers`),
      known instanceof Error ? check('search attributes', `not all are registered: ${known.message}`, 'npx tsx src/setup.ts registers them') : check('search attributes', 'all are registered'),
      ...served.map(({ queue, polled }): Check => ({ area: 'workers', subject: queue, state: polled ? 'ok' : 'finding', says: polled ? 'a worker serves it' : 'no worker serves it', ...(!polled && { remedy: `start worker ${queue === queues.pages ? queues.incidents : queue}, docs/operations.md` }) })),
    ],
  };
}
