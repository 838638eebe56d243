import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { type Figure, growth } from './figures.js';
import type { AuthosApi } from './health-api.js';
import { hostNamed, wholeNumber } from './known-hosts.js';
import { lastLogLines } from './logs.js';
import { readFigures } from './monitoring-api.js';
import { outsideText } from './outside-text.js';
import type { DatabaseOf } from './postgres.js';
import { withDatabase } from './postgres.js';
import type { Scrub } from './scrub.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { bytesText, fitted, listed, shownName } from './wording.js';

interface Parts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  databaseOf: DatabaseOf;
  scrub: Scrub;
}

/** What could be counted. */
export interface Resources {
  phpProcesses?: number;
  memoryAvailablePercent?: number;
}

/** Hits and misses of the cache at one moment. */
export interface HitRate {
  hits: Figure;
  misses: Figure;
}

/** Sequential scans of a table this large, read this often, are candidates for an index. */
const candidate = { rows: 10_000, scans: 10 };

/** Activities that look for what makes AuthOS slow. Except `warmCache` they only read; a repeat of any is safe. */
export function performanceActivities({ hosts, shellOf, apiOf, databaseOf, scrub }: Parts) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  async function resources(place: Place): Promise<Finding<Resources>> {
    const { host, shell } = at(place);
    const [top, free, df] = await Promise.all([
      shell.run('top', ['-b', '-n', '1', '-w', '200'], { timeoutMs: 20_000 }),
      shell.run('free', ['-b'], { timeoutMs: 20_000 }),
      shell.run('df', ['-P', '-k', host.root], { timeoutMs: 20_000 }),
    ]);
    const lines = top.stdout.split('\n');
    const php = lines.filter((line) => /\bphp[\w.-]*\s*$/.test(line));
    const [total = 0, available = 0] = /^Mem:\s+(\d+)(?:\s+\d+){4}\s+(\d+)/m.exec(free.stdout)?.slice(1).map(Number) ?? [];
    const memory = total > 0 ? Math.round((available * 100) / total) : undefined;
    const load = /load average: ([\d., ]+)/.exec(top.stdout)?.[1];
    const rows = [
      top.exitCode === 0 ? `${php.length} PHP processes${load === undefined ? '' : `, load ${load}`}` : commandsWords('top', top).slice(0, 200),
      ...php.slice(0, 5).map((line) => outsideText(line.trim(), scrub, 120)),
      memory === undefined ? commandsWords('free', free).slice(0, 200) : `${bytesText(available)} of ${bytesText(total)} memory available (${memory} %)`,
      df.exitCode === 0 ? `disk: ${df.stdout.trim().split('\n').at(-1) ?? ''}` : commandsWords('df', df).slice(0, 200),
    ];
    return {
      evidence: listed(`resources of ${host.name}`, rows),
      data: { ...(top.exitCode === 0 ? { phpProcesses: php.length } : {}), ...(memory === undefined ? {} : { memoryAvailablePercent: memory }) },
    };
  }

  return {
    /** The slow queries in the last lines of the performance log. Reads to the end and stops: there is nobody to watch it. */
    async slowQueryLines({ place, most }: { place: Place; most: number }): Promise<Finding<{ lines: number }>> {
      wholeNumber('most', most, { min: 1, max: 5_000 });
      const last = await lastLogLines({ host: hostNamed(hosts, place.host), channel: 'performance', most });
      if (!last) return { evidence: 'there is no performance log', data: { lines: 0 } };
      const slow = last.lines.filter(({ message }) => /slow[ _-]quer/i.test(message));
      const rows = slow.slice(-10).map(({ at: when, message, context }) => {
        const query = context['sql'] ?? context['query'];
        return `${new Date(when).toISOString()} ${outsideText(message, scrub, 100)}${typeof query === 'string' ? ` ${outsideText(query, scrub, 100)}` : ''}`;
      });
      return { evidence: listed(`${last.name}: ${slow.length} slow queries in the last ${last.lines.length} lines`, rows), data: { lines: slow.length } };
    },

    /** PHP processes, memory and disk of the host, by `top`, `free` and `df`. A program that is missing is said so. */
    checkSystemResources: ({ place }: { place: Place }): Promise<Finding<Resources>> => resources(place),

    /** `db:monitor --slow` of the text, which stock Laravel lacks and says so, and the queries that run now, longest first. */
    async analyseSlowQueries({ place }: { place: Place }): Promise<Finding<{ longestSeconds: number }>> {
      const said = artisanOutcome('db:monitor --slow', await artisan({ ...at(place), command: 'db:monitor', args: ['--slow'] }));
      return withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ seconds: number; state: string; query: string }>(
          `select extract(epoch from clock_timestamp() - query_start)::float as seconds, coalesce(state, '') as state, left(query, 300) as query
           from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'
           order by 1 desc limit 10`,
        );
        const shown = rows.map(({ seconds, state, query }) => `${seconds.toFixed(1)} s, ${state}: ${outsideText(query.replace(/\s+/g, ' '), scrub, 120)}`);
        return { evidence: listed(`${rows.length} queries run now; ${fitted(said.evidence, 300)}`, shown), data: { longestSeconds: rows[0]?.seconds ?? 0 } };
      });
    },

    /** `db:show --counts`, and the large tables that are read by sequential scans: candidates for an index, which a person judges. */
    async findMissingIndexes({ place }: { place: Place }): Promise<Finding<{ candidates: string[] }>> {
      const shown = await artisan({ ...at(place), command: 'db:show', args: ['--counts'] });
      const said = shown.exitCode === 0 ? 'db:show --counts: ok' : fitted(artisanOutcome('db:show --counts', shown).evidence, 300);
      return withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ name: string; scans: string; read: string; index_scans: string; live: string }>(
          `select relname as name, seq_scan as scans, seq_tup_read as read, coalesce(idx_scan, 0) as index_scans, n_live_tup as live
           from pg_stat_user_tables
           where n_live_tup >= $1 and seq_scan >= $2 order by seq_tup_read desc limit 10`,
          [candidate.rows, candidate.scans],
        );
        const lines = rows.map(({ name, scans, read, index_scans: indexed, live }) => `${shownName(name)}: ${live} rows, ${scans} sequential scans read ${read} rows, ${indexed} index scans`);
        const sentence = rows.length === 0 ? 'no large table is read by sequential scans' : `candidates for an index: ${rows.map(({ name }) => shownName(name)).join(', ')}`;
        return { evidence: listed(`${sentence}; ${said}`, lines), data: { candidates: rows.map(({ name }) => name) } };
      });
    },

    /**
     * Hits and misses since midnight; with an earlier reading also their growth since, judged by the age of the figures
     * (`figureAge` ms), since totals that a cached answer repeats say nothing.
     */
    async cacheHitRate({ place, before, figureAge }: { place: Place; before?: HitRate; figureAge: number }): Promise<Finding<HitRate>> {
      const answer = await readFigures(apiOf(place), 'performance');
      const figure = (name: string): Figure => ({ fetchedAt: answer.fetchedAt, ...('values' in answer && answer.values[name] !== undefined ? { value: answer.values[name] } : {}) });
      const now = { hits: figure('cacheHits'), misses: figure('cacheMisses') };
      if ('unknown' in answer) return { evidence: `hit rate unknown: ${outsideText(answer.unknown, scrub, 200)}`, data: now };
      const total = `${now.hits.value ?? 'unknown'} hits, ${now.misses.value ?? 'unknown'} misses since midnight`;
      if (!before) return { evidence: total, data: now };
      const [hits, misses] = [growth(before.hits, now.hits, figureAge), growth(before.misses, now.misses, figureAge)];
      const words = hits.kind === 'unknown' ? hits.because : misses.kind === 'unknown' ? misses.because : rateText(hits, misses);
      return { evidence: `${total}; since the last look: ${words}`, data: now };
    },

    /** `cache:warm`, if this version has it. */
    async warmCache({ place }: { place: Place }): Promise<ActResult> {
      return artisanOutcome('cache:warm', await artisan({ ...at(place), command: 'cache:warm', timeoutMs: 5 * 60_000 }));
    },

    /** The numbers by which a person decides what to scale: processes, memory, database connections. */
    async scalingNumbers({ place }: { place: Place }): Promise<Finding<{ connections?: number; maxConnections?: number }>> {
      const host = await resources(place);
      try {
        const numbers = await withDatabase(databaseOf, place, async (client) => {
          const { rows } = await client.query<{ used: number; most: number }>(
            "select (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used, current_setting('max_connections')::int as most",
          );
          return rows[0];
        });
        const database = numbers ? `${numbers.used} of ${numbers.most} database connections in use` : 'database connections unknown';
        return { evidence: fitted(`${database}; ${host.evidence}`), data: numbers ? { connections: numbers.used, maxConnections: numbers.most } : {} };
      } catch (error) {
        return { evidence: fitted(`database connections unknown: ${error instanceof Error ? error.message : String(error)}; ${host.evidence}`), data: {} };
      }
    },
  };
}

function rateText(hits: ReturnType<typeof growth>, misses: ReturnType<typeof growth>): string {
  const by = (one: ReturnType<typeof growth>): number => (one.kind === 'grew' ? one.by : 0);
  const all = by(hits) + by(misses);
  return all === 0 ? 'no use of the cache' : `${Math.round((by(hits) * 100) / all)} % of ${all} were hits`;
}

export type PerformanceActivities = ReturnType<typeof performanceActivities>;
