import { proxyActivities } from '@temporalio/workflow';
import type { FloorActivities } from './floor.js';

/** The least that a durable page can be: one workflow, one activity, one mail. */
export async function floor(key: string): Promise<void> {
  const { send } = proxyActivities<FloorActivities>({ taskQueue: 'floor-pages', startToCloseTimeout: '2 minutes', heartbeatTimeout: '15s' });
  await send(key);
}
