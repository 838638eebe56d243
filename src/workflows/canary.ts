import { ActivityFailure, ApplicationFailure, proxyActivities, uuid4 } from '@temporalio/workflow';
import type { CanaryActivities } from '../activities/canary.js';
import type { PageActivities } from '../activities/pages.js';
import type { CanaryPlan, CanaryResult } from '../domain/canary.js';
import type { PageRequest } from '../domain/page.js';
import { canaryId, queues } from './names.js';

/** As an incident pages; but only for so long: a canary that comes late is a finding. */
const { sendPage: sendCanary } = paging('The canary’s page', '2 minutes');
/** Level 1 hears of it however long that takes; the next canary does not wait for it. */
const { sendPage: tellLevel1 } = paging('Tell level 1 that the canary failed', '30 minutes');

const { pingOutside } = proxyActivities<CanaryActivities>({ taskQueue: queues.pages, summary: 'Tell the watch outside', startToCloseTimeout: '15s', scheduleToCloseTimeout: '2 minutes' });
const { countCanary } = proxyActivities<CanaryActivities>({ taskQueue: queues.pages, summary: 'Count it', startToCloseTimeout: '10s' });

function paging(summary: string, scheduleToCloseTimeout: '2 minutes' | '30 minutes'): PageActivities {
  return proxyActivities<PageActivities>({
    taskQueue: queues.pages,
    summary,
    startToCloseTimeout: '2 minutes',
    scheduleToCloseTimeout,
    heartbeatTimeout: '15s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  });
}

/**
 * A synthetic incident, started by a schedule: its page goes where an incident's would, by the same workers and channels, to the
 * person of the config who stands for all. Delivered, it tells the watch outside, which rings when it has heard nothing for too
 * long. One that fails is counted, logged and told to level 1. Runs on the incidents' queue, since that is what it proves.
 */
export async function canary(plan: CanaryPlan): Promise<CanaryResult> {
  const id = uuid4();
  const result = await fly(id, plan);
  await countCanary(result);
  if (result.outcome !== 'delivered') await done(() => tellLevel1(failureNotice(id, plan, result)));
  return result;
}

async function fly(id: string, plan: CanaryPlan): Promise<CanaryResult> {
  const paged = await done(async () => {
    const { deliveries, problems } = await sendCanary(canaryPage(id, plan));
    if (!deliveries.some(({ person }) => person === plan.to)) throw ApplicationFailure.nonRetryable(`${plan.to} was not reached: ${problems.join('; ')}`);
  });
  if (paged !== undefined) return { outcome: 'page failed', because: paged };
  const pinged = await done(pingOutside);
  return pinged === undefined ? { outcome: 'delivered' } : { outcome: 'ping failed', because: pinged };
}

/** Undefined once it is done, else why it is not. */
async function done(doing: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await doing();
    return undefined;
  } catch (error) {
    if (error instanceof ActivityFailure) return error.cause?.message ?? error.message;
    if (error instanceof ApplicationFailure) return error.message;
    throw error;
  }
}

function canaryPage(id: string, { to }: CanaryPlan): PageRequest {
  return {
    kind: 'notice',
    subject: canaryId,
    roles: [],
    people: [to],
    dueAt: Date.now(),
    incident: headOf(id, 'Medium'),
    story: { wrong: 'CANARY: nothing is wrong', state: 'this is how a page arrives', found: [], done: [], asked: [], next: 'Nothing is asked of anybody. The next canary follows by its schedule.' },
  };
}

function failureNotice(id: string, { to }: CanaryPlan, { outcome, because = '' }: CanaryResult): PageRequest {
  return {
    kind: 'notice',
    subject: `${canaryId}-failed`,
    roles: ['Primary', 'Secondary'],
    people: [],
    dueAt: Date.now(),
    incident: headOf(id, 'Critical'),
    story: {
      wrong: outcome === 'page failed' ? `The canary’s page to ${to} did not arrive: pages of incidents may not arrive either` : 'The canary’s page arrived, but the watch outside could not be told: it may ring',
      state: outcome,
      found: [because],
      done: [],
      asked: [],
      next: 'The next canary follows by its schedule. responder doctor --send-test tries every channel.',
    },
  };
}

function headOf(id: string, severity: 'Medium' | 'Critical'): PageRequest['incident'] {
  return { id, workflowId: canaryId, runbook: canaryId, title: 'Canary', severity, target: 'responder', openedAt: Date.now(), links: { console: '', temporal: '' } };
}
