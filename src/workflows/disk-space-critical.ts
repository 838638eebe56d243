import type { Place } from '../domain/place.js';
import type { RunInput } from '../domain/messages.js';
import type { Runbook } from '../domain/runbook.js';
import { openRun } from './run.js';
import { act, diagnostic, type Proof, step } from './step.js';

/** What RUNBOOKS.md says around the steps of "Disk Space Critical". */
export const diskSpaceCriticalRunbook: Runbook = {
  type: 'diskSpaceCritical',
  title: 'Disk Space Critical',
  severity: 'Critical',
  target: 'host and mount',
  triggers: ['Disk usage > 90%', 'Storage health check shows critical', 'Write operations failing'],
  impact: ['Application crashes', 'Log write failures', 'Database corruption risk', 'Session loss'],
  prevention: ['Set up automated log rotation', 'Implement data archival policy', 'Monitor disk usage daily', 'Set up disk space alerts at 80%'],
  ladder: {
    besides: ['Infrastructure Team'], // "Immediate escalation to Infrastructure Team"
    told: [],
    levels: [
      { afterMinutes: 15, role: 'Engineering Manager' },
      { afterMinutes: 30, role: 'CTO' },
    ],
  },
};

/** Where "Prevention" sets the early alert; no more is deleted than it takes to get there. */
const enough = 80;
const disk = ({ name }: Place): string[] => [`disk:${name}`];
const env = ({ environment }: Place): string[] => [`env:${environment}`];
const failedJobs = ({ database, environment }: Place): string[] => [`table:failed_jobs@${database ?? environment}`];

const checkDiskUsage = diagnostic({
  title: 'Check Disk Usage',
  command: ({ mount }) => `df -h ${mount}; du -sh <root>/*`,
  timeout: { minutes: 2, because: 'du of the top folders on a slow disk' },
  find: (on, { place }) => on.checkDiskUsage({ place }),
});

const identifyLargeFiles = diagnostic({
  title: 'Identify Large Files',
  command: () => 'du -ahx <root> | sort -rh | head -20',
  timeout: { minutes: 3, because: 'it walks the whole tree, and stops by itself after 2 minutes' },
  find: (on, { place }) => on.identifyLargeFiles({ place }),
});

const checkLogSizes = diagnostic({
  title: 'Check Log Sizes',
  command: () => 'du -sh storage/logs/*',
  timeout: { minutes: 2, because: 'one folder' },
  find: (on, { place }) => on.checkLogSizes({ place }),
});

const checkDatabaseSize = diagnostic({
  title: 'Check Database Size',
  command: ({ database }) => `psql -c "SELECT pg_size_pretty(pg_database_size('${database ?? '<database>'}'))"`,
  timeout: { minutes: 1, because: 'one query with its own time limit' },
  find: (on, { place }) => on.checkDatabaseSize({ place }),
});

const clearOldLogs = step({
  title: 'Clear Old Logs',
  acts: [
    act({
      name: 'Delete logs older than 7 days',
      risk: 'destructive',
      approval: 'at once', // the text says "immediately"; audit and security logs are moved to the archive instead
      command: () => "find storage/logs -xdev -type f -name '*.log' -mtime +7 -delete",
      when: { says: 'storage/logs is a real folder on the target mount, no database is in it, nothing is on evidence hold' },
      touches: disk,
      ifWorkerDies: 'repeat', // deleting what is already gone is harmless
      timeout: { minutes: 10, because: 'moving audit logs to another volume takes as long as copying them' },
      do: (on, { place }) => on.deleteOldLogs({ place, days: 7 }),
    }),
    act({
      name: 'Rotate logs',
      risk: 'destructive',
      approval: 'at once',
      command: () => 'php artisan log:clear --days=7',
      when: { says: 'this AuthOS has the command log:clear' },
      touches: disk,
      ifWorkerDies: 'repeat',
      timeout: { minutes: 2, because: 'artisan boots and unlinks' },
      do: (on, { place }) => on.logClear({ place, days: 7 }),
    }),
  ],
});

