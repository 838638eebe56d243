import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { causes, type Cause, symptoms } from '../domain/attachment.js';
import { searchAttributes } from '../domain/search-attributes.js';

/**
 * How incidents of one environment find each other: by search attributes, which may be a moment late. So both sides look, and
 * a late entry costs a page and never a silence. All are safe to repeat.
 */
export function neighbourActivities({ client }: { client: Client }) {
  /** Running incidents of these runbooks in the environment, but for closed ones that only wait for a re-alert. */
  async function open(environment: string, runbooks: readonly string[]): Promise<Cause[]> {
    // The names are of our own lists.
    const names = runbooks.map((name) => `'${name}'`).join(', ');
    const query = `WorkflowType = 'incident' AND ExecutionStatus = 'Running' AND IncidentState != 'closed' AND Runbook IN (${names})`;
    const found: Cause[] = [];
    for await (const { workflowId, memo, typedSearchAttributes } of client.workflow.list({ query })) {
      const { incidentId, environment: there, title } = (memo ?? {}) as Partial<Record<string, unknown>>;
      if (typeof incidentId !== 'string' || there !== environment) continue;
      const target = typedSearchAttributes.get(searchAttributes.target) ?? '';
      found.push({ incidentId, workflowId, title: `${typeof title === 'string' ? title : 'An incident'} on ${target}` });
    }
    return found;
  }

  async function signal(workflowId: string, name: string, content: object): Promise<void> {
    try {
      await client.workflow.getHandle(workflowId).signal(name, content);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error; // gone meanwhile
    }
  }

  return {
    /** The oldest open Disk or Database incident of the environment, or null. */
    async findCause({ environment }: { environment: string }): Promise<Cause | null> {
      return (await open(environment, causes))[0] ?? null;
    },

    /** Whether that incident is still open. */
    async causeIsOpen({ cause }: { cause: Cause }): Promise<boolean> {
      try {
        const { memo, status, typedSearchAttributes } = await client.workflow.getHandle(cause.workflowId).describe();
        const same = (memo as Record<string, unknown> | undefined)?.['incidentId'] === cause.incidentId;
        return same && status.name === 'RUNNING' && typedSearchAttributes.get(searchAttributes.incidentState) !== 'closed';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },

    /** Tells every open symptom of the environment, as far as the index shows it, that `cause` explains it. */
    async attachSymptoms({ environment, cause }: { environment: string; cause: Cause }): Promise<void> {
      for (const { workflowId } of await open(environment, symptoms)) await signal(workflowId, 'attach', cause);
    },

    /** Tells the open Database incidents of the environment that a disk has room again: one that waits for a person tries again. */
    async tellDatabaseIncidents({ environment }: { environment: string }): Promise<void> {
      for (const { workflowId } of await open(environment, ['databaseConnectionFailures'])) await signal(workflowId, 'diskRelieved', {});
    },
  };
}

export type NeighbourActivities = ReturnType<typeof neighbourActivities>;
