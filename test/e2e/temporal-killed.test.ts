import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { hostNeeding } from '../support/practice-host.js';
import { openWorld, type World } from '../support/world.js';

let folder: string;
let world: World;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temporal-killed-'));
  world = await openWorld({ realTime: true, folder });
});
afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

it('a Temporal server that is killed over a level pages it once when it is back, late, by the workers that waited for it', async () => {
  // A minute takes 200 ms.
  const quick = { times: { ...scaled(standardTimes, 1 / 300), lateAfter: 500 } };
  const incident = await world.open({ activities: hostNeeding().activities, start: quick });
  await incident.until(({ pages }) => pages.length >= 2, 'the first pages');
  const startAgain = await world.killServer();
  await new Promise((resolve) => setTimeout(resolve, 20 * quick.times.minute));
  await startAgain();
  const back = Date.now();
  const view = await incident.until(({ pages }) => pages.some(({ late }) => late), 'the late page');
  const late = view.pages.filter((page) => page.late && page.acceptedAt > back);
  expect(new Set(late.map(({ key }) => key.split('/')[1])).size, 'only the highest level that fell due').toBe(1);
  expect(new Set(late.map(({ person }) => person)).size).toBe(late.length);
  expect(late.map(({ repeats }) => repeats)).toEqual(late.map(() => 0));
  const sent = world.sent.filter(({ key }) => key.startsWith(incident.start.id)).map(({ key }) => key);
  expect(new Set(sent).size).toBe(sent.length);
});
