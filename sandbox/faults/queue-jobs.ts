import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { AlertmanagerPayload, Fault } from './fault.js';

const runbook = 'failedQueueJobs';

export interface QueueFaultOptions {
  jobs?: number;
}

/** Failed jobs of the queue `mail`, which is somebody else's business. */
const mailJobs = 4;
const oldJobs = 3;

/** One worker, and a retry_after that fits the pace of a drill. */
const needs = (workers = 1) => () => ({ queueWorkers: workers, retryAfter: 5 });

/**
 * Workers that run with an old config: the folder of the reports has moved, `.env` says so, and nobody told them. A restart cures
 * that, and then every job that failed passes.
 */
export function queueStaleWorkers({ jobs = 120 }: QueueFaultOptions = {}): Fault {
  return {
    name: 'queue-stale-workers',
    runbook,
    title: 'Queue workers run with an old config, and their jobs fail',
    needs: needs(),
    async put(authos) {
      const reports = join(authos.root, 'storage/app/reports');
      await mkdir(reports, { recursive: true });
      await authos.user.own(reports);
      await othersJobs(authos);
      // Old ones of the same kind: a person decides whether what is late by days is still wanted.
      await failedJobs(authos, { queue: 'default', count: oldJobs, from: 10_000, job: 'App\\Jobs\\WriteReport', exception: 'FileNotFoundException: Folder reports does not exist', age: '3 days' });
      const moved = join(authos.root, 'storage/app/reports-2026');
      await rename(reports, moved);
      const env = join(authos.root, '.env');
      await writeFile(env, (await readFile(env, 'utf8')).replace('REPORTS_FOLDER=reports', 'REPORTS_FOLDER=reports-2026'));
      await dispatch(authos, 'App\\Jobs\\WriteReport', Array.from({ length: jobs }, (_, id) => ({ id })));
      await until(authos, jobs + oldJobs);
    },
    alert: (authos) => alert(authos),
    async over(authos) {
      const folder = join(authos.root, 'storage/app/reports-2026');
      const written = await readdir(folder);
      const twice = (await Promise.all(written.map((name) => readFile(join(folder, name), 'utf8')))).filter((text) => text !== 'written\n').length;
      const [left, mail] = [await countOf(authos, 'default'), await countOf(authos, 'mail')];
      const pending = await pendingOf(authos);
      return {
        over: written.length === jobs + oldJobs && twice === 0 && left === 0 && pending === 0 && mail === mailJobs,
        evidence: `${written.length} of ${jobs + oldJobs} reports written, ${twice} of them not exactly once; ${left} jobs failed, ${pending} pending; ${mail} of ${mailJobs} failed jobs of another queue are as they were`,
      };
    },
    answers: (act) => (act === 'Retry older failed jobs' ? { approve: true, reason: '' } : undefined),
  };
}

/** What somebody uploaded, as an exception quotes it. */
const hostile = `"; DROP TABLE jobs; -- $(reboot) \`id\` <?php system('id'); ?> ../../etc/passwd \u0007\u001b[2J`;

/** Jobs that no worker can do: they fail however often they are retried. A person has them cleared, after an export. */
export function queuePoisonJobs({ jobs = 110 }: QueueFaultOptions = {}): Fault {
  return {
    name: 'queue-poison-jobs',
    runbook,
    title: 'Jobs with broken data fail, and fail again when they are retried',
    needs: needs(),
    async put(authos) {
      await othersJobs(authos);
      await dispatch(authos, 'App\\Jobs\\ImportUsers', Array.from({ length: jobs }, (_, id) => ({ rows: `${hostile} ${id}` })));
      await until(authos, jobs);
    },
    alert: (authos) => alert(authos),
    async over(authos) {
      const [left, mail] = [await countOf(authos, 'default'), await countOf(authos, 'mail')];
      const folder = join(authos.archive, 'failed-jobs');
      const texts = await Promise.all((await readdir(folder).catch(() => [])).map((name) => readFile(join(folder, name), 'utf8')));
      const kept = new Set(texts.flatMap((text) => text.split('\n').filter(Boolean)).map((line) => (JSON.parse(line) as { uuid: string }).uuid)).size;
      return {
        over: left === 0 && kept === jobs && mail === mailJobs,
        evidence: `${left} jobs failed; ${kept} of ${jobs} are in an export; ${mail} of ${mailJobs} failed jobs of another queue are as they were`,
      };
    },
    answers: (act) => (act === 'Clear all failed jobs of the queue' ? { approve: true, reason: '' } : undefined),
  };
}

/** The workers do not run, and supervisor has been told to leave it so: jobs wait and nobody takes them. A restart through supervisor cures it. */
export function queueWorkersStopped({ jobs = 10 }: QueueFaultOptions = {}): Fault {
  return {
    name: 'queue-workers-stopped',
    runbook,
    title: 'No queue worker runs',
    needs: needs(),
    async put(authos) {
      await supervisorOf(authos).stop();
      await othersJobs(authos);
      await dispatch(authos, 'App\\Jobs\\SendNotification', Array.from({ length: jobs }, () => ({ ms: 5 })));
      // Long enough at the pace of a drill, whose minute has 2 s.
      await delay(11_000, undefined, { signal: authos.closing });
    },
    alert: (authos) => alert(authos, 'QueueNotProcessed', 'Jobs wait, and none is taken'),
    async over(authos) {
      const pending = await pendingOf(authos);
      const [workers, mail] = [supervisorOf(authos).pids.length, await countOf(authos, 'mail')];
      return { over: pending === 0 && workers === 1 && mail === mailJobs, evidence: `${pending} jobs wait; ${workers} workers run; ${mail} of ${mailJobs} failed jobs of another queue are as they were` };
    },
    answers: (act) => (act === 'Restart the workers through their supervisor' ? { approve: true, reason: '' } : undefined),
  };
}

