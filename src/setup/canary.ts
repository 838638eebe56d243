import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type ScheduleOptions } from '@temporalio/client';
import type { Config } from '../config.js';
import type { CanaryPlan } from '../domain/canary.js';
import { canaryId, queues } from '../workflows/names.js';

/** Registers, changes or removes the canary's schedule as the config has it. A repeat is safe. Throws Temporal's own error. */
export async function registerCanary(client: Client, canary: Config['canary']): Promise<'registered' | 'changed' | 'removed' | 'off'> {
  const handle = client.schedule.getHandle(canaryId);
  if (!canary) {
    return handle.delete().then(
      () => 'removed',
      (error: unknown) => {
        if (error instanceof ScheduleNotFoundError) return 'off';
        throw error;
      },
    );
  }
  const { spec, action, policies } = scheduleOf(canary);
  try {
    await client.schedule.create({ scheduleId: canaryId, spec, action, policies });
    return 'registered';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  // Paused by a person it stays paused.
  await handle.update(({ state }) => ({ spec, action, policies, state }));
  return 'changed';
}

function scheduleOf({ every, to }: NonNullable<Config['canary']>): Required<Pick<ScheduleOptions, 'spec' | 'action' | 'policies'>> & { action: { type: 'startWorkflow' } } {
  const plan: CanaryPlan = { to };
  return {
    spec: { intervals: [{ every }] },
    action: { type: 'startWorkflow', workflowType: 'canary', workflowId: canaryId, taskQueue: queues.incidents, args: [plan] },
    // Each flies, also while level 1 is still being told of the one before; one that was missed for long is not made up for.
    policies: { overlap: ScheduleOverlapPolicy.ALLOW_ALL, catchupWindow: Math.max(10_000, every / 2) },
  };
}
