import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { PageRequest, PageResult } from '../../src/domain/page.js';

interface Sending {
  sendPage(request: PageRequest): Promise<PageResult>;
}

const retry = { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '30 s' } as const;
const patient = proxyActivities<Sending>({
  startToCloseTimeout: '2 min',
  heartbeatTimeout: '10 s',
  retry,
  // So that a test sees whether the activity itself stops.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});
/** Ends an attempt that does not come back, as a died worker would. */
const short = proxyActivities<Sending>({ startToCloseTimeout: '2 s', heartbeatTimeout: '10 s', retry });

export async function page(request: PageRequest, how: 'patient' | 'short'): Promise<PageResult> {
  return (how === 'short' ? short : patient).sendPage(request);
}
