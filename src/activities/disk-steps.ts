import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import type { ArtisanActivities } from './artisan.js';
import { hasCommand } from './artisan-command.js';
import type { HostActivities } from './host.js';
import { hostNamed, wholeNumber } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf, PostgresActivities } from './postgres.js';
import type { Shell } from './shell.js';

export interface DiskStepParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
  artisan: Pick<ArtisanActivities, 'cacheClear' | 'cacheClearIsSafe'>;
  host: Pick<HostActivities, 'clearFolder'>;
  postgres: Pick<PostgresActivities, 'databaseVolumeHasRoom'>;
}

/** What Disk Space Critical asks of several systems at once: an act with its rule, and conditions with several parts. */
export function diskStepActivities({ hosts, shellOf, databaseOf, artisan, host, postgres }: DiskStepParts) {
  return {
    /**
     * `cache:clear`, then what is left in storage/framework/cache/data. Refused, right before the act, if sessions, queue or
     * locks share the cache's store. A repeat is safe.
     */
    async clearCache({ place }: { place: Place }): Promise<ActResult> {
      const rule = await artisan.cacheClearIsSafe({ place });
      if (!rule.holds) return { outcome: 'refused', evidence: rule.why };
      const cleared = await artisan.cacheClear({ place });
      const files = await host.clearFolder({ place, what: 'cache' });
      const outcome = cleared.outcome === 'done' && files.outcome !== 'failed' ? 'done' : 'failed';
      return { ...cleared, outcome, evidence: `${files.evidence}\n${cleared.evidence}` };
    },

    /** Whether there are failed jobs that old, and room for the WAL that deleting them writes. */
    async failedJobsToClean({ place, olderThanHours }: { place: Place; olderThanHours: number }): Promise<Condition> {
      wholeNumber('olderThanHours', olderThanHours, { min: 0, max: 24 * 365 });
      const jobs = await withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ n: string }>(
          'select count(*) as n from failed_jobs where $1 = 0 or failed_at < localtimestamp - make_interval(hours => $1::int)',
          [olderThanHours],
        );
        return Number(rows[0]?.n ?? 0);
      });
      const those = olderThanHours === 0 ? `${jobs} failed jobs` : `${jobs} failed jobs older than ${olderThanHours} h`;
      if (jobs === 0) return { holds: false, why: those };
      const room = await postgres.databaseVolumeHasRoom({ place });
      return { holds: room.holds, why: `${those}; ${room.why}; PostgreSQL gives the room back to itself, not to the disk` };
    },

    /** Whether this AuthOS can archive, and the database's volume has room for what that writes. */
    async canArchive({ place }: { place: Place }): Promise<Condition> {
      const at = hostNamed(hosts, place.host);
      if (!(await hasCommand({ host: at, shell: shellOf(at) }, 'db:archive'))) return { holds: false, why: 'Command "db:archive" is not defined.' };
      return postgres.databaseVolumeHasRoom({ place });
    },
  };
}

export type DiskStepActivities = ReturnType<typeof diskStepActivities>;