const clearCacheFiles = step({
  title: 'Clear Cache Files',
  acts: [
    act({
      name: 'Delete compiled views',
      risk: 'safe',
      command: () => 'rm -rf storage/framework/views/*',
      when: { says: 'the folder is on the target mount' },
      touches: disk,
      timeout: { minutes: 5, because: 'many small files' },
      do: (on, { place }) => on.clearFolder({ place, what: 'views' }),
    }),
    act({
      name: 'Clear the cache',
      risk: 'safe', // by the rule for cache:clear: else it would log people out or lose jobs, and is not done here
      command: () => 'php artisan cache:clear; rm -rf storage/framework/cache/data/*',
      when: { says: 'sessions, queue and locks use another store than the cache; no brute-force incident is open' },
      touches: env,
      budget: ({ environment }) => `cache:clear@${environment}`,
      timeout: { minutes: 5, because: 'many small files' },
      do: (on, { place }) => on.clearCache({ place }),
    }),
    act({
      name: 'Delete all sessions',
      risk: 'destructive', // logs everyone out, so it is offered after everything else
      offeredLast: true,
      command: () => 'rm -rf storage/framework/sessions/*',
      when: { says: 'sessions are files on the target mount', holds: (on, { place }) => on.pathOnMount({ place, what: 'sessions' }) },
      touches: disk,
      timeout: { minutes: 5, because: 'many small files' },
      do: (on, { place }) => on.clearFolder({ place, what: 'sessions' }),
    }),
  ],
});

const cleanFailedJobs = step({
  title: 'Clean Failed Jobs',
  acts: [
    act({
      name: 'Prune failed jobs older than 24 hours',
      risk: 'destructive',
      command: () => 'php artisan queue:prune-failed --hours=24 (after an export to the archive)',
      when: {
        says: 'there are such jobs, and the database volume has at least 5 % free: PostgreSQL gives no disk back at once, and writes WAL',
        holds: (on, { place }) => on.failedJobsToClean({ place, olderThanHours: 24 }),
      },
      touches: failedJobs,
      timeout: { minutes: 5, because: 'export, then delete' },
      do: async (on, { place }) => {
        const kept = await on.exportFailedJobs({ place });
        return kept.exported ? on.pruneFailedJobs({ place, hours: 24, exported: kept.exported }) : kept;
      },
    }),
    act({
      name: 'Flush all failed jobs',
      risk: 'destructive',
      offeredLast: true, // the young ones may still be retried; no more is deleted than needed
      command: () => 'php artisan queue:flush (after an export to the archive)',
      when: { says: 'there are failed jobs, and the database volume has at least 5 % free', holds: (on, { place }) => on.failedJobsToClean({ place, olderThanHours: 0 }) },
      touches: failedJobs,
      timeout: { minutes: 5, because: 'export, then delete' },
      do: async (on, { place }) => {
        const kept = await on.exportFailedJobs({ place });
        return kept.exported ? on.flushFailedJobs({ place, exported: kept.exported }) : kept;
      },
    }),
  ],
});

const archiveOldData = step({
  title: 'Archive Old Data',
  risk: 'destructive',
  command: () => 'php artisan db:archive --table=authentication_logs --days=90',
  when: {
    says: 'this AuthOS has the command db:archive, and the database volume has at least 5 % free',
    holds: (on, { place }) => on.canArchive({ place }),
  },
  touches: ({ database, environment }) => [`table:authentication_logs@${database ?? environment}`],
  timeout: { minutes: 30, because: 'a large table, in batches' },
  do: (on, { place }) => on.archiveTable({ place, table: 'authentication_logs', days: 90 }),
});

const increaseDiskSpace = step({
  title: 'Increase Disk Space',
  acts: [],
  byHand: 'if the volume can grow: aws ec2 modify-volume, wait until it is optimizing, then grow the partition and the file system by its type',
});

/** Holds for all samples; 80–90 % with writes working is mitigated. */
const recovered: Proof = {
  says: 'used and inodes < 80 %, by df and AuthOS, and a 1 MiB write with fsync on that mount works',
  check: (on, { place }, window) => on.proveDisk({ place, below: enough, window }),
};

/** Disk Space Critical: docs/runbooks.md#disk-space-critical. */
export async function diskSpaceCritical(input: RunInput): Promise<void> {
  const run = openRun(diskSpaceCriticalRunbook, input);
  await run.diagnose(checkDiskUsage, identifyLargeFiles, checkLogSizes, checkDatabaseSize);
  await run.resolveUntil(recovered, [clearOldLogs, clearCacheFiles, cleanFailedJobs, archiveOldData, increaseDiskSpace]);
  await run.end();
}
