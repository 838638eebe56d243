import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/**
 * A worker counts as dead after 5 s of silence and not after 20: for tests that kill one, which would mostly wait. Nothing else
 * of what a runbook asks for is changed, and a worker heartbeats as much more often (src/workers/heartbeat.ts).
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [{ scheduleActivity: (input, next) => next({ ...input, options: { ...input.options, heartbeatTimeout: '5s' } }) }],
});
