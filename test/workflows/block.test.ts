import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attackActivities } from '../../src/activities/attack.js';
import type { BlockState } from '../../src/workflows/block.js';
import { blockId } from '../../src/workflows/names.js';
import { inActivity } from '../activities/support.js';
import { query } from '../support/query.js';
import { openRunbookWorld, type RunbookWorld } from '../support/runbook-world.js';

const hour = 60 * 60_000;
const address = '203.0.113.10';
let world: RunbookWorld;
beforeAll(async () => {
  world = await openRunbookWorld({}, { realTime: false });
});
afterAll(async () => world?.close());

const handle = (of = address) => world.world.client.workflow.getHandle(blockId(world.authos.name, of));
const state = (of = address) => query<BlockState>(world.world.client, handle(of), 'state');
const isBlocked = async (): Promise<boolean> => (await execa('ufw', ['status'], { env: world.authos.env(), extendEnv: false })).stdout.includes(address);

async function block(id: string, of = address): Promise<void> {
  const { keepBlocks } = attackActivities({ client: world.world.client });
  await keepBlocks({ hosts: [world.authos.name], addresses: [of], request: { id, hour } });
  const { mount: _, ...place } = world.authos.inventory().place;
  await inActivity(() => world.activities.blockAddresses({ place, addresses: [of], incident: 'incident-1' }));
}

async function until(holds: (now: BlockState) => boolean, of = address): Promise<BlockState> {
  for (let tries = 0; tries < 200; tries += 1) {
    const now = await state(of);
    if (holds(now)) return now;
    await world.world.env.sleep(50);
  }
  throw new Error(`it did not happen: ${JSON.stringify(await state(of))}`);
}

describe('the block of an address', () => {
  it('is lifted after an hour, after a day from the second time on, and early by a person', async () => {
    await block('incident-1/1');
    const began = await world.world.env.currentTimeMs();
    expect(await state()).toMatchObject({ times: 1 });
    await world.world.env.sleep(hour - 60_000);
    expect(await isBlocked()).toBe(true);
    await world.world.env.sleep(120_000);
    expect(await until(({ until: end }) => end === undefined)).toMatchObject({ times: 1, lifted: expect.stringContaining('done: lifted') as string });
    expect(await isBlocked()).toBe(false);
    expect((await world.world.env.currentTimeMs()) - began).toBeLessThan(2 * hour);

    await block('incident-2/1');
    await block('incident-2/1'); // the same request again, after a worker died
    const again = await until(({ times }) => times === 2);
    expect((again.until ?? 0) - (await world.world.env.currentTimeMs())).toBeGreaterThan(23 * hour);
    await world.world.env.sleep(2 * hour);
    expect(await isBlocked()).toBe(true);
    await handle().signal('lift', 'it is our customer');
    expect(await until(({ until: end }) => end === undefined)).toMatchObject({ times: 2, lifted: expect.stringContaining('early: it is our customer') as string });
    expect(await isBlocked()).toBe(false);
  });

  it('that can not be lifted is told to the primary once, half an hour after its time, and is lifted as soon as it can', async () => {
    const other = '203.0.113.11';
    const ufw = join(world.authos.inventory().path, 'ufw');
    const told = () => world.world.sent.filter(({ key }) => key.startsWith(blockId(world.authos.name, other)));
    await block('incident-3/1', other);
    await rename(ufw, `${ufw}.away`);
    // Not just absent: this machine's own would be found in its place.
    await writeFile(ufw, '#!/bin/sh\necho "ERROR: problem running" >&2\nexit 1\n', { mode: 0o755 });
    await world.world.env.sleep(hour + 25 * 60_000);
    expect(told()).toEqual([]);
    await world.world.env.sleep(60 * 60_000);
    expect(told()).toMatchObject([{ person: { id: 'ops-primary' }, text: expect.stringContaining(`${other} is still blocked at ${world.authos.name}`) as string }]);
    await rename(`${ufw}.away`, ufw);
    await world.world.env.sleep(15 * 60_000);
    expect(await until(({ until: end }) => end === undefined, other)).toMatchObject({ lifted: expect.stringContaining('done: lifted') as string });
    expect(told()).toHaveLength(1);
  });
});
