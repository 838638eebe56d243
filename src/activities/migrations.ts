import type { Host } from '../domain/inventory.js';
import { artisan } from './artisan-command.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';

/** A migration that the database has, in the order in which `migrate:rollback` takes them back, last first. */
export interface RanMigration {
  name: string;
  batch: number;
}

const migrationName = /^\d{4}_\d{2}_\d{2}_\d{6}_[a-z0-9_]{1,150}$/;

/** The name of a migration from its file's path below database/migrations, or undefined. */
export function migrationOf(path: string): string | undefined {
  const name = /^database\/migrations\/([^/]+)\.php$/.exec(path)?.[1];
  return name !== undefined && migrationName.test(name) ? name : undefined;
}

/**
 * What `migrate:status` says has run, the last one first: by batch, then by name, as `migrate:rollback --step` counts. Both of
 * Laravel's formats are read. Without the command, or with an answer that can't be read, says why.
 */
export async function ranMigrations(at: { host: Host; shell: Shell }): Promise<RanMigration[] | { unknown: string }> {
  const result = await artisan({ ...at, command: 'migrate:status' });
  if (!result.exists) return { unknown: result.stderr };
  if (result.exitCode !== 0) return { unknown: commandsWords('artisan migrate:status', result).slice(0, 400) };
  if (result.file !== undefined) return { unknown: 'migrate:status lists more than can be judged' };
  const ran = result.stdout.split('\n').flatMap((line) => statusLine(line) ?? []);
  return ran.sort((a, b) => b.batch - a.batch || (a.name < b.name ? 1 : -1));
}

/** `2026_01_27_000000_name ...... [3] Ran` of Laravel 9 and later, `| Yes | 2026_01_27_000000_name | 3 |` before. */
function statusLine(line: string): RanMigration | undefined {
  const match = /^\s*(\d{4}_\d{2}_\d{2}_\w+)\s.*\[(\d+)\]\s+Ran\s*$/.exec(line) ?? /^\|\s*Yes\s*\|\s*(\d{4}_\d{2}_\d{2}_\w+)\s*\|\s*(\d+)\s*\|\s*$/.exec(line);
  const [, name = '', batch = ''] = match ?? [];
  return migrationName.test(name) ? { name, batch: Number(batch) } : undefined;
}
