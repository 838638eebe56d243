import { proxyActivities } from '@temporalio/workflow';
import type { PageActivities } from '../activities/pages.js';
import type { IncidentHead, Story } from '../domain/page.js';
import { queues } from './names.js';

const pages = proxyActivities<PageActivities>({ taskQueue: queues.pages, startToCloseTimeout: '2 minutes', heartbeatTimeout: '15s', retry: { maximumInterval: '30s' } });

/** A notice to the primary from a workflow that outlives its incident. One per `subject`; it is tried until it was delivered. */
export async function tellPrimary(subject: string, incident: IncidentHead, story: Story): Promise<void> {
  await pages.sendPage({ kind: 'notice', subject, roles: ['Primary'], people: [], dueAt: Date.now(), incident, story });
}
