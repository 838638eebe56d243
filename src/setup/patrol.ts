import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type ScheduleOptions } from '@temporalio/client';
import type { Config } from '../config.js';
import type { PatrolPlan } from '../domain/patrol.js';
import { patrolId, queues } from '../workflows/names.js';

/** What the patrol of this config looks at; undefined if the config wants none. */
export function patrolPlan(config: Pick<Config, 'environments' | 'hosts' | 'times' | 'links' | 'patrol'>, publicKeys: string[]): PatrolPlan | undefined {
  const { patrol, environments, hosts, times, links } = config;
  if (!patrol) return undefined;
  const plans = Object.values(environments).map(({ name, queues: names }) => ({
    name,
    queues: names,
    hosts: Object.values(hosts)
      .filter(({ environment }) => environment === name)
      .map((host) => ({ name: host.name, mounts: host.mounts, domains: (host.certificates ?? []).map(({ domain }) => domain) })),
  }));
  return { environments: plans, every: patrol.every, minute: times.minute, publicKeys, console: links.console };
}

/** Registers, changes or removes the schedule as the config has it. A repeat is safe. Throws Temporal's own error. */
export async function registerPatrol(client: Client, plan: PatrolPlan | undefined): Promise<'registered' | 'changed' | 'removed' | 'off'> {
  const handle = client.schedule.getHandle(patrolId);
  if (!plan) {
    return handle.delete().then(
      () => 'removed',
      (error: unknown) => {
        if (error instanceof ScheduleNotFoundError) return 'off';
        throw error;
      },
    );
  }
  const { spec, action, policies } = scheduleOf(plan);
  try {
    await client.schedule.create({ scheduleId: patrolId, spec, action, policies });
    return 'registered';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  // Paused by a person it stays paused.
  await handle.update(({ state }) => ({ spec, action, policies, state }));
  return 'changed';
}

function scheduleOf(plan: PatrolPlan): Required<Pick<ScheduleOptions, 'spec' | 'action' | 'policies'>> & { action: { type: 'startWorkflow' } } {
  return {
    spec: { intervals: [{ every: plan.every }] },
    // A look that hangs is given up, so that the next one begins; one that was missed is not made up for.
    action: { type: 'startWorkflow', workflowType: 'patrol', workflowId: patrolId, taskQueue: queues.incidents, args: [plan], workflowRunTimeout: Math.max(5 * 60_000, 2 * plan.every) },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: Math.max(10_000, plan.every) },
  };
}
