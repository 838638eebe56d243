import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Site } from '../../sandbox/drill/site.js';
import { databaseDown, databaseExhausted } from '../../sandbox/faults/index.js';
import { climbsTo, endsUncured, isCured, recoversAfterSettling } from './plays.js';
import type { Scenario } from './scenario.js';

const restart = 'Restart Database Service';
const kill = 'Kill Long-Running Queries';
const raise = 'Write a higher max_connections';
const restartForIt = 'Restart the database, so that it counts';
const clearPool = 'Clear Connection Pool';

export const databaseConnectionFailuresScenarios: Scenario[] = [
  {
    outcome: 'recovered',
    fault: databaseDown(),
    async play(incident) {
      // It stays silent for a minute before anybody is asked for a restart.
      await incident.until('the diagnosis', ({ timeline }) => timeline.some(({ what }) => what === 'found'));
      await incident.keep('open-while-it-is-silent');
      await recoversAfterSettling(restart, { [restart]: 'approve' })(incident);
    },
  },
  { outcome: 'recovered-with-more-connections', fault: databaseExhausted(), play: isCured({ [kill]: 'decline', [raise]: 'approve', [restartForIt]: 'approve' }) },
  // Critical, nobody is there, and our own probe gets no response: the restart goes ahead.
  { outcome: 'approval-expired', fault: databaseDown(), play: isCured() },
  { outcome: 'unrecovered', fault: databaseExhausted(), play: climbsTo(3, { [kill]: 'decline', [raise]: 'decline', [clearPool]: 'decline' }) },
  { outcome: 'failed-step', fault: databaseDown(), prepare: brokenSettings, play: endsUncured({ [restart]: 'approve', [clearPool]: 'decline' }) },
];

/** PostgreSQL does not come up with them. */
async function brokenSettings({ authos }: Site): Promise<void> {
  await writeFile(join(authos.postgres.dataFolder, 'postgresql.auto.conf'), "shared_preload_libraries = 'there_is_no_such_library'\n");
}
