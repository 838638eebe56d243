import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Config } from '../config.js';
import type { PatrolPlan } from '../domain/patrol.js';
import { patrolId, queues } from '../workflows/names.js';
import { registerSchedule, type WantedSchedule } from './schedule.js';

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
export function registerPatrol(client: Client, plan: PatrolPlan | undefined): ReturnType<typeof registerSchedule> {
  return registerSchedule(client, patrolId, plan && scheduleOf(plan));
}

function scheduleOf(plan: PatrolPlan): WantedSchedule {
  return {
    spec: { intervals: [{ every: plan.every }] },
    // A look that hangs is given up, so that the next one begins; one that was missed is not made up for.
    action: { type: 'startWorkflow', workflowType: 'patrol', workflowId: patrolId, taskQueue: queues.incidents, args: [plan], workflowRunTimeout: Math.max(5 * 60_000, 2 * plan.every) },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: Math.max(10_000, plan.every) },
  };
}
