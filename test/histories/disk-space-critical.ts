import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFull } from '../../sandbox/faults/index.js';
import type { Site } from '../../sandbox/drill/site.js';
import type { Scenario } from './scenario.js';

/** So little to clear that the disk stays over 90 %: every question has a deadline, and the ladder goes on. */
const littleToClear = diskFull({ oldLogs: 1, oldProtectedLogs: 1, cacheData: 1, views: 1 });

const prune = 'Prune failed jobs older than 24 hours';
const flush = 'Flush all failed jobs';
const sessions = 'Delete all sessions';

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
  {
    outcome: 'approval-declined',
    fault: littleToClear,
    async play(incident) {
      for (const act of [prune, sessions, flush]) await incident.decline(act);
      await incident.until('the end of the run', (view) => view.runs[0]?.end === 'unrecovered');
      await incident.resolve('cured by hand');
    },
  },
  {
    outcome: 'approval-expired',
    fault: littleToClear,
    async play(incident) {
      await incident.until('a question', (view) => view.asks.length > 0);
      await incident.keep('open-at-the-question');
      await incident.until('the end of the run', (view) => view.runs[0]?.end === 'unrecovered');
      await incident.resolve('cured by hand');
    },
  },
  {
    outcome: 'unrecovered',
    fault: littleToClear,
    async play(incident) {
      for (const act of [prune, sessions, flush]) await incident.decline(act);
      // Level 3 is the last of this runbook; above it is only the last resort.
      await incident.until('the last level', (view) => view.level >= 3 && view.runs.some((run) => run.kind === 'check' && run.end));
      await incident.resolve('cured by hand');
    },
  },
  {
    outcome: 'failed-step',
    fault: diskFull(),
    prepare: findFails,
    async play(incident) {
      await incident.decline(prune);
      await incident.approve(sessions);
    },
  },
];

/** A broken file system answers `find` with an error, over and over. */
async function findFails({ authos }: Site): Promise<void> {
  const words = "find: 'storage/logs': Input/output error";
  await writeFile(join(authos.inventory().path, 'find'), `#!/bin/sh\necho "${words}" >&2\nexit 1\n`, { mode: 0o755 });
}
