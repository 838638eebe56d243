import type { Client } from 'pg';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import { tinkerJson } from './artisan-command.js';
import { badInput, hostMisconfigured } from './known-hosts.js';
import type { Shell } from './shell.js';

/*
 * What the tables `jobs` and `failed_jobs` say of one queue. Payloads and exceptions are outsiders' texts of any size: PostgreSQL
 * cuts them before they get here, and they are compared and shown, never run.
 */

/** Failed jobs of one class that failed with one exception. */
export interface FailedGroup {
  /** `App\Jobs\SendMail`, as the payload says. */
  job: string;
  /** Class of the exception, or ''. */
  exception: string;
  count: number;
  /** The newest one's message, cut. */
  example: string;
  /** Uuid of the newest one. */
  newest: string;
}

/** One queue at one moment. */
export interface QueueCounts {
  failed: number;
  /** Of them, those that failed more than a day ago. */
  olderThanADay: number;
  /** Failed jobs of all other queues. */
  othersFailed: number;
  /** Id of the newest failed job of any queue; '0' without one. */
  newestId: string;
  pending: number;
  /** Those a worker has at this moment. */
  reserved: number;
  /** How long the oldest that could be taken has waited, in ms; absent if none waits. */
  oldestWaitsMs?: number;
}

const displayName = String.raw`"displayName":"((?:[^"\\]|\\.){1,200})"`;
const exceptionClass = String.raw`^([A-Za-z_][A-Za-z0-9_\\]{0,150})`;
/** Laravel 6 and later put it into every payload, and into the row of a job that fails. */
const payloadUuid = String.raw`"uuid":"([0-9A-Fa-f-]{36})"`;

/** The queue of a place. Throws `HostMisconfigured`, not retried, if it names none. */
export function queueOf({ queue, name }: Place): string {
  if (queue === undefined) throw hostMisconfigured(`place ${JSON.stringify(name)} names no queue`);
  return queue;
}

/** The uuids, if that is what they are. Throws `BadInput`, not retried, naming the first that is none. */
export function uuids(ids: readonly string[]): string[] {
  const wrong = ids.find((id) => typeof id !== 'string' || !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id));
  if (wrong !== undefined) throw badInput(`no id of a job: ${JSON.stringify(wrong).slice(0, 100)}`);
  return [...new Set(ids)];
}

/** SQL for a job's age: `failed_at` has no zone, and is the application's local time ($2). */
const failedAt = '(failed_at::timestamp at time zone $2)';

/** Counts of one queue, by the database's clock. Reads only. */
export async function queueCounts(client: Client, host: Host, queue: string): Promise<QueueCounts> {
  const { rows: failed } = await client.query<Record<'failed' | 'old' | 'others' | 'newest', string>>(
    `select count(*) filter (where queue = $1) as failed, count(*) filter (where queue <> $1) as others, coalesce(max(id), 0) as newest,
            count(*) filter (where queue = $1 and ${failedAt} < now() - interval '24 hours') as old from failed_jobs`,
    [queue, host.timeZone],
  );
  const { rows: jobs } = await client.query<{ pending: string; reserved: string; waits: string | null }>(
    `select count(*) as pending, count(reserved_at) as reserved,
            1000 * (extract(epoch from clock_timestamp()) - min(available_at) filter (where reserved_at is null and available_at <= extract(epoch from now()))) as waits
     from jobs where queue = $1`,
    [queue],
  );
  const waits = jobs[0]?.waits;
  return {
    failed: Number(failed[0]?.failed),
    olderThanADay: Number(failed[0]?.old),
    othersFailed: Number(failed[0]?.others),
    newestId: failed[0]?.newest ?? '0',
    pending: Number(jobs[0]?.pending),
    reserved: Number(jobs[0]?.reserved),
    ...(waits == null ? {} : { oldestWaitsMs: Math.max(0, Math.round(Number(waits))) }),
  };
}

/** Jobs of the queue that failed after a row, or within the last `withinMs`. Reads only. */
export async function failedSince(client: Client, host: Host, { queue, id, withinMs }: { queue: string; id: string; withinMs: number }): Promise<{ newer: number; lately: number }> {
  const { rows } = await client.query<{ newer: string; lately: string }>(
    `select count(*) filter (where id > $3::bigint) as newer, count(*) filter (where ${failedAt} > now() - make_interval(secs => $4)) as lately
     from failed_jobs where queue = $1`,
    [queue, host.timeZone, id, withinMs / 1_000],
  );
  return { newer: Number(rows[0]?.newer), lately: Number(rows[0]?.lately) };
}

