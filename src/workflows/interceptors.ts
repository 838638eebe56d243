import { ContinueAsNew, getExternalWorkflowHandle, isCancellation, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import type { Ended, RunInput } from '../domain/messages.js';

/**
 * A run that throws says so to its incident before it fails, so that nobody waits for its silence. Runbook files need not
 * know: a bug in one of them is what this is for.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          if (error instanceof ContinueAsNew || isCancellation(error)) throw error;
          await tellFailure(input.args[0] as RunInput, error).catch(() => undefined);
          throw error;
        }
      },
    },
  ],
});

async function tellFailure({ incident, run }: RunInput, error: unknown): Promise<void> {
  const content: Ended = {
    v: 1,
    incidentId: incident.id,
    run,
    quietUntil: Date.now(),
    end: 'failed',
    reason: error instanceof Error ? error.message : String(error),
    triedToResolve: false,
    steps: [],
    found: [],
    done: [],
    followUps: [],
    usedUp: [],
  };
  await getExternalWorkflowHandle(incident.workflowId).signal('ended', content);
}
