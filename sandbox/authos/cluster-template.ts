import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { postgresPrograms, unprivilegedUser } from '../servers/postgres-programs.js';
import { startPostgres } from '../servers/postgres.js';
import { exists } from '../servers/processes.js';
import { migrate, schemaVersion } from './schema.js';

const cache = fileURLToPath(new URL('../../.cache/clusters', import.meta.url));

/**
 * Fills an empty folder with a stopped cluster that has AuthOS's tables, for `startPostgres` to find and start: copying one
 * takes a fraction of the time of making one. The template is made on first use, for each version, user and schema. It is
 * only a shortcut: where it cannot be made or copied the folder stays as it was, and the cluster is made there.
 */
export async function copyCluster(folder: string): Promise<void> {
  try {
    const template = join(cache, await templateName());
    if (!(await exists(template))) await makeTemplate(template);
    // cp keeps owners, which Node's own copy does not; the cluster may belong to another user than us.
    await execa('cp', ['-a', `${template}/.`, folder], { stdin: 'ignore' });
  } catch {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
  }
}

async function templateName(): Promise<string> {
  const user = await unprivilegedUser();
  const { postgres } = await postgresPrograms(user);
  const { stdout } = await execa(postgres, ['--version'], { stdin: 'ignore' });
  const uid = user?.uid ?? process.getuid?.() ?? 0;
  return createHash('sha256').update(JSON.stringify([stdout, uid, schemaVersion])).digest('hex').slice(0, 16);
}

/** Several processes may do this at once: each makes its own and moves it into place whole. */
async function makeTemplate(template: string): Promise<void> {
  await mkdir(dirname(template), { recursive: true, mode: 0o700 });
  const incoming = await mkdtemp(join(dirname(template), '.incoming-'));
  // Not in the cache itself: the cluster's user may not be able to get there.
  const building = await mkdtemp(join(tmpdir(), 'authos-cluster-'));
  try {
    const server = await startPostgres({ folder: building });
    try {
      if (!server.dataFolder.startsWith(`${building}/`)) throw new Error(`the data is in ${server.dataFolder}, and cannot be copied with its folder`);
      await migrate(server.url);
    } finally {
      await server.stop();
    }
    await execa('cp', ['-a', `${building}/.`, incoming], { stdin: 'ignore' });
    await rename(incoming, template).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
    await rm(incoming, { recursive: true, force: true });
  }
}
