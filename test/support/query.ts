import { type Client, isGrpcDeadlineError, type WorkflowHandle } from '@temporalio/client';

/**
 * The answer of a workflow to a query. A time-skipping test server loses one now and then, when a task of the workflow comes
 * between (1 in some 2,000 on a busy machine) and would leave its caller waiting for ever: it is asked anew after 5 s.
 */
export async function query<T>(client: Client, handle: WorkflowHandle, name: string): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await client.withDeadline(Date.now() + 5_000, () => handle.query<T>(name));
    } catch (error) {
      if (tries === 4 || !isGrpcDeadlineError(error)) throw error;
    }
  }
}
