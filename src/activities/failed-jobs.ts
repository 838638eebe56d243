import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { archiveWithRoom } from './archive.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { badInput, hostNamed, wholeNumber } from './known-hosts.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Shell } from './shell.js';
import { bytesText, fitted } from './wording.js';

/** An export's end; `exported` names its file below the archive, for the act that deletes what was exported. */
export interface ExportResult extends ActResult {
  exported?: string;
  jobs?: number;
}

/** What to clear, and which jobs somebody follows. */
export interface ClearRequest {
  place: Place;
  queue: string;
  exported: string;
  /** 0 clears all that are in the export. */
  olderThanHours: number;
  followed: string[];
}

const batch = 500;

/** Activities on the table `failed_jobs`. Nothing is deleted that is not in an export. */
export function failedJobsActivities({
  hosts,
  shellOf,
  databaseOf,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
}) {
  async function deleteExported(
    place: Place,
    exported: string,
    call: { command: string; args: string[]; olderThanHours: number },
  ): Promise<ActResult> {
    const host = hostNamed(hosts, place.host);
    const ids = await exportedIds(host, exported);
    const due = async (): Promise<string[]> =>
      withDatabase(databaseOf, place, async (client) => idsOlderThan(client, call.olderThanHours));
    const before = await due();
    const missing = before.filter((id) => !ids.has(id)).length;
    if (missing > 0)
      return {
        outcome: 'refused',
        evidence: `${missing} failed jobs are not in the export ${exported}: they failed since. Export again`,
      };
    const result = artisanOutcome(
      call.command,
      await artisan({ host, shell: shellOf(host), command: call.command, args: call.args, timeoutMs: 10 * 60_000 }),
    );
    if (result.outcome !== 'done') return result;
    const after = new Set(await due());
    const left = before.filter((id) => after.has(id)).length;
    const evidence = fitted(
      `${result.evidence}; ${before.length - left} of ${before.length} failed jobs deleted, exported before to ${exported}`,
    );
    return { ...result, outcome: left === 0 ? 'done' : 'failed', evidence };
  }

  return {
    /**
     * Writes every failed job, of one queue if it is named, as a line of JSON into `<archive>/failed-jobs/` (0600), from one snapshot,
     * synced and counted again. Refused if the archive is on the place's mount or lacks room. A repeat makes another file.
     */
    async exportFailedJobs({ place, queue }: { place: Place; queue?: string }): Promise<ExportResult> {
      const host = hostNamed(hosts, place.host);
      const device = place.mount === undefined ? undefined : (await stat(place.mount)).dev;
      return withDatabase(
        databaseOf,
        place,
        async (client) => {
          await client.query('begin isolation level repeatable read read only');
          const {
            rows: [size],
          } = await client.query<{ n: string; bytes: string | null }>(
            'select count(*) as n, sum(octet_length(row_to_json(f)::text) + 1) as bytes from failed_jobs f where $1::text is null or queue = $1',
            [queue],
          );
          const jobs = Number(size?.n ?? 0);
          const room = await archiveWithRoom(host, Number(size?.bytes ?? 0), device);
          if ('refused' in room) return { outcome: 'refused', evidence: `nothing exported: ${room.refused}` };
          const exported = newExportName(place);
          const path = join(room.path, exported);
          await mkdir(join(room.path, 'failed-jobs'), { recursive: true, mode: 0o700 });
          try {
            await writeJobs(client, path, queue);
            const lines = (await exportedIds(host, exported)).size;
            if (lines !== jobs) throw new Error(`the export holds ${lines} of ${jobs} failed jobs`);
          } catch (error) {
            // Half an export looks like a whole one.
            await rm(path, { force: true });
            throw error;
          }
          await client.query('commit');
          const { size: bytes } = await stat(path);
          return {
            outcome: 'done',
            evidence: `${jobs} failed jobs exported to ${exported} in the archive, ${bytesText(bytes)}`,
            exported,
            jobs,
          };
        },
        10 * 60_000,
      );
    },

    /** `queue:flush`: deletes all failed jobs, if every one is in the export. A repeat is harmless: they are gone. */
    async flushFailedJobs({ place, exported }: { place: Place; exported: string }): Promise<ActResult> {
      return deleteExported(place, exported, { command: 'queue:flush', args: [], olderThanHours: 0 });
    },

    /** `queue:prune-failed --hours=…`: deletes older failed jobs, if every one is in the export. A repeat is harmless. */
    async pruneFailedJobs({ place, hours, exported }: { place: Place; hours: number; exported: string }): Promise<ActResult> {
      wholeNumber('hours', hours, { min: 1, max: 24 * 365 });
      return deleteExported(place, exported, {
        command: 'queue:prune-failed',
        args: [`--hours=${hours}`],
        olderThanHours: hours,
      });
    },

    /**
     * Deletes failed jobs of one queue that are in the export, all or those older than `olderThanHours`. By row, in one statement:
     * artisan's `queue:flush` and `queue:prune-failed` know no queue. `cleared` are those of `followed` that went. A repeat is harmless.
     */
    async clearFailedJobs({ place, queue, exported, olderThanHours, followed }: ClearRequest): Promise<ActResult & { cleared: string[] }> {
      wholeNumber('olderThanHours', olderThanHours, { min: 0, max: 24 * 365 });
      const host = hostNamed(hosts, place.host);
      const ids = [...(await exportedIds(host, exported))];
      return withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ uuid: string }>(
          `delete from failed_jobs where queue = $1 and id::text = any($2)
             and ($3 = 0 or (failed_at::timestamp at time zone $4) < now() - make_interval(hours => $3::int)) returning uuid`,
          [queue, ids, olderThanHours, host.timeZone],
        );
        const { rows: left } = await client.query<{ n: string }>('select count(*) as n from failed_jobs where queue = $1', [queue]);
        const gone = new Set(rows.map(({ uuid }) => uuid));
        const evidence = fitted(`${rows.length} failed jobs of ${queue} deleted, exported before to ${exported}; ${left[0]?.n ?? '?'} are left`);
        return { outcome: 'done', evidence, cleared: followed.filter((id) => gone.has(id)) };
      });
    },
  };
}

