import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dispatch, failedJobs } from '../../sandbox/faults/queue-jobs.js';
import { withNumprocs } from '../../src/activities/supervisor-config.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { inActivity, patiently } from './support.js';

let world: HostWorld;
const on = () => world.activities;
const place = () => ({ place: world.place });
const testJob = 'App\\Jobs\\TestJob';
const poison = 'App\\Jobs\\ImportUsers';
const look = { samples: 1, every: 0, notBefore: 0, since: 0 };
const soon = () => ({ until: Date.now() + 5_000, every: 50 });

beforeAll(async () => {
  world = await openHostWorld({ queueWorkers: 1, retryAfter: 2 });
});
afterAll(() => world?.close());
beforeEach(() => world.authos.sql('truncate jobs, failed_jobs'));

const failed = async (queue: string): Promise<number> => (await world.authos.sql('select 1 from failed_jobs where queue = $1', [queue])).length;
const counts = async () => (await inActivity(() => on().countFailedJobs(place()))).data;

describe('looking at failed jobs', () => {
  it('counts the queue, what is older than a day, and the other queues apart', async () => {
    await failedJobs(world.authos, { queue: 'default', count: 3, job: testJob, exception: 'RuntimeException: x' });
    await failedJobs(world.authos, { queue: 'default', count: 2, job: testJob, exception: 'RuntimeException: x', age: '25 hours' });
    await failedJobs(world.authos, { queue: 'mail', count: 4, job: testJob, exception: 'RuntimeException: x' });
    expect(await counts()).toMatchObject({ failed: 5, olderThanADay: 2, othersFailed: 4 });
  });

  it.each([
    ['a shell command', '$(reboot)'],
    ['SQL', "'; drop table failed_jobs; --"],
    ['PHP', '<?php system("id"); ?>'],
    ['a path', '../../etc/passwd'],
    ['control characters', 'a\u0007\u001b[2Jb'],
    ['quotes', '\\"'],
    ['10 kB', 'x'.repeat(10_000)],
    ['lines', '\n\nFatal'],
  ])(
    'shows an exception that holds %s on one short line, and groups by class',
    async (_, words) => {
      await failedJobs(world.authos, { queue: 'default', count: 2, job: `App\\Jobs\\Odd${words.slice(0, 20)}`, exception: `InvalidArgumentException: ${words}` });
      const { evidence, data } = await inActivity(() => on().inspectFailedJobs(place()));
      expect(data.groups).toMatchObject([{ exception: 'InvalidArgumentException', count: 2 }]);
      expect(evidence.split('\n')).toHaveLength(2);
      expect(evidence.length).toBeLessThan(500);
      expect(evidence).not.toMatch(/[\u0000-\u0009\u001b]/);
    },
  );

  it('takes payloads that are no JSON, and exceptions that are nothing', async () => {
    await world.authos.sql("insert into failed_jobs (uuid, connection, queue, payload, exception) values ('8e6f3c1a-0000-4000-8000-000000000001', 'database', 'default', 'a:1:{broken', '')");
    expect((await inActivity(() => on().inspectFailedJobs(place()))).evidence).toContain('a job without a name');
    expect((await inActivity(() => on().planRetry({ ...place(), age: 'young', except: [] }))).groups).toHaveLength(1);
  });

  it('sees its own workers and their supervisor', async () => {
    const { data, evidence } = await inActivity(() => on().checkQueueWorkers(place()));
    expect(data).toMatchObject({ running: 1, supervised: true });
    expect(evidence).toContain(`pid ${world.authos.supervisor?.pids[0] ?? 0}`);
  });
});

