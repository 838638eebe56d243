import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Config } from '../config.js';
import type { CanaryPlan } from '../domain/canary.js';
import { canaryId, queues } from '../workflows/names.js';
import { registerSchedule, type WantedSchedule } from './schedule.js';

/** Registers, changes or removes the canary's schedule as the config has it. A repeat is safe. Throws Temporal's own error. */
export function registerCanary(client: Client, canary: Config['canary']): ReturnType<typeof registerSchedule> {
  return registerSchedule(client, canaryId, canary && scheduleOf(canary));
}

function scheduleOf({ every, to }: NonNullable<Config['canary']>): WantedSchedule {
  const plan: CanaryPlan = { to };
  return {
    spec: { intervals: [{ every }] },
    action: { type: 'startWorkflow', workflowType: 'canary', workflowId: canaryId, taskQueue: queues.incidents, args: [plan] },
    // Each flies, also while level 1 is still being told of the one before; one that was missed for long is not made up for.
    policies: { overlap: ScheduleOverlapPolicy.ALLOW_ALL, catchupWindow: Math.max(10_000, every / 2) },
  };
}
