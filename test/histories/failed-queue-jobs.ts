import { readFile, writeFile } from 'node:fs/promises';
import type { Site } from '../../sandbox/drill/site.js';
import { queueOverwhelmed, queuePoisonJobs, queueStaleWorkers } from '../../sandbox/faults/queue-jobs.js';
import { climbsTo, endsUncured, isCured, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

const old = 'Retry older failed jobs';
const clearOld = 'Clear failed jobs older than 24 hours';
const clearAll = 'Clear all failed jobs of the queue';
const more = 'Increase Worker Processes';

export const failedQueueJobsScenarios: Scenario[] = [
  { outcome: 'recovered', fault: queueStaleWorkers(), play: recovers({ [old]: 'approve' }) },
  { outcome: 'recovered-with-more-workers', fault: queueOverwhelmed(), play: isCured({ [more]: 'approve' }) },
  { outcome: 'approval-expired', fault: queuePoisonJobs(), play: endsUncured() },
  { outcome: 'unrecovered', fault: queuePoisonJobs(), play: climbsTo(2, { [old]: 'decline', [clearOld]: 'decline', [clearAll]: 'decline' }) },
  { outcome: 'failed-step', fault: queueOverwhelmed(), prepare: noMoreWorkers, play: endsUncured({ [more]: 'approve' }) },
];

/** A config of which supervisor takes one process and no more. */
async function noMoreWorkers({ authos }: Site): Promise<void> {
  const { configFile } = authos.supervisor ?? { configFile: '' };
  await writeFile(configFile, (await readFile(configFile, 'utf8')).replace('_%(process_num)02d', ''));
}
