import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The classes of `app/Jobs`: each gets the data that it was dispatched with, and the world that its worker booted in. */
const jobs = {
  /** Appends to a report of its own, in the folder that the config of the worker names. Running twice shows as a second line. */
  'App\\Jobs\\WriteReport': async ({ id }, { root, config }) => {
    const folder = join(root, 'storage/app', config.reports.folder);
    if (!existsSync(folder)) throw problem('Illuminate\\Contracts\\Filesystem\\FileNotFoundException', `Folder ${config.reports.folder} does not exist`);
    await appendFile(join(folder, `${Number(id)}.txt`), 'written\n');
  },
  /** Reads what somebody uploaded: a broken file stays broken. */
  'App\\Jobs\\ImportUsers': async ({ rows }) => {
    if (!Array.isArray(rows)) throw problem('InvalidArgumentException', `Malformed import: ${String(rows)}`);
  },
  /** Takes its time, and leaves nothing. */
  'App\\Jobs\\SendNotification': async ({ ms }) => delay(Number(ms)),
  /** Leaves nothing behind, and fails while there is poison in the storage. */
  'App\\Jobs\\TestJob': async (_, { root }) => {
    if (existsSync(join(root, 'storage/poison'))) throw problem('RuntimeException', 'Poison in the storage');
  },
};

function problem(phpClass, message) {
  return Object.assign(new Error(message), { phpClass });
}

/** Runs one job by the payload of its row. Throws what the job throws. */
export async function runJob(payload, world) {
  const { displayName, data } = JSON.parse(payload);
  if (!Object.hasOwn(jobs, displayName)) throw problem('Error', `Class "${displayName}" not found`);
  await jobs[displayName](data, world);
}

/** True if the application has this job. */
export const hasJob = (name) => Object.hasOwn(jobs, name);