function newExportName({ environment }: Place): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  return `failed-jobs/${environment.replace(/[^\w-]/g, '_')}-${stamp}-${randomBytes(3).toString('hex')}.jsonl`;
}

async function idsOlderThan(client: Client, hours: number): Promise<string[]> {
  // failed_at is a timestamp without zone, set by the database's own clock (useCurrent) or the application's: localtimestamp is
  // near enough, since the question is only whether all that is due was exported.
  const { rows } = await client.query<{ id: string }>(
    'select id::text as id from failed_jobs where $1 = 0 or failed_at < localtimestamp - make_interval(hours => $1::int)',
    [hours],
  );
  return rows.map(({ id }) => id);
}

async function writeJobs(client: Client, path: string, queue: string | undefined): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await client.query(
      'declare jobs no scroll cursor for select row_to_json(f)::text as line from failed_jobs f where $1::text is null or queue = $1 order by id',
      [queue],
    );
    for (;;) {
      const { rows } = await client.query<{ line: string }>(`fetch ${batch} from jobs`);
      if (rows.length === 0) break;
      await file.writeFile(`${rows.map(({ line }) => line).join('\n')}\n`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The ids in an export, read back from the disk. Throws if a line is not a job's. */
async function exportedIds(host: Host, exported: string): Promise<Set<string>> {
  if (!/^failed-jobs\/[\w-]+\.jsonl$/.test(exported)) throw badInput(`no export of failed jobs: ${JSON.stringify(exported)}`);
  const ids = new Set<string>();
  const file = await open(join(host.archive, exported), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for await (const line of file.readLines()) {
      const { id } = JSON.parse(line) as { id?: unknown };
      if (typeof id !== 'number' && typeof id !== 'string') throw new Error(`a line of ${exported} has no id`);
      ids.add(String(id));
    }
  } finally {
    await file.close();
  }
  return ids;
}

export type FailedJobsActivities = ReturnType<typeof failedJobsActivities>;
