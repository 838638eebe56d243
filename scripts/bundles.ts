import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleOf } from '../src/workers/bundle.js';

/**
 * `npm run bundles`: writes bundles/incidents.js and bundles/runs.js, which workers take instead of building their own. For an
 * image, whose file system is read-only: in a working copy they would hide later changes of the sources.
 */
const folder = fileURLToPath(new URL('../bundles/', import.meta.url));
await mkdir(folder, { recursive: true });
for (const name of ['incidents', 'runs'] as const) {
  const code = await bundleOf(name);
  await writeFile(`${folder}${name}.js`, code);
  console.log(`bundles/${name}.js: ${Math.round(code.length / 1024)} KiB`);
}
