import { ApplicationFailure, proxyActivities, setCurrentDetails, upsertMemo } from '@temporalio/workflow';

const activities = proxyActivities<{ command(): Promise<string>; fails(): Promise<void> }>({ startToCloseTimeout: '30s', retry: { maximumAttempts: 1 } });

/** Puts words into every place that history and mutable state have for them; a test then looks for them in the database. */
export async function leaky(given: { email: string }): Promise<string> {
  upsertMemo({ note: `memo of ${given.email}` });
  setCurrentDetails(`details of ${given.email}`);
  const output = await activities.command();
  try {
    await activities.fails();
  } catch (error) {
    throw ApplicationFailure.nonRetryable(`failed on ${given.email}: ${output}: ${error instanceof Error ? String(error.cause) : ''}`, 'Leaky', { output });
  }
  return output;
}
