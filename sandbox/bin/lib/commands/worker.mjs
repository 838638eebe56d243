import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { openCache } from '../cache.mjs';
import { runJob } from '../jobs.mjs';
import { info } from '../output.mjs';

/** How often the restart signal is looked for, in ms. Laravel's worker looks in each of its rounds. */
const signalEvery = 400;

/** The oldest job of the queue that nobody has, or whose worker has had it for too long. */
const takeJob = `
  update jobs set reserved_at = extract(epoch from now())::int, attempts = attempts + 1
  where id = (
    select id from jobs
    where queue = $1 and ((reserved_at is null and available_at <= extract(epoch from now())) or reserved_at <= extract(epoch from now()) - $2)
    order by id limit 1 for update skip locked)
  returning id, payload, attempts`;

async function fail(client, { id, queue, payload }, problem) {
  const exception = `${problem.phpClass ?? 'RuntimeException'}: ${problem.message} in /app/Jobs.php:1\nStack trace:\n#0 {main}`;
  await client.query('begin');
  await client.query("insert into failed_jobs (uuid, connection, queue, payload, exception) values ($1, 'database', $2, $3, $4)", [JSON.parse(payload).uuid, queue, payload, exception]);
  await client.query('delete from jobs where id = $1', [id]);
  await client.query('commit');
}

/**
 * Laravel's worker: one connection, and the config that it booted with, for all its life. It ends after its job on SIGTERM, and
 * when the restart signal in the cache is another than at its start.
 */
async function work({ root, config }, { queue, sleep, tries }) {
  const { Client } = createRequire(import.meta.url)('pg');
  const { host, port, database, username, password } = config.database.connections[config.database.default];
  const client = new Client({ host, port, database, user: username, password, application_name: 'authos-worker', options: `-c TimeZone=${config.app.timezone}` });
  await client.connect();
  const cache = await openCache(config);
  const signal = () => cache.get('illuminate:queue:restart');
  const booted = await signal();
  let ending = false;
  process.on('SIGTERM', () => (ending = true));
  let lookedAt = Date.now();
  info(`Processing jobs from the [${queue}] queue.`);
  try {
    while (!ending) {
      if (Date.now() - lookedAt > signalEvery) {
        lookedAt = Date.now();
        if ((await signal()) !== booted) return 0;
      }
      const { rows } = await client.query(takeJob, [queue, config.queue.connections.database.retry_after]);
      const [job] = rows;
      if (job === undefined) {
        await delay(sleep * 1000);
        continue;
      }
      try {
        await runJob(job.payload, { root, config, client });
        await client.query('delete from jobs where id = $1', [job.id]);
      } catch (problem) {
        if (job.attempts >= (JSON.parse(job.payload).maxTries ?? tries)) await fail(client, { ...job, queue }, problem);
        else await client.query('update jobs set reserved_at = null where id = $1', [job.id]);
      }
    }
    return 0;
  } finally {
    await cache.close();
    await client.end();
  }
}

function numberOf(value, name) {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new Error(`The "--${name}" option must be a number, not "${value}".`);
  return Number(value);
}

export const workerCommands = {
  'queue:work': {
    description: 'Start processing jobs on the queue as a daemon',
    options: { queue: true, sleep: true, tries: true },
    run: (world, { _: [connection = 'database'], queue = 'default', sleep = '3', tries = '1' }) => {
      if (connection !== 'database') throw new Error(`The [${connection}] queue connection has not been configured.`);
      return work(world, { queue, sleep: numberOf(sleep, 'sleep'), tries: numberOf(tries, 'tries') });
    },
  },
};
