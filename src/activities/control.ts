import { ApplicationFailure } from '@temporalio/common';
import { type Client, WithStartWorkflowOperation, WorkflowNotFoundError } from '@temporalio/client';
import type { Clearance, LockAnswer, LockRequest } from '../domain/lock.js';
import type { Mode } from '../domain/messages.js';
import { defaultModes, modeFor, type Modes } from '../domain/mode.js';
import { attackActivities } from './attack.js';
import { lockId, modeId, queues } from '../workflows/names.js';

/**
 * What a run asks of Temporal itself: locks, the mode, and a word to its incident. Local activities of the run worker: one
 * event each instead of five or six. All are safe to repeat.
 */
export function controlActivities({ client }: { client: Client }) {
  /** One try at all of the request's resources; 'wait' says who has them. */
  async function tryLocks({ environment, request }: { environment: string; request: LockRequest }): Promise<LockAnswer> {
    return client.workflow.executeUpdateWithStart<() => Promise<void>, LockAnswer, [LockRequest]>('take', {
      args: [request],
      startWorkflowOperation: new WithStartWorkflowOperation('lock', {
        workflowId: lockId(environment),
        taskQueue: queues.incidents,
        args: [],
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `Locks of ${environment}`,
      }),
    });
  }

  /** The mode that is in force for this runbook now. `automatic` where nobody ever set one. */
  async function readMode({ runbook }: { runbook: string }): Promise<Mode> {
    try {
      const { memo } = await client.workflow.getHandle(modeId).describe();
      return modeFor((memo?.['modes'] as Modes | undefined) ?? defaultModes, runbook);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return modeFor(defaultModes, runbook);
      throw error;
    }
  }

  async function bar(environment: string, whom: { incidentId: string; because: string; risky: boolean }): Promise<void> {
    await client.workflow.signalWithStart('lock', {
      workflowId: lockId(environment),
      taskQueue: queues.incidents,
      args: [],
      signal: 'bar',
      signalArgs: [whom],
    });
  }

  return {
    ...attackActivities({ client }),
    readMode,
    tryLocks,

    /** What an act needs to know right before it: the mode, and one try at its locks unless the mode forbids it anyway. */
    async clear({ environment, request, runbook }: { environment: string; request: LockRequest; runbook: string }): Promise<Clearance> {
      const mode = await readMode({ runbook });
      return { mode, locks: mode === 'automatic' ? await tryLocks({ environment, request }) : { kind: 'wait', behind: 'the mode' } };
    },

    /** The same, waiting by retry while others hold them: throws, and is retried, until it is our turn. */
    async waitForLocks(args: { environment: string; request: LockRequest }): Promise<LockAnswer> {
      const answer = await tryLocks(args);
      if (answer.kind === 'wait') throw ApplicationFailure.retryable(`locked by ${answer.behind}`, 'Locked');
      return answer;
    },

    /** From now on the acts of this incident get no locks: it was closed. */
    async bar({ environment, incidentId, because }: { environment: string; incidentId: string; because: string }): Promise<void> {
      await bar(environment, { incidentId, because, risky: false });
    },

    /** From now on the acts of this incident that disturb get no locks: another one explains it. */
    async holdRisky({ environment, incidentId, because }: { environment: string; incidentId: string; because: string }): Promise<void> {
      await bar(environment, { incidentId, because, risky: true });
    },

    /** The incident was reopened and may act again. */
    async letIn({ environment, incidentId }: { environment: string; incidentId: string }): Promise<void> {
      try {
        await client.workflow.getHandle(lockId(environment)).signal('letIn', { incidentId });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error; // no locks, so nobody was barred
      }
    },

    /** Gives back all that this holder has. Where there are no locks, it has none. */
    async giveLocks({ environment, holder }: { environment: string; holder: string }): Promise<void> {
      try {
        await client.workflow.getHandle(lockId(environment)).signal('give', holder);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },

    /** Sends one of a run's four messages. An incident that is gone is no error: nobody is left to tell. */
    async tell({ workflowId, message, content }: { workflowId: string; message: 'found' | 'asks' | 'changed' | 'ended'; content: unknown }) {
      try {
        await client.workflow.getHandle(workflowId).signal(message, content);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}

export type ControlActivities = ReturnType<typeof controlActivities>;