/** Which failed jobs are looked at: those of the last day, or those older. */
export type Age = 'young' | 'old' | 'any';

/** Failed jobs of the queue by class and exception, most first. Reads only. */
export async function failedGroups(client: Client, host: Host, { queue, age, most = 20 }: { queue: string; age: Age; most?: number }): Promise<FailedGroup[]> {
  const { rows } = await client.query<{ job: string; exception: string; count: string; example: string; newest: string }>(
    `select coalesce(substring(left(payload, 4000) from $3), '') as job, coalesce(substring(left(exception, 300) from $4), '') as exception,
            count(*) as count, (array_agg(left(split_part(exception, E'\\n', 1), 300) order by id desc))[1] as example, (array_agg(uuid order by id desc))[1] as newest
     from failed_jobs where queue = $1 and ($5 = 'any' or ($5 = 'old') = (${failedAt} < now() - interval '24 hours'))
     group by 1, 2 order by count(*) desc, 1, 2 limit $6`,
    [queue, host.timeZone, displayName, exceptionClass, age, most],
  );
  return rows.map(({ count, job, ...row }) => ({ ...row, job: job.replaceAll('\\\\', '\\'), count: Number(count) }));
}

/** Uuids of a group's failed jobs, newest first. Reads only. */
export async function idsOfGroup(client: Client, host: Host, { queue, group, age, most }: { queue: string; group: FailedGroup; age: Age; most: number }): Promise<string[]> {
  const { rows } = await client.query<{ uuid: string }>(
    `select uuid from failed_jobs
     where queue = $1 and ($5 = 'any' or ($5 = 'old') = (${failedAt} < now() - interval '24 hours'))
       and coalesce(substring(left(payload, 4000) from $3), '') = $7 and coalesce(substring(left(exception, 300) from $4), '') = $8
     order by id desc limit $6`,
    [queue, host.timeZone, displayName, exceptionClass, age, most, group.job.replaceAll('\\', '\\\\'), group.exception],
  );
  return rows.map(({ uuid }) => uuid);
}

/** Where jobs are that were put back: still to be done, failed again (and not the old row), or neither. Reads only. */
export async function whereaboutsOf(client: Client, queue: string, ids: readonly string[]): Promise<{ waiting: string[]; failed: string[] }> {
  const { rows: waiting } = await client.query<{ uuid: string }>(
    'select distinct substring(left(payload, 4000) from $3) as uuid from jobs where queue = $1 and substring(left(payload, 4000) from $3) = any($2)',
    [queue, ids, payloadUuid],
  );
  const { rows: failed } = await client.query<{ uuid: string }>('select uuid from failed_jobs where queue = $1 and uuid = any($2)', [queue, ids]);
  return { waiting: waiting.map(({ uuid }) => uuid), failed: failed.map(({ uuid }) => uuid) };
}

/** How the application keeps its queue. */
export interface QueueSettings {
  driver: string;
  /** ms after which a job whose worker has died is given to another. */
  retryAfterMs: number;
  /** Where failed jobs go: `database-uuids` takes uuids, `database` the numbers of rows. */
  failedDriver: string;
}

/** The settings that the application runs with, or why they can't be known. */
export async function queueSettings(at: { host: Host; shell: Shell }): Promise<QueueSettings | { unknown: string }> {
  const connection = "'queue.connections.'.config('queue.default')";
  // Named one by one: the connections hold passwords.
  const read = await tinkerJson(at, `['driver' => config(${connection}.'.driver'), 'after' => config(${connection}.'.retry_after'), 'failed' => config('queue.failed.driver')]`);
  if ('unknown' in read) return read;
  const { driver, after, failed } = (read.value ?? {}) as Record<string, unknown>;
  if (typeof driver !== 'string' || typeof failed !== 'string') return { unknown: 'the application does not say how it keeps its queue' };
  const seconds = Number(after);
  return { driver, failedDriver: failed, retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 90_000 };
}
