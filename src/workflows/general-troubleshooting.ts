import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { phpOnAllHosts, restartedEverywhere, restartEverywhere } from './restart.js';
import { openRun } from './run.js';
import { act, diagnostic, type On, type Procedure, type Proof, step } from './step.js';

const quickHealthCheck = diagnostic({
  title: 'Quick Health Check',
  command: () => 'curl https://<authos>/api/health/detailed | jq',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place, incidentId }) => on.firstHealth({ place, incidentId }),
});

const viewLiveLogs = diagnostic({
  title: 'View Live Logs',
  // The text follows them with `tail -f`; the last lines of each channel are what a first look needs.
  command: () => 'tail -n 50 storage/logs/<channel>.log, of each channel',
  timeout: { minutes: 2, because: 'the ends of eight files' },
  find: (on, { place }) => on.viewLogs({ place, channels: ['api', 'security', 'oauth', 'performance', 'monitoring', 'webhooks', 'audit', 'laravel'] }),
});

const databaseConsole = diagnostic({
  title: 'Database Console',
  command: () => "php artisan tinker: DB::connection()->getPdo(); User::count(); Cache::get('test')",
  timeout: { minutes: 3, because: 'artisan boots three times' },
  find: (on, { place }) => on.databaseConsole({ place }),
});

const checkSystemStatus = diagnostic({
  title: 'Check System Status',
  command: () => 'php artisan monitor:health --output-format=json',
  timeout: { minutes: 2, because: 'it runs every check of AuthOS' },
  find: (on, { place }) => on.checkSystemStatus({ place }),
});

const clearAllCaches = step({
  title: 'Clear All Caches',
  acts: [
    act({
      name: 'Clear all caches and restart',
      risk: 'disruptive',
      command: ({ hosts }) => `php artisan optimize:clear; herd restart, on ${hosts.join(', then ')}`,
      when: {
        says: 'a person asked for a run with acts, and sessions, queue and locks are not in the cache',
        holds: (on, { place }) => on.cacheClearIsSafe({ place }),
      },
      touches: (place: Place) => [`env:${place.environment}`, ...phpOnAllHosts(place)],
      budget: ({ environment }) => `cache:clear@${environment}`,
      settle: 'restart',
      timeout: { minutes: 5, because: 'caches that are built again, then a restart of each host' },
      look: (_, { place, lastActAt }) => restartedEverywhere(place, lastActAt), // last of all, so everything else was done too
      do: (on, { place }, onHost) => clearAndRestart(on, place, onHost),
    }),
  ],
});

async function clearAndRestart(on: On, place: Place, onHost: (host: string) => On): Promise<ActResult> {
  // The cache is one for all hosts; what is compiled is each host's own.
  const cleared = await on.clearCache({ place, evenIfShared: false });
  if (cleared.outcome === 'refused') return cleared;
  const said = [cleared];
  for (const host of place.hosts) said.push(await onHost(host).optimizeClear({ place: { ...place, host }, memoryLimit: '512M' }));
  const restarted = await restartEverywhere(place, onHost);
  const outcome = [...said, restarted].every((result) => result.outcome === 'done') ? 'done' : 'failed';
  return { ...restarted, outcome, evidence: [...said, restarted].map(({ evidence }) => evidence).join('\n').slice(0, 2_000) };
}

const recovered: Proof = {
  says: "the alert's source says resolved, and detailed health is no worse than when the incident began",
  check: (on, { place, incidentId, alert }, window) => on.proveAsBefore({ place, incidentId, resolved: alert.status === 'resolved', window }),
};

/** For an alert that fits no runbook: no alert is dropped because nobody wrote one for it. */
export const generalTroubleshootingProcedure: Procedure = {
  type: 'generalTroubleshooting',
  title: 'General Troubleshooting Tips',
  severity: 'Medium', // the alert's own counts
  target: 'environment',
  triggers: ['An alert that fits no other runbook', 'A first look by hand'],
  impact: ['Not known: a person judges'],
  prevention: [],
  ladder: { besides: [], told: [], levels: [{ afterMinutes: 60, role: 'Escalation contact' }] }, // by severity: src/alerts/routing.ts
  diagnose: [quickHealthCheck, viewLiveLogs, databaseConsole, checkSystemStatus],
  resolve: [clearAllCaches],
  recovered,
};

/** General Troubleshooting Tips: docs/runbooks.md#general-troubleshooting-tips. */
export async function generalTroubleshooting(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...generalTroubleshootingProcedure.diagnose);
  // The first run looks and leaves the rest to the people it pages; the act is on request: in a full run that came after it.
  if (input.kind === 'check' || input.run > 1) await run.resolveUntil(recovered, generalTroubleshootingProcedure.resolve);
  await run.end();
}
