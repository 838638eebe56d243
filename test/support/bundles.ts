import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, workflowBundle } from '../../src/workers/bundle.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const practice = join(project, 'test', 'support', 'practice-runs.ts');

const earlyDeath = join(project, 'test', 'support', 'early-death.ts');

type Bundles = Record<'incidents' | 'runs', { codePath: string }>;

/** Paths of the incident's bundle and of the practice runbooks', each built once for a state of its sources. */
export async function testBundles(): Promise<Bundles> {
  return { incidents: await workflowBundle('incidents'), runs: await runBundle('practice', practice) };
}

/** The same for tests that kill a worker: it counts as dead sooner. */
export async function earlyDeathBundles(): Promise<Bundles> {
  return { incidents: await workflowBundle('incidents'), runs: await runBundle('practice-early-death', practice, [earlyDeath]) };
}

/** The incident's bundle and the real runbooks', where a worker counts as dead sooner. */
export async function earlyDeathRunbooks(): Promise<Bundles> {
  return { incidents: await workflowBundle('incidents'), runs: await runBundle('runs-early-death', join(project, 'src', 'workflows', 'index.ts'), [earlyDeath]) };
}

async function runBundle(name: string, entry: string, interceptors: string[] = []): Promise<{ codePath: string }> {
  const folder = join(process.env['RESPONDER_CACHE_DIR'] ?? join(project, '.cache'), 'bundles');
  const codePath = join(folder, `${name}-${await fingerprint([entry, ...interceptors])}.js`);
  if (existsSync(codePath)) return { codePath };
  await mkdir(folder, { recursive: true });
  const partial = `${codePath}.${process.pid}`;
  await writeFile(partial, await bundle(entry, true, { interceptors }));
  await rename(partial, codePath);
  return { codePath };
}

async function fingerprint(files: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file));
  for (const folder of ['workflows', 'domain']) {
    const path = join(project, 'src', folder);
    for (const file of (await readdir(path)).filter((name) => name.endsWith('.ts')).sort()) {
      hash.update(file).update(await readFile(join(path, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
