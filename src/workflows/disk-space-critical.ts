import type { FailedJobsFound, OptionalCommands } from '../activities/disk-steps.js';
import type { Condition } from '../activities/known-hosts.js';
import type { Place } from '../domain/place.js';
import type { RunInput } from '../domain/messages.js';
import { clearCacheActs } from './cache-clear.js';
import { waiting } from './calling.js';
import { openRun } from './run.js';
import { act, diagnostic, type Procedure, type Proof, type Scene, step } from './step.js';

/** Where "Prevention" sets the early alert; no more is deleted than it takes to get there. */
const enough = 80;
const disk = ({ name }: Place): string[] => [`disk:${name}`];
const failedJobs = ({ database, environment }: Place): string[] => [`table:failed_jobs@${database ?? environment}`];

const checkDiskUsage = diagnostic({
  title: 'Check Disk Usage',
  command: ({ mount }) => `df -h ${mount}; du -sh <root>/*`,
  timeout: { minutes: 2, because: 'du of the top folders on a slow disk' },
  find: (on, { place }) => on.lookAtDisk({ place }),
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
  find: (on, { place }) => on.lookAtLogs({ place }),
});

const checkDatabaseSize = diagnostic({
  title: 'Check Database Size',
  command: ({ database }) => `psql -c "SELECT pg_size_pretty(pg_database_size('${database ?? '<database>'}'))"`,
  timeout: { minutes: 1, because: 'one query with its own time limit' },
  find: (on, { place }) => on.lookAtDatabase({ place }),
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
      when: { says: 'this AuthOS has the command log:clear', holds: async (_, scene) => hasCommand(scene, 'log:clear') },
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
    ...clearCacheActs(),
    act({
      name: 'Delete all sessions',
      risk: 'destructive', // logs everyone out, so it is offered after everything else
      offeredLast: true,
      command: () => 'rm -rf storage/framework/sessions/*',
      when: { says: 'sessions are files on the target mount', actLooksToo: true, holds: async (_, scene) => found(scene).sessions ?? unknown },
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
        actLooksToo: true,
        holds: async (_, scene) => failedJobsToClean(scene, 'older than a day'),
      },
      touches: failedJobs,
      timeout: { minutes: 5, because: 'export, then delete' },
      do: async (on, { place }) => {
        const room = await on.databaseVolumeHasRoom({ place });
        if (!room.holds) return { outcome: 'refused', evidence: room.why };
        const kept = await on.exportFailedJobs({ place });
        return kept.exported ? on.pruneFailedJobs({ place, hours: 24, exported: kept.exported }) : kept;
      },
    }),
    act({
      name: 'Flush all failed jobs',
      risk: 'destructive',
      offeredLast: true, // the young ones may still be retried; no more is deleted than needed
      command: () => 'php artisan queue:flush (after an export to the archive)',
      when: { says: 'the same for all that are left', actLooksToo: true, holds: async (_, scene) => failedJobsToClean(scene, 'all') },
      touches: failedJobs,
      timeout: { minutes: 5, because: 'export, then delete' },
      do: async (on, { place }) => {
        const room = await on.databaseVolumeHasRoom({ place });
        if (!room.holds) return { outcome: 'refused', evidence: room.why };
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
    holds: async (on, scene) => {
      const command = hasCommand(scene, 'db:archive');
      return command.holds ? on.databaseVolumeHasRoom({ place: scene.place }) : command;
    },
  },
  touches: ({ database, environment }) => [`table:authentication_logs@${database ?? environment}`],
  timeout: { minutes: 30, because: 'a large table, in batches' },
  do: (on, { place }) => on.archiveTable({ place, table: 'authentication_logs', days: 90 }),
});

const increaseDiskSpace = step({
  title: 'Increase Disk Space',
  acts: [
    act({
      name: 'Grow the volume',
      risk: 'destructive', // it costs money, and a volume never shrinks
      command: ({ mount }) => `aws ec2 modify-volume --volume-id <volume of ${mount}> --size <config>; growpart; resize2fs or xfs_growfs, by the type of the file system`,
      when: {
        says: 'the config names the volume of this mount and the size that it may have',
        actLooksToo: true,
        holds: async (_, scene) => found(scene).volume ?? unknown,
      },
      touches: (place) => [...disk(place), `volume@${place.host}`],
      timeout: { minutes: 10, because: 'one request to AWS, and a file system that grows while it is in use' },
      async do(on, { place }) {
        const asked = await on.modifyVolume({ place });
        if (asked.outcome !== 'done') return asked;
        // Minutes as a rule; the locks are held as long as the act may take in all.
        const ready = await waiting(place.host, 'Wait for the volume', 8 * 60_000).volumeIsReady({ place });
        if (ready.outcome !== 'done') return { ...ready, evidence: `${asked.evidence}; ${ready.evidence}` };
        const grown = await on.growFileSystem({ place });
        return { ...grown, evidence: `${asked.evidence}; ${ready.evidence}; ${grown.evidence}` };
      },
    }),
  ],
  byHand: 'where the config names no volume, and it can grow: aws ec2 modify-volume, wait until it is optimizing, then grow the partition and the file system by its type',
});

/** What the diagnosis found and the offers need; a step that failed leaves its part unknown, and unknown never holds. */
interface Facts {
  sessions?: Condition;
  volume?: Condition;
  commands?: OptionalCommands;
  failedJobs?: FailedJobsFound;
}

const unknown: Condition = { holds: false, why: 'the diagnosis could not tell' };

function found({ facts }: Scene): Facts {
  return { ...(facts[checkDiskUsage.title] as Facts), ...(facts[checkLogSizes.title] as Facts), ...(facts[checkDatabaseSize.title] as Facts) };
}

function hasCommand(scene: Scene, command: keyof OptionalCommands): Condition {
  const there = found(scene).commands?.[command];
  if (there === undefined) return unknown;
  return { holds: there, why: there ? `it has ${command}` : `Command "${command}" is not defined.` };
}

function failedJobsToClean(scene: Scene, which: 'all' | 'older than a day'): Condition {
  const jobs = found(scene).failedJobs;
  if (!jobs) return unknown;
  const count = which === 'all' ? jobs.all : jobs.olderThanADay;
  const those = `${count} failed jobs${which === 'all' ? '' : ' older than a day'}`;
  if (count === 0) return { holds: false, why: those };
  return { holds: jobs.room.holds, why: `${those}; ${jobs.room.why}; PostgreSQL keeps the room for itself and gives none to the disk` };
}

/** Holds for all samples; 80–90 % with writes working is mitigated. */
const recovered: Proof = {
  says: 'used and inodes < 80 %, by df and AuthOS, and a 1 MiB write with fsync on that mount works',
  check: (on, { place }, window) => on.proveDisk({ place, below: enough, window }),
};

/** "Disk Space Critical" of RUNBOOKS.md: what it says around its steps, and the steps. */
export const diskSpaceCriticalProcedure: Procedure = {
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
  diagnose: [checkDiskUsage, identifyLargeFiles, checkLogSizes, checkDatabaseSize],
  resolve: [clearOldLogs, clearCacheFiles, cleanFailedJobs, archiveOldData, increaseDiskSpace],
  recovered,
};

/** Disk Space Critical: docs/runbooks.md#disk-space-critical. */
export async function diskSpaceCritical(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...diskSpaceCriticalProcedure.diagnose);
  await run.resolveUntil(recovered, diskSpaceCriticalProcedure.resolve);
  await run.end();
}
