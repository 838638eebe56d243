import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Site } from '../../sandbox/drill/site.js';
import { missingIndex, slowEndpoint } from '../../sandbox/faults/slow-endpoint.js';
import { climbsTo, endsUncured, failing, keepAtTheQuestion, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

/** The one act of this runbook that is asked for: where the cache is on a store of its own, clearing it is safe. */
const clear = 'Clear the cache, with sessions, jobs or throttles in it';

async function sessionsInTheCache({ authos }: Site): Promise<void> {
  const file = join(authos.root, '.env');
  await writeFile(file, (await readFile(file, 'utf8')).replace('SESSION_DRIVER=file', 'SESSION_DRIVER=redis'));
}

export const highApiResponseTimesScenarios: Scenario[] = [
  { outcome: 'recovered', fault: slowEndpoint(), play: recovers() },
  { outcome: 'unrecovered', fault: missingIndex(), play: climbsTo(3) },
  { outcome: 'failed-step', fault: missingIndex(), prepare: failing('composer', 'Could not open input file: composer.json'), play: endsUncured() },
  {
    outcome: 'approval-declined',
    fault: missingIndex(),
    prepare: sessionsInTheCache,
    async play(incident) {
      await keepAtTheQuestion(incident);
      await endsUncured({ [clear]: 'decline' })(incident);
    },
  },
];
