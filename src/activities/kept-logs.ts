import type { Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

import type { Host } from '../domain/inventory.js';
import { heldBecause, readHolds } from './evidence.js';
import { fullDaysOld, isProtectedLog } from './old-logs.js';

/** Logs that nobody may delete: protected channels and evidence. Paths below storage/logs. */
export interface KeptLogs {
  all: string[];
  /** Those that a deletion of everything older than `days` could take. */
  atRisk: { path: string; why: string }[];
}

/** Looks through storage/logs, links below it not followed; without the folder there are none. A repeat is safe. */
export async function logsThatMustStay(host: Host, days: number): Promise<KeptLogs> {
  const kept: KeptLogs = { all: [], atRisk: [] };
  const logs = await realpath(join(host.root, 'storage/logs')).catch(() => undefined);
  if (logs === undefined) return kept;
  const holds = await readHolds(host);
  for (const entry of await readdir(logs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    const path = relative(logs, full);
    const isProtected = isProtectedLog(
      path.split(sep).map((part) => Buffer.from(part)),
      host.protectedLogs,
    );
    const held = heldBecause(holds, Buffer.from(full));
    if (!isProtected && held === undefined) continue;
    const file = await lstat(full).catch(() => undefined);
    if (file === undefined) continue;
    kept.all.push(path);
    // One day less than asked: an own command may count a day that has begun as a whole one.
    if (ageInDays(entry.name, file) >= days - 1) kept.atRisk.push({ path, why: held ?? 'a protected log' });
  }
  return kept;
}

/** By its time or by the date in its name, whichever is older: nobody knows which of them a command goes by. */
function ageInDays(name: string, file: Stats): number {
  const date = /\d{4}-\d{2}-\d{2}/.exec(name)?.[0];
  const named = date === undefined ? Number.NaN : Date.parse(date);
  const byName = Number.isNaN(named) ? 0 : Math.floor((Date.now() - named) / 86_400_000);
  return Math.max(fullDaysOld(file), byName);
}
