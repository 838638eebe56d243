import { proxyActivities } from '@temporalio/workflow';
import type { OpeningActivities, OtherProblem } from '../activities/opening.js';
import type { ActResult } from '../domain/step.js';
import { queues } from './names.js';
import type { Scene } from './step.js';

const intake = proxyActivities<OpeningActivities>({
  taskQueue: queues.runs,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '2 minutes',
  summary: 'Open or join the incident that explains this',
});

/** Opens or joins another runbook's incident, as an alert would. */
export async function openIncident(scene: Scene, problem: Omit<OtherProblem, 'publicKeys'>): Promise<ActResult> {
  const { incidentId, state } = await intake.openIncident({ ...problem, publicKeys: scene.publicKeys });
  return { outcome: 'done', evidence: `${problem.runbook} on ${problem.target}: ${state}${incidentId ? `, incident ${incidentId}` : ''}. ${problem.title}` };
}
