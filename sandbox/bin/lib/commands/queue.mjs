import { openCache } from '../cache.mjs';
import { withDatabase } from '../database.mjs';
import { error, info, task, twoColumns } from '../output.mjs';

function hoursOf(value, name) {
  if (!/^\d+$/.test(value)) throw new Error(`The "--${name}" option must be a whole number, not "${value}".`);
  return Number(value);
}

/** Puts one failed job back: a new row in `jobs` with its attempts counted from zero, and the failed row gone. */
async function retryJob(client, { uuid, queue, payload }) {
  const job = { ...JSON.parse(payload), attempts: 0 };
  await client.query('begin');
  await client.query(
    `insert into jobs (queue, payload, attempts, available_at, created_at)
     values ($1, $2, 0, extract(epoch from now())::int, extract(epoch from now())::int)`,
    [queue, JSON.stringify(job)],
  );
  await client.query('delete from failed_jobs where uuid = $1', [uuid]);
  await client.query('commit');
}

async function jobsToRetry(client, ids, queue) {
  if (queue !== undefined) return (await client.query('select * from failed_jobs where queue = $1 order by id', [queue])).rows;
  if (ids.length === 1 && ids[0] === 'all') return (await client.query('select * from failed_jobs order by id')).rows;
  const found = (await client.query('select * from failed_jobs where uuid = any($1) order by id', [ids])).rows;
  for (const id of ids) if (!found.some((job) => job.uuid === id)) error(`Unable to find failed job with ID [${id}].`);
  return found;
}

export const queueCommands = {
  'queue:failed': {
    description: 'List all of the failed queue jobs',
    run: ({ config }) =>
      withDatabase(config, async (client) => {
        const { rows } = await client.query(
          "select uuid, connection, queue, payload, to_char(failed_at, 'YYYY-MM-DD HH24:MI:SS') as failed_at from failed_jobs order by id desc",
        );
        if (rows.length === 0) return info('No failed jobs found.');
        console.log();
        for (const { uuid, connection, queue, payload, failed_at } of rows) {
          const name = JSON.parse(payload).displayName ?? '';
          twoColumns(`${failed_at} ${uuid}`, `${connection}@${queue} ${name}`);
        }
        console.log();
      }),
  },
  'queue:flush': {
    description: 'Flush all of the failed queue jobs',
    options: { hours: true },
    run: ({ config }, { hours }) =>
      withDatabase(config, async (client) => {
        if (hours === undefined) {
          await client.query('delete from failed_jobs');
          return info('All failed jobs deleted successfully.');
        }
        await client.query('delete from failed_jobs where failed_at <= localtimestamp - make_interval(hours => $1)', [hoursOf(hours, 'hours')]);
        info(`All jobs that failed more than ${hours} hours ago have been deleted successfully.`);
      }),
  },
  'queue:forget': {
    description: 'Delete a failed queue job',
    run: ({ config }, { _: [id] }) =>
      withDatabase(config, async (client) => {
        const { rowCount } = await client.query('delete from failed_jobs where uuid = $1', [id]);
        if (rowCount > 0) return info('Failed job deleted successfully.');
        error('No failed job matches the given ID.');
        return 1;
      }),
  },
  'queue:prune-failed': {
    description: 'Prune stale entries from the failed jobs table',
    options: { hours: true },
    run: ({ config }, { hours = '24' }) =>
      withDatabase(config, async (client) => {
        const { rowCount } = await client.query('delete from failed_jobs where failed_at <= localtimestamp - make_interval(hours => $1)', [
          hoursOf(hours, 'hours'),
        ]);
        info(`${rowCount} entries deleted.`);
      }),
  },
  'queue:retry': {
    description: 'Retry a failed queue job',
    options: { queue: true },
    run: ({ config }, { _: ids, queue }) =>
      withDatabase(config, async (client) => {
        const jobs = await jobsToRetry(client, ids, queue);
        if (jobs.length === 0) return ids.length === 0 || ids[0] === 'all' ? info('No retryable jobs found.') : undefined;
        info('Pushing failed queue jobs back onto the queue.');
        for (const job of jobs) await task(job.uuid, () => retryJob(client, job));
        console.log();
      }),
  },
  'queue:restart': {
    description: 'Restart queue worker daemons after their current job',
    async run({ config }) {
      // Workers read this key between jobs: with a cache that lost it or can't be reached they never hear.
      const cache = await openCache(config);
      await cache.put('illuminate:queue:restart', String(Math.floor(Date.now() / 1000))).finally(() => cache.close());
      info('Broadcasting queue restart signal.');
    },
  },
};
