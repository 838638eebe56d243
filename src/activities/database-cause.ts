import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding } from '../domain/step.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { readHealth } from './health-api.js';
import type { AuthosApi } from './health-api.js';
import { hostNamed } from './known-hosts.js';
import type { DatabaseOf } from './postgres.js';
import { withDatabase } from './postgres.js';
import type { Shell } from './shell.js';
import { fitted } from './wording.js';

/** Whether the database is what causes the errors, by its own signs and not by what errors say. */
export interface DatabaseCause {
  isCause: boolean;
  why: string;
  /** Its name in the config, which an incident of its own would have. */
  database?: string;
}

/** From here on "Database Connection Failures" acts. */
const fullFromPercent = 80;

/** R3 of High Error Rate: `db:show`, `db:monitor`, and our own look. Reads only; a repeat is safe. */
export function databaseCauseActivities({
  hosts,
  shellOf,
  apiOf,
  databaseOf,
  databaseNameOf,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  databaseOf: DatabaseOf;
  databaseNameOf: (place: Place) => string | undefined;
}) {
  return {
    /** The database is the cause if its health is unhealthy, it refuses us, its connections are nearly used up, or a query blocks others. */
    async checkDatabaseAsCause({ place }: { place: Place }): Promise<Finding<DatabaseCause>> {
      const host = hostNamed(hosts, place.host);
      const said: string[] = [];
      for (const command of ['db:show', 'db:monitor']) {
        const result = await artisan({ host, shell: shellOf(host), command });
        said.push(result.exitCode === 0 ? `${command}: ok` : fitted(artisanOutcome(command, result).evidence, 300));
      }
      const health = await readHealth(apiOf(place), 'database');
      const own = await ownLook(databaseOf, place);
      const signs = [
        ...(health.status === 'unhealthy' || health.status === 'critical' ? [`its health is ${health.status}`] : []),
        ...('refused' in own ? [`it refuses us: ${own.refused}`] : []),
        ...('usedPercent' in own && own.usedPercent >= fullFromPercent ? [`${own.usedPercent} % of its connections are in use`] : []),
        ...('usedPercent' in own && own.blocked > 0 ? [`${own.blocked} queries wait for others`] : []),
      ];
      const isCause = signs.length > 0;
      const figures = 'usedPercent' in own ? `${own.usedPercent} % of connections in use, ${own.blocked} queries blocked` : `not seen by us${'refused' in own ? `: ${own.refused}` : ', the config has no database'}`;
      const why = isCause ? signs.join(', ') : 'no sign that the database is the cause';
      const database = databaseNameOf(place);
      return { evidence: fitted(`${why}; health ${health.status}; ${figures}; ${said.join('; ')}`), data: { isCause, why: fitted(why, 500), ...(database === undefined ? {} : { database }) } };
    },
  };
}

async function ownLook(databaseOf: DatabaseOf, place: Place): Promise<{ usedPercent: number; blocked: number } | { refused: string } | { notConfigured: true }> {
  if (databaseOf(place) === undefined) return { notConfigured: true };
  try {
    return await withDatabase(databaseOf, place, async (client) => {
      const { rows } = await client.query<{ used: number; most: number; blocked: number }>(
        `select (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
                current_setting('max_connections')::int as most,
                (select count(*)::int from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0) as blocked`,
      );
      const { used = 0, most = 1, blocked = 0 } = rows[0] ?? {};
      return { usedPercent: Math.round((used * 100) / most), blocked };
    });
  } catch (error) {
    if (Context.current().cancellationSignal.aborted) throw error;
    return { refused: fitted(error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error), 300) };
  }
}

export type DatabaseCauseActivities = ReturnType<typeof databaseCauseActivities>;
