import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fuzz, inLines } from './fuzz.js';
import { openFuzzSite } from './fuzz-site.js';
import type { FuzzSite } from './fuzz-site.js';

/** Another seed each time: what is found is found again by `npm run fuzz -- --seed`. */
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const bodies = 300;

let folder: string;
let site: FuzzSite;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-fuzz-'));
  site = await openFuzzSite(folder);
});
afterAll(async () => {
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

it('no body of any format makes the server fail, repeat what it was sent, or start what routing does not give', { timeout: 240_000 }, async () => {
  console.log(`fuzz: ${bodies} bodies, seed ${seed}`);
  const before = Object.getOwnPropertyNames(Object.prototype);
  const { tally, incidents } = await fuzz(site, { bodies, seed });
  console.log(inLines(tally).join('\n'));
  expect(Object.keys(tally).toSorted()).toEqual(Object.keys(site.config.sources).toSorted());
  expect(incidents).toBeGreaterThan(10);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
});
