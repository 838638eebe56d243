import { ActivityFailure, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { PageActivities } from '../activities/pages.js';
import type { PatrolAlertActivities } from '../activities/patrol-alerts.js';
import type { PatrolLookActivities } from '../activities/patrol-look.js';
import { goRound, type HostReading, type Judgement, noPatrol, type PatrolMemory, type PatrolPlan, type Reading, type SiteReading } from '../domain/patrol.js';
import type { Place } from '../domain/place.js';
import { queues } from './names.js';

const { handOn } = proxyActivities<PatrolAlertActivities>({ taskQueue: queues.pages, summary: 'Hand on what was found', startToCloseTimeout: '30s', scheduleToCloseTimeout: '2 minutes' });
const { sendPage } = proxyActivities<PageActivities>({ taskQueue: queues.pages, summary: 'Early warning', startToCloseTimeout: '30s', scheduleToCloseTimeout: '2 minutes', heartbeatTimeout: '15s' });

/** Once and not for long: a late look is the next one's business, and a worker that does not answer is a finding. */
function looking(host: string): PatrolLookActivities {
  return proxyActivities<PatrolLookActivities>({
    taskQueue: queues.host(host),
    summary: `Look around (${host})`,
    scheduleToStartTimeout: '20s',
    startToCloseTimeout: '90s',
    heartbeatTimeout: '20s',
    retry: { maximumAttempts: 1 },
  });
}

/**
 * One look at every AuthOS of the config, started by a schedule: judges every trigger of the runbooks, hands on what fires and what
 * no longer does, and tells early warnings. What it leaves is the start of the next look, so that rates are true differences.
 */
export async function patrol(plan: PatrolPlan): Promise<PatrolMemory> {
  const before = (workflowInfo().lastResult as PatrolMemory | undefined) ?? noPatrol;
  const readings = await Promise.all(plan.environments.map((environment) => readEnvironment(environment, plan)));
  const { memory, alerts, notices } = goRound(before, readings, plan, Date.now());
  // What could not be handed on is not known as told: the next look does it again.
  const untold = (judgements: Judgement[]): void => {
    for (const { key } of judgements) {
      const known = before.firing[key];
      if (known) memory.firing[key] = known;
      else delete memory.firing[key];
    }
  };
  if (alerts.length > 0 && !(await done(handOn({ alerts, publicKeys: plan.publicKeys })))) untold(alerts.map(({ judgement }) => judgement));
  for (const notice of notices) if (!(await done(tell(notice, plan)))) untold([notice]);
  return memory;
}

async function readEnvironment({ name, hosts, queues: names }: PatrolPlan['environments'][number], { minute }: PatrolPlan): Promise<Reading> {
  const silent: Record<string, string> = {};
  const placeOn = (host: string): Place => ({ name, environment: name, host, hosts: hosts.map((one) => one.name) });
  const reads = hosts.map(async ({ name: host, mounts, domains }): Promise<HostReading[]> => {
    try {
      return [await looking(host).patrolHost({ place: placeOn(host), mounts, domains, minute })];
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      silent[host] = error.cause?.message ?? error.message;
      return [];
    }
  });
  const found = (await Promise.all(reads)).flat();
  const site = await siteBy(found, (host) => looking(host).patrolSite({ place: placeOn(host), queues: names }));
  return { at: Date.now(), environment: name, hosts: found, silent, ...(site && { site }) };
}

/** By the first host that answers. */
async function siteBy(hosts: HostReading[], read: (host: string) => Promise<SiteReading>): Promise<SiteReading | undefined> {
  for (const { host } of hosts) {
    try {
      return await read(host);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
    }
  }
  return undefined;
}

function tell({ key, title }: Judgement, { console }: PatrolPlan): Promise<unknown> {
  const now = Date.now();
  const incident = { id: 'patrol', workflowId: workflowInfo().workflowId, runbook: 'patrol', title: 'Early warning', severity: 'Medium' as const, target: key.slice(key.indexOf('/') + 1), openedAt: now, links: { console, temporal: '' } };
  const story = { wrong: title, state: 'an early warning', found: [], done: [], asked: [], next: 'Nothing is done by itself: this is told once, and an incident opens when it gets worse.' };
  return sendPage({ kind: 'notice', subject: `${key.replaceAll('/', '~')}-${now}`, roles: ['Primary'], people: [], dueAt: now, incident, story });
}

async function done(doing: Promise<unknown>): Promise<boolean> {
  try {
    await doing;
    return true;
  } catch (error) {
    if (error instanceof ActivityFailure) return false;
    throw error;
  }
}
