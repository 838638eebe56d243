import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import type { ArtisanActivities } from './artisan.js';
import { commandsOf } from './artisan-command.js';
import type { DiskActivities } from './disk.js';
import type { DiskUsage } from './disk-usage.js';
import type { HostActivities } from './host.js';
import { hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf, DatabaseSizes, PostgresActivities } from './postgres.js';
import type { Shell } from './shell.js';
import type { Sizes } from './top-sizes.js';
import { volumeCondition } from './volume-growth.js';

/** Which of the commands that only some AuthOS have this one has; absent if artisan did not say. */
export interface OptionalCommands {
  'log:clear'?: boolean;
  'db:archive'?: boolean;
}

/** Failed jobs, and whether deleting them is safe for the database's volume. */
export interface FailedJobsFound {
  all: number;
  olderThanADay: number;
  room: Condition;
}

export interface DiskStepParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
  artisan: Pick<ArtisanActivities, 'cacheClear' | 'cacheClearIsSafe'>;
  host: Pick<HostActivities, 'clearFolder' | 'pathOnMount'>;
  disk: Pick<DiskActivities, 'checkDiskUsage' | 'checkLogSizes'>;
  postgres: Pick<PostgresActivities, 'checkDatabaseSize' | 'databaseVolumeHasRoom'>;
}

/** What Disk Space Critical asks of several systems at once: an act with its rule, and conditions with several parts. */
export function diskStepActivities({ hosts, shellOf, databaseOf, artisan, host, disk, postgres }: DiskStepParts) {
  async function failedJobs(place: Place): Promise<FailedJobsFound> {
    const counts = await withDatabase(databaseOf, place, async (client) => {
      const { rows } = await client.query<{ all: string; old: string }>(
        "select count(*) as all, count(*) filter (where failed_at < localtimestamp - interval '24 hours') as old from failed_jobs",
      );
      return { all: Number(rows[0]?.all ?? 0), olderThanADay: Number(rows[0]?.old ?? 0) };
    });
    return { ...counts, room: await postgres.databaseVolumeHasRoom({ place }) };
  }

  return {
    /** D1, with what the last offers of the runbook need to know: whether the sessions are files on this mount, and whether it may grow. */
    async lookAtDisk({ place }: { place: Place }): Promise<Finding<DiskUsage & { sessions: Condition; volume: Condition }>> {
      const [usage, sessions] = await Promise.all([disk.checkDiskUsage({ place }), host.pathOnMount({ place, what: 'sessions' })]);
      return { ...usage, data: { ...usage.data, sessions, volume: volumeCondition(hostNamed(hosts, place.host), place.mount ?? '') } };
    },

    /** D3, with whether this AuthOS can clear its logs and archive by itself. */
    async lookAtLogs({ place }: { place: Place }): Promise<Finding<Sizes & { commands: OptionalCommands }>> {
      const at = hostNamed(hosts, place.host);
      const there = commandsOf({ host: at, shell: shellOf(at) });
      const [sizes, known] = await Promise.all([disk.checkLogSizes({ place }), there]);
      const commands = 'exitCode' in known ? {} : { 'log:clear': known.has('log:clear'), 'db:archive': known.has('db:archive') };
      return { ...sizes, data: { ...sizes.data, commands } };
    },

    /** D4, with the failed jobs, which the runbook may offer to clean. */
    async lookAtDatabase({ place }: { place: Place }): Promise<Finding<DatabaseSizes & { failedJobs: FailedJobsFound }>> {
      const [sizes, jobs] = await Promise.all([postgres.checkDatabaseSize({ place }), failedJobs(place)]);
      const evidence = `${sizes.evidence}\n${jobs.all} failed jobs, ${jobs.olderThanADay} of them older than a day`;
      return { ...sizes, evidence, data: { ...sizes.data, failedJobs: jobs } };
    },

    /**
     * `cache:clear`, then what is left in storage/framework/cache/data. Refused, right before the act, if sessions, queue or
     * locks share the cache's store, unless a person approved that. A repeat is safe, or loses what came since.
     */
    async clearCache({ place, evenIfShared }: { place: Place; evenIfShared: boolean }): Promise<ActResult> {
      const rule = await artisan.cacheClearIsSafe({ place });
      if (!rule.holds && !evenIfShared) return { outcome: 'refused', evidence: rule.why };
      const cleared = await artisan.cacheClear({ place });
      // Files are cleared for the room they give on the target mount; an incident of another kind has none.
      if (place.mount === undefined) return cleared;
      const files = await host.clearFolder({ place, what: 'cache' });
      const outcome = cleared.outcome === 'done' && files.outcome !== 'failed' ? 'done' : 'failed';
      return { ...cleared, outcome, evidence: `${files.evidence}\n${cleared.evidence}` };
    },

  };
}

export type DiskStepActivities = ReturnType<typeof diskStepActivities>;
