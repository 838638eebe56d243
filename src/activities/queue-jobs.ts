import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Client } from 'pg';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import { badInput, hostNamed, wholeNumber } from './known-hosts.js';
import { outsideText } from './outside-text.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { failedGroups, idsOfGroup, queueCounts, queueOf, queueSettings, uuids, whereaboutsOf } from './queue-tables.js';
import type { QueueCounts } from './queue-tables.js';
import type { Scrub } from './scrub.js';
import type { Shell } from './shell.js';
import { fitted, listed, shownName } from './wording.js';

/** Failed jobs of one class and exception that may be retried: one first, and the rest only if that one passes. */
export interface RetryGroup {
  what: string;
  first: string;
  rest: string[];
}

/** What is to be retried, and how long a retried job may take. */
export interface RetryPlan {
  groups: RetryGroup[];
  /** Failed jobs beyond what one run retries. */
  left: number;
  retryAfterMs: number;
}

/** A retry's end; `retried` are the jobs that are on the queue again. */
export interface RetryResult extends ActResult {
  retried: string[];
}

/** What became of jobs that were put back. */
export interface Followed {
  passed: number;
  failedAgain: string[];
  /** Not done in the time given. */
  waiting: string[];
}

/** As many go back in one call of artisan. */
export const retryBatch = 50;
/** As many in one run: their ids travel through its history. */
const mostRetried = 1_000;
/** The application's own job that does nothing. */
const testJob = 'App\\Jobs\\TestJob';

export interface QueueJobParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
  scrub: Scrub;
}

