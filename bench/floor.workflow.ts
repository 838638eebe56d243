import { proxyActivities, sleep } from '@temporalio/workflow';
import type { FloorActivities } from './floor.js';

const { send } = proxyActivities<FloorActivities>({ taskQueue: 'floor-pages', startToCloseTimeout: '2 minutes', heartbeatTimeout: '15s' });

/** The least that a durable page can be: one workflow, one activity, one mail. */
export async function floor(key: string): Promise<void> {
  await send(key);
}

/** The least that levels can be: a timer, an activity and a mail for each. `dueAt` in ms since the epoch. */
export async function floorLevels(key: string, dueAt: number[]): Promise<void> {
  for (const [level, at] of dueAt.entries()) {
    await sleep(Math.max(1, at - Date.now()));
    await send(`${key}/${level}`);
  }
}
