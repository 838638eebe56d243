import { chmod, chown, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

import type { AuthosApi } from '../../src/activities/health-api.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';
import { hostUnder, mountMemory, placeOn } from './support.js';

export const isRoot = process.getuid?.() === 0;
const nobody = 65534;

/** An AuthOS root with a storage on a capped volume of its own (64 MiB of memory), and an archive off that volume. */
export async function authosVolume({ size = '64m', changes = {} }: { size?: string; changes?: Partial<Host> } = {}) {
  const base = await mkdtemp(join(tmpdir(), 'responder-volume-'));
  onTestFinished(async () => rm(base, { recursive: true, force: true }));
  const volume = join(base, 'volume');
  await mkdir(volume);
  const mounted = await mountMemory(volume, size);
  const host = hostUnder(volume, { archive: join(base, 'archive'), records: join(base, 'records'), ...changes });
  for (const folder of ['logs', 'framework/cache/data', 'framework/views', 'framework/sessions']) {
    await mkdir(join(host.root, 'storage', folder), { recursive: true });
  }
  await mkdir(host.archive);
  if (isRoot) {
    await chown(join(host.root, 'storage'), nobody, nobody);
    // The application's user has to reach its own storage.
    await chmod(base, 0o755);
  }
  const shell = localShell({ records: host.records, scrub: createScrub([]) });
  return {
    base,
    volume,
    mounted,
    host,
    place: placeOn(host),
    shell,
    shellOf: () => shell,
    storage: join(host.root, 'storage'),
    logs: join(host.root, 'storage/logs'),
  };
}

/** Writes a file as old as asked, folders made. */
export async function file(
  path: string | Buffer,
  { days = 0, bytes = 10 }: { days?: number; bytes?: number } = {},
): Promise<void> {
  if (typeof path === 'string') await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.alloc(bytes, 'x'));
  const at = new Date(Date.now() - days * 86_400_000 - 60_000);
  await utimes(path, at, at);
}

/** An AuthOS that does not answer. */
export const silentApi: AuthosApi = { get: async () => ({ kind: 'unknown', because: 'connect ECONNREFUSED' }) };