/** Activities on the jobs of one queue, never another's. What is retried goes by its own id. */
export function queueJobActivities({ hosts, shellOf, databaseOf, scrub }: QueueJobParts) {
  function at(place: Place): { host: Host; shell: Shell; queue: string } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host), queue: queueOf(place) };
  }
  const onTables = <T>(place: Place, use: (client: Client, host: Host, queue: string) => Promise<T>): Promise<T> => {
    const { host, queue } = at(place);
    return withDatabase(databaseOf, place, (client) => use(client, host, queue));
  };
  const word = (text: string, limit: number): string => outsideText(text, scrub, limit);

  return {
    /** Failed and pending jobs of the queue, and how many failed on others. Reads only; a repeat is safe. */
    async countFailedJobs({ place }: { place: Place }): Promise<Finding<QueueCounts>> {
      const { queue } = at(place);
      const counts = await onTables(place, queueCounts);
      const waits = counts.oldestWaitsMs === undefined ? '' : `, the oldest has waited ${Math.round(counts.oldestWaitsMs / 1_000)} s`;
      const evidence =
        `queue ${queue}: ${counts.failed} failed jobs, ${counts.olderThanADay} of them older than 24 h; ` +
        `${counts.pending} pending (${counts.reserved} with a worker${waits}); ${counts.othersFailed} failed on other queues`;
      return { evidence, data: counts };
    },

    /** The queue's failed jobs by class and exception, most first, with the newest one's words. Reads only; a repeat is safe. */
    async inspectFailedJobs({ place }: { place: Place }): Promise<Finding<{ groups: { job: string; exception: string; count: number }[] }>> {
      const groups = await onTables(place, (client, host, queue) => failedGroups(client, host, { queue, age: 'any' }));
      const rows = groups.map(({ count, job, example }) => `${count} × ${word(job, 80) || 'a job without a name'}, ${word(example, 240) || 'no exception'}`);
      return {
        evidence: listed(groups.length === 0 ? 'no failed jobs' : `${groups.length} kinds of failure`, rows, 8),
        data: { groups: groups.map(({ job, exception, count }) => ({ job: word(job, 80), exception: word(exception, 80), count })) },
      };
    },

    /** Which failed jobs to retry, by class and exception; `except` failed again already. Reads only; a repeat is safe. */
    async planRetry({ place, age, except }: { place: Place; age: 'young' | 'old'; except: string[] }): Promise<RetryPlan> {
      if (age !== 'young' && age !== 'old') throw badInput(`no age of failed jobs: ${JSON.stringify(age)}`);
      const known = new Set(uuids(except));
      const { groups, left } = await onTables(place, async (client, host, queue) => {
        const found: RetryGroup[] = [];
        let [all, room] = [0, mostRetried];
        for (const group of await failedGroups(client, host, { queue, age })) {
          all += group.count;
          const ids = uuids(await idsOfGroup(client, host, { queue, group, age, most: room + known.size })).filter((id) => !known.has(id));
          const [first, ...rest] = ids.slice(0, room);
          if (first === undefined) continue;
          room -= 1 + rest.length;
          found.push({ what: `${word(group.job, 80) || 'jobs without a name'} (${word(group.exception, 80) || 'no exception'})`, first, rest });
        }
        return { groups: found, left: Math.max(0, all - (mostRetried - room) - known.size) };
      });
      const settings = await queueSettings(at(place));
      if ('unknown' in settings) throw new Error(`how the queue is kept is not known: ${settings.unknown}`);
      // Jobs on another driver are in no table of ours: what became of a retry could not be followed.
      if (settings.driver !== 'database') throw ApplicationFailure.nonRetryable(`the queue is on the driver ${word(settings.driver, 40)}: retried jobs can't be followed there`, 'QueueDriver');
      return { groups, left, retryAfterMs: settings.retryAfterMs };
    },

    /**
     * `queue:retry` of these failed jobs, `retryBatch` at most, as far as they are failed jobs of this queue; read back by their rows being
     * gone. A repeat after a crash is safe: what is on the queue already is counted, and not put there twice.
     */
    async retryJobs({ place, ids }: { place: Place; ids: string[] }): Promise<RetryResult> {
      wholeNumber('the number of ids', ids.length, { min: 1, max: retryBatch });
      const wanted = uuids(ids);
      const { host, shell, queue } = at(place);
      const rowsOf = (): Promise<{ id: string; uuid: string }[]> =>
        onTables(place, async (client) => (await client.query<{ id: string; uuid: string }>('select id::text as id, uuid from failed_jobs where queue = $1 and uuid = any($2)', [queue, wanted])).rows);
      const before = await rowsOf();
      const isRepeat = Context.current().info.attempt > 1;
      const there = isRepeat ? await onTables(place, (client) => whereaboutsOf(client, queue, wanted)) : undefined;
      const earlier = there?.waiting ?? [];
      if (before.length === 0) {
        const done = earlier.length > 0;
        return { outcome: done ? 'done' : 'refused', evidence: done ? `${earlier.length} jobs are on ${queue} again` : `none of ${wanted.length} is a failed job of ${queue} any more`, retried: earlier };
      }
      const settings = await queueSettings({ host, shell });
      if ('unknown' in settings) return { outcome: 'failed', evidence: `nothing retried: ${settings.unknown}`, retried: earlier };
      const args = before.map(({ id, uuid }) => (settings.failedDriver === 'database' ? id : uuid));
      const result = artisanOutcome('queue:retry', await artisan({ host, shell, command: 'queue:retry', args, timeoutMs: 5 * 60_000 }));
      const left = new Set((await rowsOf()).map(({ id }) => id));
      // By the row and not the uuid: a job that has failed again by now has a new row.
      const retried = [...earlier, ...before.filter(({ id }) => !left.has(id)).map(({ uuid }) => uuid)];
      const evidence = fitted(`queue:retry: ${retried.length} of ${wanted.length} jobs are on ${queue} again${retried.length < before.length ? `; ${result.evidence}` : ''}`, 800);
      return { outcome: retried.length > 0 ? 'done' : 'failed', evidence, retried };
    },

    /**
     * Waits by retry until every one of these jobs is done or has failed again, or until `until` (ms since the epoch). Needs unlimited
     * attempts. Reads only; a repeat is safe.
     */
    async followJobs({ place, ids, until, every }: { place: Place; ids: string[]; until: number; every: number }): Promise<Followed> {
      const wanted = uuids(ids);
      const { waiting, failed } = await onTables(place, (client, _, queue) => whereaboutsOf(client, queue, wanted));
      // The server's clock, as for samples: a test server skips it.
      const now = Context.current().info.currentAttemptScheduledTimestampMs;
      if (waiting.length > 0 && now < until) {
        throw ApplicationFailure.create({ message: `${waiting.length} of ${wanted.length} jobs are still to be done`, type: 'NotDoneYet', nonRetryable: false, nextRetryDelay: Math.max(1, every), category: 'BENIGN' });
      }
      const pending = new Set(waiting);
      const failedAgain = failed.filter((id) => !pending.has(id));
      return { passed: wanted.length - failedAgain.length - waiting.length, failedAgain, waiting };
    },

    /**
     * Puts the application's own test job on the queue, and gives the id of its row. 'Failed' in its words where this version has none.
     * A repeat puts another one there, which does nothing.
     */
    async dispatchTestJob({ place }: { place: Place }): Promise<ActResult & { id?: string }> {
      const { host, shell, queue } = at(place);
      const env = { RESPONDER_QUEUE: queue };
      const known = await tinkerJson({ host, shell, env }, "class_exists('App\\\\Jobs\\\\TestJob')");
      if ('unknown' in known) return { outcome: 'failed', evidence: `no test job dispatched: ${known.unknown}` };
      if (known.value !== true) return { outcome: 'failed', evidence: `no test job dispatched: Class "${testJob}" not found` };
      const pushed = await tinkerJson({ host, shell, env }, "app('queue')->pushOn(getenv('RESPONDER_QUEUE'), new \\App\\Jobs\\TestJob())");
      if ('unknown' in pushed) return { outcome: 'failed', evidence: `no test job dispatched: ${pushed.unknown}` };
      const id = String(pushed.value);
      if (!/^\d{1,19}$/.test(id)) return { outcome: 'failed', evidence: `the test job's id is not a row of jobs: ${shownName(id).slice(0, 60)}` };
      return { outcome: 'done', evidence: `test job ${id} is on ${queue}`, id };
    },

    /** Waits by retry until a worker has done the test job, or until `until`. Needs unlimited attempts. A repeat is safe. */
    async followTestJob({ place, id, newestId, until, every }: { place: Place; id: string; newestId: string; until: number; every: number }): Promise<ActResult> {
      if (!/^\d{1,19}$/.test(id) || !/^\d{1,19}$/.test(newestId)) throw badInput(`no id of a job: ${JSON.stringify([id, newestId]).slice(0, 100)}`);
      const { waits, failed } = await onTables(place, async (client, _, queue) => {
        const { rowCount } = await client.query('select 1 from jobs where id = $1::bigint and queue = $2', [id, queue]);
        const { rows } = await client.query<{ said: string }>(
          "select left(split_part(exception, E'\\n', 1), 300) as said from failed_jobs where queue = $1 and id > $2::bigint and strpos(left(payload, 4000), $3) > 0",
          [queue, newestId, `"displayName":${JSON.stringify(testJob)}`],
        );
        return { waits: rowCount === 1, failed: rows[0]?.said };
      });
      if (failed !== undefined) return { outcome: 'failed', evidence: `the test job failed: ${word(failed, 200)}` };
      if (!waits) return { outcome: 'done', evidence: 'a worker has done the test job: workers take jobs and end them' };
      if (Context.current().info.currentAttemptScheduledTimestampMs < until) {
        throw ApplicationFailure.create({ message: 'the test job is still to be done', type: 'NotDoneYet', nonRetryable: false, nextRetryDelay: Math.max(1, every), category: 'BENIGN' });
      }
      return { outcome: 'failed', evidence: 'nobody has taken the test job: the workers do not work, or have too much to do' };
    },
  };
}

export type QueueJobActivities = ReturnType<typeof queueJobActivities>;