describe('retrying', () => {
  it('plans one first and then the rest of each kind, and leaves out what failed again', async () => {
    const [first, second, third] = (await failedJobs(world.authos, { queue: 'default', count: 3, job: testJob, exception: 'RuntimeException: x' })).toReversed();
    const [other] = await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'InvalidArgumentException: y' });
    await failedJobs(world.authos, { queue: 'default', count: 1, job: testJob, exception: 'RuntimeException: x', age: '2 days' });
    await failedJobs(world.authos, { queue: 'mail', count: 1, job: testJob, exception: 'RuntimeException: x' });
    const plan = await inActivity(() => on().planRetry({ ...place(), age: 'young', except: [] }));
    expect(plan.groups.map((group) => [group.first, group.rest])).toEqual([[first, [second, third]], [other, []]]);
    expect(plan).toMatchObject({ left: 0, retryAfterMs: 2_000 });
    expect((await inActivity(() => on().planRetry({ ...place(), age: 'young', except: [other!] }))).groups).toHaveLength(1);
    expect((await inActivity(() => on().planRetry({ ...place(), age: 'old', except: [] }))).groups).toMatchObject([{ rest: [] }]);
  });

  it('puts jobs back by id, and follows them to their end: passed or failed again', async () => {
    const good = await failedJobs(world.authos, { queue: 'default', count: 2, job: testJob, exception: 'RuntimeException: x' });
    const bad = await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'InvalidArgumentException: y' });
    const result = await inActivity(() => on().retryJobs({ ...place(), ids: [...good, ...bad] }));
    expect(result).toMatchObject({ outcome: 'done', evidence: 'queue:retry: 3 of 3 jobs are on default again' });
    const seen = await patiently(() => on().followJobs({ ...place(), ids: result.retried, ...soon() }));
    expect(seen).toEqual({ passed: 2, failedAgain: bad, waiting: [] });
  });

  it("never touches another queue's job, also if it is asked for by its id", async () => {
    const mail = await failedJobs(world.authos, { queue: 'mail', count: 2, job: testJob, exception: 'RuntimeException: x' });
    expect(await inActivity(() => on().retryJobs({ ...place(), ids: mail }))).toMatchObject({ outcome: 'refused', retried: [] });
    expect(await failed('mail')).toBe(2);
  });

  it.each(['all', '$(reboot)', '--queue=mail', '1; drop table jobs', '../../x', '8e6f3c1a-0000-4000-8000-000000000001\n', ''])('takes no id like %j', async (id) => {
    await failedJobs(world.authos, { queue: 'default', count: 1, job: testJob, exception: 'RuntimeException: x' });
    await expect(inActivity(() => on().retryJobs({ ...place(), ids: [id] }))).rejects.toThrow('no id of a job');
    expect(await failed('default')).toBe(1);
  });

  it('says so where a retried job is taken by nobody', async () => {
    const mail = { ...world.place, queue: 'mail' };
    const ids = await failedJobs(world.authos, { queue: 'mail', count: 1, job: testJob, exception: 'RuntimeException: x' });
    await inActivity(() => on().retryJobs({ place: mail, ids }));
    const until = Date.now() + 300;
    expect(await patiently(() => on().followJobs({ place: mail, ids, until, every: 50 }))).toEqual({ passed: 0, failedAgain: [], waiting: ids });
  });

  it('runs the test job of the application on the queue', async () => {
    const { newestId } = await counts();
    const { id, ...dispatched } = await inActivity(() => on().dispatchTestJob(place()));
    expect(dispatched.outcome).toBe('done');
    expect(await patiently(() => on().followTestJob({ ...place(), id: id!, newestId, ...soon() }))).toMatchObject({ outcome: 'done' });
    const hostile = { ...world.place, queue: "mail'; echo `id` $(reboot)" };
    expect(await inActivity(() => on().dispatchTestJob({ place: hostile }))).toMatchObject({ outcome: 'done' });
    expect(await world.authos.sql('select queue from jobs')).toEqual([{ queue: hostile.queue }]);
  });
});

describe('clearing', () => {
  it('exports the jobs of one queue, and deletes only those', async () => {
    const ids = await failedJobs(world.authos, { queue: 'default', count: 2, job: poison, exception: 'InvalidArgumentException: y' });
    const [old] = await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'InvalidArgumentException: y', age: '2 days' });
    await failedJobs(world.authos, { queue: 'mail', count: 3, job: poison, exception: 'InvalidArgumentException: y' });
    const { exported } = await inActivity(() => on().exportFailedJobs({ ...place(), queue: 'default' }));
    const text = await readFile(join(world.authos.archive, exported!), 'utf8');
    expect(text.split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { uuid: string }).uuid).toSorted()).toEqual([...ids, old].toSorted());
    const clear = (olderThanHours: number) => inActivity(() => on().clearFailedJobs({ ...place(), queue: 'default', exported: exported!, olderThanHours, followed: [old!, ids[0]!] }));
    // What fails after the export is not in it, and stays.
    await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'InvalidArgumentException: y' });
    expect(await clear(24)).toMatchObject({ outcome: 'done', cleared: [old] });
    expect(await clear(0)).toMatchObject({ outcome: 'done', cleared: [ids[0]] });
    expect([await failed('default'), await failed('mail')]).toEqual([1, 3]);
  });
});

