import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, workflowBundle } from '../../src/workers/bundle.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const practice = join(project, 'test', 'support', 'practice-runs.ts');

/** Paths of the incident's bundle and of the practice runbooks', each built once for a state of its sources. */
export async function testBundles(): Promise<{ incidents: { codePath: string }; runs: { codePath: string } }> {
  return { incidents: await workflowBundle('incidents'), runs: { codePath: await practiceBundle() } };
}

async function practiceBundle(): Promise<string> {
  const folder = join(process.env['RESPONDER_CACHE_DIR'] ?? join(project, '.cache'), 'bundles');
  const codePath = join(folder, `practice-${await fingerprint()}.js`);
  if (existsSync(codePath)) return codePath;
  await mkdir(folder, { recursive: true });
  const partial = `${codePath}.${process.pid}`;
  await writeFile(partial, await bundle(practice, true));
  await rename(partial, codePath);
  return codePath;
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(practice));
  for (const folder of ['workflows', 'domain']) {
    const path = join(project, 'src', folder);
    for (const file of (await readdir(path)).filter((name) => name.endsWith('.ts')).sort()) {
      hash.update(file).update(await readFile(join(path, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
