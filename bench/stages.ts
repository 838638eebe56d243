import type { Client } from '@temporalio/client';
import { percentile } from './figures.js';

/** Where the time of one page goes, in ms: the request, the hand-over of the first task, our code, the activity's hand-over, the mail. */
export interface Stages {
  accepted: number;
  taken: number;
  decided: number;
  handedOver: number;
  mailed: number;
}

const names: Record<keyof Stages, string> = {
  accepted: 'POST → workflow started',
  taken: '→ its task at the worker',
  decided: '→ page scheduled by our code',
  handedOver: '→ activity at the worker',
  mailed: '→ mail received',
};

/** Reads a page's stages from its history. `postedAt` and `receivedAt` are ms since the epoch, by the same machine's clock. */
export async function stagesOf(client: Client, workflowId: string, { postedAt, receivedAt }: { postedAt: number; receivedAt: number }): Promise<Stages> {
  const { events = [] } = await client.workflow.getHandle(workflowId).fetchHistory();
  const timeOf = (attributes: 'workflowExecutionStartedEventAttributes' | 'workflowTaskStartedEventAttributes' | 'activityTaskScheduledEventAttributes' | 'activityTaskStartedEventAttributes'): number => {
    const time = events?.find((event) => event[attributes])?.eventTime;
    return Number(time?.seconds ?? Number.NaN) * 1_000 + (time?.nanos ?? 0) / 1e6;
  };
  const started = timeOf('workflowExecutionStartedEventAttributes');
  const taken = timeOf('workflowTaskStartedEventAttributes');
  const scheduled = timeOf('activityTaskScheduledEventAttributes');
  const running = timeOf('activityTaskStartedEventAttributes');
  return { accepted: started - postedAt, taken: taken - started, decided: scheduled - taken, handedOver: running - scheduled, mailed: receivedAt - running };
}

/** A table of medians, the pages' beside the floor's. */
export function stageTable(page: Stages[], floor: Stages[]): string[] {
  const median = (all: Stages[], name: keyof Stages): string => percentile(all.map((one) => one[name]), 0.5).toFixed(1).padStart(7);
  return [
    '  p50 of each stage, ms             page   floor',
    ...(Object.keys(names) as (keyof Stages)[]).map((name) => `    ${names[name].padEnd(30)}${median(page, name)} ${median(floor, name)}`),
  ];
}
