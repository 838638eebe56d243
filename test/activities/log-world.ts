import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { LogLine, LogRead } from '../../src/activities/logs.js';
import { readLogLines } from '../../src/activities/logs.js';
import type { Host } from '../../src/domain/inventory.js';
import { hostUnder, inActivity, temporaryFolder } from './support.js';

/** A host whose storage/logs a test fills, in the time zone of the test. */
export async function logWorld(timeZone = 'UTC') {
  const host = hostUnder(await temporaryFolder(), { timeZone });
  const folder = join(host.root, 'storage/logs');
  await mkdir(folder, { recursive: true });
  return {
    host,
    folder,
    /** Writes a file; `at` is when it was last written. */
    async write(name: string, data: string | Buffer, at?: Date): Promise<void> {
      await writeFile(join(folder, name), data);
      if (at) await utimes(join(folder, name), at, at);
    },
    read: (since: string, until?: string, channel = 'security') => read(host, { channel, since: Date.parse(since), ...(until ? { until: Date.parse(until) } : {}) }),
  };
}

export async function read(host: Host, query: { channel: string; since: number; until?: number }): Promise<LogRead & { seen: LogLine[] }> {
  const seen: LogLine[] = [];
  const result = await inActivity(() => readLogLines({ host, ...query }, (line) => void seen.push(line)));
  return { ...result, seen };
}

/** A line as Monolog writes it into a channel. */
export function line(time: string, message: string, context?: object, level = 'ERROR'): string {
  return `[${time}] production.${level}: ${message}${context ? ` ${JSON.stringify(context)}` : ''}\n`;
}
