import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleFile, bundleOf } from '../src/workers/bundle.js';

/**
 * `npm run bundles`: writes the workflow code of incidents and runs to `bundles`, with plain and with encoded messages of failures,
 * and that of simulations; workers take it instead of building their own. For an image, whose file system is read-only: in a working copy it would hide
 * later changes of the sources.
 */
const folder = fileURLToPath(new URL('../bundles/', import.meta.url));
await mkdir(folder, { recursive: true });
for (const name of ['incidents', 'runs', 'simulated-runs'] as const) {
  for (const failures of name === 'simulated-runs' ? (['plain'] as const) : (['plain', 'encoded'] as const)) {
    const file = bundleFile(name, failures);
    const code = await bundleOf(name, failures);
    await writeFile(`${folder}${file}`, code);
    console.log(`bundles/${file}: ${Math.round(code.length / 1024)} KiB`);
  }
}
