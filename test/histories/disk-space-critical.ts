import { diskFull } from '../../sandbox/faults/index.js';
import { climbsTo, endsUncured, failing, keepAtTheQuestion } from './plays.js';
import type { Scenario } from './scenario.js';

/** So little to clear that the disk stays over 90 %: every question has a deadline, and the ladder goes on. */
const littleToClear = diskFull({ oldLogs: 1, oldProtectedLogs: 1, cacheData: 1, views: 1 });

const prune = 'Prune failed jobs older than 24 hours';
const flush = 'Flush all failed jobs';
const sessions = 'Delete all sessions';
const declined = { [prune]: 'decline', [sessions]: 'decline', [flush]: 'decline' } as const;

export const diskSpaceCriticalScenarios: Scenario[] = [
  {
    outcome: 'recovered',
    fault: diskFull(),
    async play(incident) {
      await incident.until('three questions', (view) => view.asks.length === 3 && view.state === 'mitigated');
      await incident.keep('open-mitigated');
      // The usual path: what is not needed any more is never answered.
      await incident.approve(sessions);
      await incident.until('the watch', (view) => view.state === 'watching');
      await incident.keep('open-in-the-watch');
    },
  },
  { outcome: 'approval-declined', fault: littleToClear, play: endsUncured(declined) },
  {
    outcome: 'approval-expired',
    fault: littleToClear,
    async play(incident) {
      await keepAtTheQuestion(incident);
      await endsUncured()(incident);
    },
  },
  { outcome: 'unrecovered', fault: littleToClear, play: climbsTo(3, declined) },
  {
    outcome: 'failed-step',
    fault: diskFull(),
    prepare: failing('find', "find: 'storage/logs': Input/output error"),
    async play(incident) {
      await incident.decline(prune);
      await incident.approve(sessions);
    },
  },
];
