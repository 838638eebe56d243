import { createHash, randomBytes } from 'node:crypto';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DateTime } from 'luxon';
import type { Authos } from '../authos/authos.js';
import { formatLogLine, logFileName } from '../authos/logs.js';

const day = 86_400_000;
/** What file systems give out. */
const block = 4096;

/** Writes `bytes` of log lines into the channel's file of that many days ago, last written then. Returns its path. */
export async function writeLog(authos: Authos, { channel, daysAgo, bytes }: { channel: string; daysAgo: number; bytes: number }): Promise<string> {
  const at = DateTime.now().setZone(authos.config().app.timezone).minus({ days: daysAgo });
  const lines: string[] = [];
  for (let size = 0; size < Math.min(bytes, 65_536); size += lines.at(-1)?.length ?? 1) {
    const context = { type: 'request', ip: `203.0.113.${lines.length % 255}`, request_id: randomBytes(8).toString('hex') };
    lines.push(formatLogLine({ level: 'INFO', message: `Request ${lines.length} handled`, context }, at, 'line', authos.environment));
  }
  const path = join(authos.root, 'storage/logs', logFileName(channel, at));
  await writeOwned(authos, path, repeated(lines.join(''), bytes));
  const written = new Date(Date.now() - daysAgo * day);
  await utimes(path, written, written);
  return path;
}

/** Compiled views, as `view:cache` leaves them. */
export async function writeViews(authos: Authos, { files, bytes }: { files: number; bytes: number }): Promise<void> {
  const text = '<?php $__env->startSection("content"); ?><p><?php echo e($user->name); ?></p><?php $__env->stopSection(); ?>\n';
  for (let i = 0; i < files; i++) {
    await writeOwned(authos, join(authos.root, 'storage/framework/views', `${sha1(`view ${i}`)}.php`), repeated(text, bytes / files));
  }
}

/** Entries of the file cache, most of them long expired, which Laravel never deletes by itself. */
export async function writeCacheData(authos: Authos, { files, bytes }: { files: number; bytes: number }): Promise<void> {
  const folder = join(authos.root, 'storage/framework/cache/data');
  for (let i = 0; i < files; i++) {
    const hash = sha1(`entry ${i}`);
    const expired = Math.floor(Date.now() / 1000) - 86_400 * (i % 30);
    await writeOwned(authos, join(folder, hash.slice(0, 2), hash.slice(2, 4), hash), repeated(`${expired}s:32:"${hash.slice(0, 32)}";`, bytes / files));
  }
}

/** Session files of people who are logged in. */
export async function writeSessions(authos: Authos, { files, bytes }: { files: number; bytes: number }): Promise<void> {
  for (let i = 0; i < files; i++) {
    const id = randomBytes(20).toString('hex');
    const payload = `a:3:{s:6:"_token";s:40:"${id}";s:9:"_previous";a:0:{}s:10:"login_web_";i:${i};}`;
    await writeOwned(authos, join(authos.root, 'storage/framework/sessions', id), repeated(payload, bytes / files));
  }
}

/** Files that people uploaded: what no runbook may touch. Not a block more than `bytes` in all. */
export async function writeUploads(authos: Authos, { files, bytes }: { files: number; bytes: number }): Promise<void> {
  for (let i = 0; i < files; i++) {
    await writeOwned(authos, join(authos.root, 'storage/app/uploads', `${sha1(`upload ${i}`)}.bin`), randomBytes(Math.floor(bytes / files / block) * block));
  }
}

/** Failed jobs in the database, half of them of today and half two days old. */
export async function addFailedJobs(authos: Authos, count: number): Promise<void> {
  await authos.sql(
    `insert into failed_jobs (uuid, connection, queue, payload, exception, failed_at)
     select gen_random_uuid()::text, 'database', 'default',
            json_build_object('displayName', 'App\\Jobs\\SendLoginNotice', 'attempts', 3, 'data', json_build_object('user', n))::text,
            'RuntimeException: No space left on device', localtimestamp - make_interval(hours => case when n % 2 = 0 then 1 else 48 end)
     from generate_series(1, $1) n`,
    [count],
  );
}

/** Rows of authentication_logs, spread over the last half year. */
export async function addAuthenticationLogs(authos: Authos, count: number): Promise<void> {
  await authos.sql(
    `insert into authentication_logs (user_id, event, success, ip_address, created_at)
     select n, 'login', n % 5 <> 0, '203.0.113.' || n % 255, localtimestamp - make_interval(days => n % 180) from generate_series(1, $1) n`,
    [count],
  );
}

async function writeOwned(authos: Authos, path: string, data: Buffer): Promise<void> {
  const made = await mkdir(dirname(path), { recursive: true });
  if (made !== undefined) await authos.user.ownAll(made);
  await writeFile(path, data);
  await authos.user.own(path);
}

function repeated(text: string, bytes: number): Buffer {
  return Buffer.alloc(Math.floor(bytes), text);
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
