import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import { clearingCacheIsSafe } from './cache-stores.js';
import { badInput, hostNamed, wholeNumber } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { logsThatMustStay } from './kept-logs.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Shell } from './shell.js';
import { fitted, listed, shownName } from './wording.js';

/** Tables that may be archived, as the runbook names them. */
export const archivableTables = ['authentication_logs'] as const;
export type ArchivableTable = (typeof archivableTables)[number];

/** Activities through artisan. A command that this version lacks is a failed act in Laravel's words, never a guess. */
export function artisanActivities({
  hosts,
  shellOf,
  databaseOf,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
}) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  return {
    /**
     * `log:clear --days=…`, unless that could delete a protected log or evidence: AuthOS's own command knows neither, so it is
     * refused while one of that age is there. A repeat is safe.
     */
    async logClear({ place, days }: { place: Place; days: number }): Promise<ActResult> {
      wholeNumber('days', days, { min: 1, max: 3650 });
      const { host, shell } = at(place);
      const before = await logsThatMustStay(host, days);
      if (before.atRisk.length > 0) {
        return {
          outcome: 'refused',
          evidence: listed(
            'log:clear not run, it could delete:',
            before.atRisk.map(({ path, why }) => `${shownName(path)}: ${why}`),
            10,
          ),
        };
      }
      const result = artisanOutcome('log:clear', await artisan({ host, shell, command: 'log:clear', args: [`--days=${days}`] }));
      const there = new Set((await logsThatMustStay(host, days)).all);
      const gone = before.all.filter((path) => !there.has(path));
      if (gone.length === 0) return result;
      return {
        ...result,
        outcome: 'failed',
        evidence: listed(`${result.evidence}\nlog:clear deleted logs that must stay:`, gone.map(shownName), 10),
      };
    },

    /**
     * `cache:clear`, proved by a value of our own that must be gone afterwards; config and route caches that it took along are
     * built again. Whether it is allowed is `cacheClearIsSafe` and the caller's limit. A repeat is safe, and empties it again.
     */
    async cacheClear({ place }: { place: Place }): Promise<ActResult> {
      const { host, shell } = at(place);
      return withCachesBuiltAgain({ host, shell }, async () => {
        const put = await tinkerJson(
          { host, shell },
          "cache()->put('responder:probe', 'there', 600) ? cache()->get('responder:probe') : null",
        );
        const result = artisanOutcome('cache:clear', await artisan({ host, shell, command: 'cache:clear' }));
        if (result.outcome !== 'done') return result;
        if ('unknown' in put || put.value !== 'there')
          return { ...result, evidence: `${result.evidence}; not read back, since no value could be put there first` };
        const left = await tinkerJson({ host, shell }, "cache()->get('responder:probe')");
        if ('unknown' in left) return { ...result, evidence: `${result.evidence}; not read back: ${left.unknown}` };
        if (left.value !== null)
          return {
            ...result,
            outcome: 'failed',
            evidence: `${result.evidence}; but a value put there before is still in the cache`,
          };
        return { ...result, evidence: `${result.evidence}; read back: empty` };
      });
    },

    /** Whether `cache:clear` leaves sessions, queue and locks alone, as the running configuration says. Unknown does not hold. */
    async cacheClearIsSafe({ place }: { place: Place }): Promise<Condition> {
      return clearingCacheIsSafe(at(place));
    },

    /**
     * `db:archive --table=… --days=…`, with the rows that old counted before and after. 'Failed' if it said ok and they are all
     * still there. Not for repeating blindly: nobody knows what half an archive left behind.
     */
    async archiveTable({ place, table, days }: { place: Place; table: ArchivableTable; days: number }): Promise<ActResult> {
      if (!archivableTables.includes(table))
        throw badInput(`table ${JSON.stringify(table)} may not be archived: ${archivableTables.join(', ')}`);
      wholeNumber('days', days, { min: 30, max: 3650 });
      const count = async (): Promise<number> =>
        withDatabase(databaseOf, place, async (client) => {
          // The name is one of our own list above.
          const { rows } = await client.query<{ n: string }>(
            `select count(*) as n from ${table} where created_at < now() - make_interval(days => $1)`,
            [days],
          );
          return Number(rows[0]?.n);
        });
      const before = await count();
      const result = artisanOutcome(
        'db:archive',
        await artisan({
          ...at(place),
          command: 'db:archive',
          args: [`--table=${table}`, `--days=${days}`],
          timeoutMs: 20 * 60_000,
        }),
      );
      if (result.outcome !== 'done') return result;
      const after = await count();
      const evidence = fitted(`${result.evidence}; rows of ${table} older than ${days} days: ${before} before, ${after} after`);
      return { ...result, outcome: before > 0 && after >= before ? 'failed' : 'done', evidence };
    },
  };
}

/**
 * Runs an act and builds the config and route caches again that it took away, in the same step: an application that had them
 * must not go on without. A cache that could not be built again makes the act 'failed'. Caches still there are left: building
 * one takes in every edit of `.env` that nobody has deployed.
 */
export async function withCachesBuiltAgain(
  { host, shell }: { host: Host; shell: Shell },
  act: () => Promise<ActResult>,
): Promise<ActResult> {
  const before = await builtCaches(host);
  const result = await act();
  const after = await builtCaches(host);
  let { outcome, evidence } = result;
  for (const command of before.filter((cache) => !after.includes(cache))) {
    const built = artisanOutcome(command, await artisan({ host, shell, command }));
    const isBack = built.outcome === 'done' && (await builtCaches(host)).includes(command);
    if (!isBack) outcome = 'failed';
    evidence += `; ${isBack ? `${command}: built again` : `${command} did not build it again: ${built.evidence}`}`;
  }
  return { ...result, outcome, evidence: fitted(evidence) };
}

/** The commands that build the caches which exist now. */
export async function builtCaches(host: Host): Promise<string[]> {
  const names = await readdir(join(host.root, 'bootstrap/cache')).catch((): string[] => []);
  const caches = [
    { command: 'config:cache', there: names.includes('config.php') },
    { command: 'route:cache', there: names.some((name) => /^routes.*\.php$/.test(name)) },
  ];
  return caches.filter(({ there }) => there).map(({ command }) => command);
}

export type ArtisanActivities = ReturnType<typeof artisanActivities>;
