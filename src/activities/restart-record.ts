import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import type { Host } from '../domain/inventory.js';
import { writeWhole } from './block-record.js';

/** The newest restart of the application at a host that was ours. */
export type Restart = z.infer<typeof restart>;

const restart = z.object({
  v: z.literal(1),
  /** When the activity was asked for, ms since the epoch by Temporal's clock, as a run's own times are. */
  askedAt: z.number(),
  /** True once the application has answered again. */
  answered: z.boolean(),
});

const pathOf = (host: Host): string => join(host.records, 'restart.json');

/** Undefined if we never restarted it. Throws, which is retried, if the record can't be read. */
export async function readRestart(host: Host): Promise<Restart | undefined> {
  const text = await readFile(pathOf(host), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return restart.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${pathOf(host)} is damaged, so nobody knows when we last restarted the application`, { cause: error });
  }
}

/** Written before the restart and after it, synced: whoever looks after a death knows whether it began and whether it ended. */
export async function writeRestart(host: Host, { askedAt, answered }: Omit<Restart, 'v'>): Promise<void> {
  await mkdir(host.records, { recursive: true, mode: 0o700 });
  await writeWhole(pathOf(host), `${JSON.stringify({ v: 1, askedAt, answered } satisfies Restart)}\n`, 0o600);
}