/** Jobs wait, and more come in than one worker can do. More of them work it off, once no more come; then their number goes back. */
export function queueOverwhelmed({ jobs = 20 }: QueueFaultOptions = {}): Fault {
  const job = 'App\\Jobs\\SendNotification';
  return {
    name: 'queue-overwhelmed',
    runbook,
    title: 'More jobs come in than the workers can do',
    needs: needs(),
    async put(authos) {
      await othersJobs(authos);
      const startedAt = Date.now();
      const grow = async (): Promise<void> => {
        const wanted = jobs + Math.floor((Date.now() - startedAt) / 1_200);
        await dispatch(authos, job, Array.from({ length: Math.max(0, wanted - (await pendingOf(authos))) }, () => ({ ms: 300 })));
      };
      await grow();
      // The burst goes on, whatever one worker does, until there are more.
      void (async () => {
        while (!authos.closing.aborted && supervisorOf(authos).pids.length < 2) {
          await grow();
          await delay(200, undefined, { signal: authos.closing });
        }
      })().catch(() => {}); // the sandbox ends
      await delay(3_000, undefined, { signal: authos.closing });
    },
    alert: (authos) => alert(authos, 'QueueBacklogGrowing', 'The queue grows'),
    async over(authos) {
      const pending = await pendingOf(authos);
      const [workers, failed] = [supervisorOf(authos).pids.length, await countOf(authos, 'default')];
      return { over: pending === 0 && workers === 1 && failed === 0, evidence: `${pending} jobs wait; ${workers} workers run, as before; ${failed} jobs failed` };
    },
    answers: (act) => (act === 'Increase Worker Processes' ? { approve: true, reason: '' } : undefined),
  };
}

/** Puts a job for each of `data` on the queue, as the application does. Resolves to their uuids. */
export async function dispatch(authos: Authos, job: string, data: object[], queue = 'default'): Promise<string[]> {
  const ids = data.map(() => randomUUID());
  const payloads = data.map((one, at) => JSON.stringify({ uuid: ids[at], displayName: job, maxTries: null, data: one }));
  await authos.sql(
    `insert into jobs (queue, payload, attempts, available_at, created_at)
     select $1, payload, 0, extract(epoch from now())::int, extract(epoch from now())::int from unnest($2::text[]) payload`,
    [queue, payloads],
  );
  return ids;
}

export interface FailedJobs {
  queue: string;
  count: number;
  /** First id in the data. */
  from?: number;
  job: string;
  exception: string;
  /** How long ago they failed, as an interval of PostgreSQL. */
  age?: string;
}

/** Puts rows of failed jobs there, as workers of the past have left them. Resolves to their uuids. */
export async function failedJobs(authos: Authos, { queue, count, from = 0, job, exception, age = '1 hour' }: FailedJobs): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  const payloads = ids.map((uuid, at) => JSON.stringify({ uuid, displayName: job, maxTries: null, data: { id: from + at } }));
  await authos.sql(
    `insert into failed_jobs (uuid, connection, queue, payload, exception, failed_at)
     select uuid, 'database', $1, payload, $4, localtimestamp - $5::interval from unnest($2::text[], $3::text[]) as job (uuid, payload)`,
    [queue, ids, payloads, exception, age],
  );
  return ids;
}

async function othersJobs(authos: Authos): Promise<void> {
  await failedJobs(authos, { queue: 'mail', count: mailJobs, job: 'App\\Jobs\\SendWelcomeMail', exception: 'RuntimeException: greylisted' });
}

async function countOf(authos: Authos, queue: string): Promise<number> {
  const [row] = await authos.sql<{ count: number }>('select count(*)::int as count from failed_jobs where queue = $1', [queue]);
  return row?.count ?? 0;
}

/** How many jobs wait in the queue `default`. */
export async function pendingOf(authos: Authos): Promise<number> {
  const [row] = await authos.sql<{ count: number }>("select count(*)::int as count from jobs where queue = 'default'");
  return row?.count ?? 0;
}

function supervisorOf({ supervisor }: Authos): NonNullable<Authos['supervisor']> {
  if (supervisor === undefined) throw new Error('This sandbox has no queue workers');
  return supervisor;
}

async function until(authos: Authos, failed: number): Promise<void> {
  const giveUpAt = Date.now() + 40_000;
  for (let now = await countOf(authos, 'default'); now !== failed; now = await countOf(authos, 'default')) {
    if (Date.now() > giveUpAt) throw new Error(`${now} jobs failed, not ${failed}; ${await pendingOf(authos)} wait; workers: ${supervisorOf(authos).pids.join(', ') || 'none'}`);
    await delay(100, undefined, { signal: authos.closing });
  }
}

async function alert(authos: Authos, alertname = 'FailedQueueJobs', summary = 'More than 100 failed jobs in queue default'): Promise<AlertmanagerPayload> {
  return alertmanagerPayload({
    labels: { alertname, severity: 'warning', queue: 'default', environment: authos.environment, instance: `${authos.name}:443`, job: 'authos' },
    annotations: { summary, description: `${summary} on ${authos.name}` },
    startsAt: new Date(),
  });
}