describe('the number of workers', () => {
  const workers = () => world.authos.supervisor?.pids.length;

  it('goes up, proved by what runs, and back, unless somebody else has set it since', async () => {
    expect(await inActivity(() => on().setWorkerCount({ ...place(), count: 2 }))).toMatchObject({ outcome: 'done', evidence: 'numprocs of authos-workers: 1 → 2; 2 run' });
    expect(workers()).toBe(2);
    expect(await inActivity(() => on().restoreWorkerCount({ ...place(), ours: 3, old: 1 }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('somebody changed it since') });
    expect(workers()).toBe(2);
    expect(await inActivity(() => on().restoreWorkerCount({ ...place(), ours: 2, old: 1 }))).toMatchObject({ outcome: 'done' });
    expect(workers()).toBe(1);
  });

  it('is not in place while it is only written: a worker that died between file and supervisor is done again', async () => {
    const file = world.authos.supervisor!.configFile;
    const before = await readFile(file, 'utf8');
    const isTwo = () => inActivity(() => on().workerCountIs({ ...place(), count: 2 }));
    try {
      expect(await isTwo()).toEqual({ done: false, evidence: 'numprocs of authos-workers is 1' });
      await writeFile(file, withNumprocs(before, 'authos-workers', 2));
      expect(await isTwo()).toEqual({ done: false, evidence: 'numprocs of authos-workers is 2; 1 run' });
      expect(await inActivity(() => on().setWorkerCount({ ...place(), count: 2 }))).toMatchObject({ outcome: 'done' });
      expect(await isTwo()).toEqual({ done: true, evidence: 'numprocs of authos-workers is 2; 2 run' });
    } finally {
      expect(await inActivity(() => on().restoreWorkerCount({ ...place(), ours: 2, old: 1 }))).toMatchObject({ outcome: 'done' });
    }
  });

  it('is bounded by the config', async () => {
    for (const count of [0, 4, 1.5]) await expect(inActivity(() => on().setWorkerCount({ ...place(), count }))).rejects.toThrow('count must be a whole number');
  });

  it('is as it was where supervisor does not take it', async () => {
    const file = world.authos.supervisor!.configFile;
    const before = await readFile(file, 'utf8');
    const broken = before.replace('_%(process_num)02d', '');
    await writeFile(file, broken);
    const result = await inActivity(() => on().setWorkerCount({ ...place(), count: 2 }));
    expect(result).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('process_num') });
    expect(await readFile(file, 'utf8')).toBe(broken);
    await writeFile(file, before);
    expect((await readdir(join(file, '..'))).filter((name) => name.includes('responder'))).toEqual([]);
  });

  it('is raised only where pending jobs have grown and wait', async () => {
    expect(await inActivity(() => on().moreWorkersHelp({ ...place(), pendingBefore: 0, minute: 50 }))).toMatchObject({ holds: false, from: 1, to: 2 });
    await dispatch(world.authos, 'App\\Jobs\\SendNotification', Array.from({ length: 4 }, () => ({ ms: 1_500 })));
    await expect.poll(() => inActivity(() => on().moreWorkersHelp({ ...place(), pendingBefore: 1, minute: 50 })), { timeout: 5_000 }).toMatchObject({ holds: true, to: 2 });
    expect(await inActivity(() => on().moreWorkersHelp({ ...place(), pendingBefore: 10, minute: 50 }))).toMatchObject({ holds: false });
  });
});

describe('the proof', () => {
  const prove = async (more: object = {}) => {
    const { newestId, pending } = await counts();
    return () => inActivity(() => on().proveQueue({ ...place(), failedAtMost: 100, before: { newestId, pending }, retried: [], minute: 60_000, window: look, ...more }));
  };

  it('holds on a quiet queue with workers, and not once a job has failed since', async () => {
    const proof = await prove();
    expect(await proof()).toMatchObject({ kind: 'recovered' });
    await failedJobs(world.authos, { queue: 'mail', count: 1, job: poison, exception: 'x' });
    expect(await proof()).toMatchObject({ kind: 'recovered' });
    await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'x' });
    expect(await proof()).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('1 jobs have failed since') });
  });

  it('is not fooled by a retry, which lowers the count: the job must be in neither table', async () => {
    const ids = await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'x' });
    expect(await (await prove({ retried: ids }))()).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('failed again') });
  });

  it('does not hold over 100, nor where jobs failed a moment before the run', async () => {
    await failedJobs(world.authos, { queue: 'default', count: 1, job: poison, exception: 'x', age: '1 second' });
    expect(await (await prove({ lookBack: 60_000 }))()).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('last moments') });
    expect(await (await prove({ failedAtMost: 0 }))()).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('more than 0') });
  });

  it('does not hold while a job waits that nobody takes', async () => {
    const mail = { ...world.place, queue: 'mail' };
    await dispatch(world.authos, testJob, [{}], 'mail');
    await expect.poll(() => inActivity(() => on().proveQueue({ place: mail, failedAtMost: 100, before: { newestId: '0', pending: 1 }, retried: [], minute: 100, window: look })), { timeout: 5_000 }).toMatchObject({
      kind: 'not recovered',
      evidence: expect.stringContaining('the oldest job has waited'),
    });
  });

  it('is unknown without a worker, and without the database', async () => {
    const proof = await prove();
    await world.authos.supervisor?.stop();
    try {
      expect(await proof()).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining('no worker is seen') });
      await world.authos.postgres.stop();
      expect(await proof()).toMatchObject({ kind: 'unknown' });
    } finally {
      await world.authos.postgres.restart();
      await world.authos.supervisor?.start();
    }
  });
});
