import { proxyActivities } from '@temporalio/workflow';

import type { SampleWindow, Verdict } from '../../src/domain/step.js';

const { prove } = proxyActivities<{ prove(window: SampleWindow): Promise<Verdict> }>({
  startToCloseTimeout: '10 s',
  heartbeatTimeout: '5 s',
});

/** Proves once, with a window that begins `settle` ms after the workflow's start. */
export async function proveOnce({
  settle,
  ...window
}: Omit<SampleWindow, 'since' | 'notBefore'> & { settle: number }): Promise<{
  verdict: Verdict;
  startedAt: number;
  took: number;
}> {
  const startedAt = Date.now();
  const verdict = await prove({ ...window, notBefore: startedAt + settle, since: startedAt });
  return { verdict, startedAt, took: Date.now() - startedAt };
}
