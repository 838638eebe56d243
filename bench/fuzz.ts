import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, inLines } from '../test/http/fuzz.js';
import { openFuzzSite } from '../test/http/fuzz-site.js';

/*
 * Generated bodies for the server, over all formats: `npm run fuzz [-- --bodies 10000] [--seed n]`. Exit code 1 with a
 * counterexample if one does harm. A few hundred of them are in `npm test` (test/http/fuzz.test.ts).
 */

const { values } = parseArgs({ options: { bodies: { type: 'string', default: '10000' }, seed: { type: 'string', default: String(Date.now() % 2 ** 31) } } });
const [bodies, seed] = [Number(values.bodies), Number(values.seed)];
if (!Number.isInteger(bodies) || bodies < 1 || !Number.isInteger(seed)) {
  console.error(`fuzz: ${JSON.stringify(values)} is no number of bodies and no seed`);
  process.exit(2);
}

const folder = await mkdtemp(join(tmpdir(), 'responder-fuzz-'));
const site = await openFuzzSite(folder);
try {
  console.log(`${bodies} bodies, seed ${seed}`);
  const heapBefore = process.memoryUsage().heapUsed;
  const startedAt = performance.now();
  const { tally, alerts, incidents, slowestMs } = await fuzz(site, { bodies, seed });
  for (const line of inLines(tally)) console.log(line);
  const minutes = (performance.now() - startedAt) / 60_000;
  console.log(`${alerts} alerts accepted, ${incidents} incidents in Temporal, the slowest answer after ${slowestMs.toFixed(0)} ms, ${minutes.toFixed(1)} min, heap ${((process.memoryUsage().heapUsed - heapBefore) / 1_048_576).toFixed(0)} MB more`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await site.close();
  await rm(folder, { recursive: true, force: true });
}
