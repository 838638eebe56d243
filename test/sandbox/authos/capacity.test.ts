import { appendFile, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authos } from '../../../sandbox/authos/authos.js';
import { run, sandbox } from './world.js';

const mebibyte = 1024 * 1024;

describe.each(['auto', 'shim'] as const)('the volume, capacity %s', (capacity) => {
  let authos: Authos;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    ({ authos, end } = await sandbox({ capacity, capacityBytes: 16 * mebibyte, capacityInodes: 500 }));
  });
  afterAll(() => end?.());

  const df = async (flag: '-k' | '-i', path = authos.capacity.mount) => {
    const { exitCode, stdout } = await run(authos, 'df', '-P', flag, '--', path);
    expect(exitCode).toBe(0);
    const [, total, used, free, percent, mount] = stdout.split('\n').at(-1)?.split(/\s+/) ?? [];
    return { total: Number(total), used: Number(used), free: Number(free), percent, mount };
  };

  it('is shown by df under its own mount point, whatever path in it is asked for', async () => {
    expect(await df('-k')).toMatchObject({ total: 16 * 1024, mount: authos.capacity.mount });
    expect(await df('-k', join(authos.root, 'storage/logs'))).toMatchObject({ total: 16 * 1024, mount: authos.capacity.mount });
    expect(await df('-i')).toMatchObject({ total: 500, mount: authos.capacity.mount });
  });

  it('follows files as they come and go', async () => {
    const before = await df('-k');
    const file = join(authos.root, 'storage/app/file');
    await writeFile(file, Buffer.alloc(8 * mebibyte));
    const after = await df('-k');
    expect(after.used - before.used).toBe(8 * 1024);
    expect(after.total).toBe(after.used + after.free);
    await rm(file);
    expect(await df('-k')).toEqual(before);
  });

  it('counts a deleted file for as long as it is held open', async () => {
    const before = await df('-k');
    const path = join(authos.root, 'storage/logs/held.log');
    await writeFile(path, Buffer.alloc(4 * mebibyte));
    const held = await open(path, 'r');
    await rm(path);
    expect((await df('-k')).used - before.used).toBe(4 * 1024);
    await held.close();
    expect(await df('-k')).toEqual(before);
  });

  it('counts inodes', async () => {
    const before = await df('-i');
    const folder = join(authos.root, 'storage/app/many');
    await mkdir(folder);
    for (let i = 0; i < 9; i++) await writeFile(join(folder, String(i)), '');
    expect((await df('-i')).used - before.used).toBe(10);
    await rm(folder, { recursive: true });
  });

  it('leaves other file systems to the real df', async () => {
    expect((await df('-k', '/')).mount).toBe('/');
    expect((await run(authos, 'df', '-P', '-k', join(authos.root, 'nothing'))).exitCode).toBe(1);
  });

  it('grows, and keeps what is on it', async () => {
    const file = join(authos.root, 'storage/app/kept');
    await appendFile(file, 'kept');
    await authos.capacity.grow(32 * mebibyte);
    expect(await df('-k')).toMatchObject({ total: 32 * 1024 });
    expect((await authos.capacity.usage()).bytes.total).toBe(32 * mebibyte);
  });
});

describe('the df shim', () => {
  it('says what it cannot do instead of guessing', async () => {
    const { authos, end } = await sandbox({ capacity: 'shim' });
    try {
      const { exitCode, stderr } = await run(authos, 'df', '--output=pcent', authos.capacity.mount);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('--output=pcent') });
      expect((await run(authos, 'df', '-h')).stdout).toContain(authos.capacity.mount);
    } finally {
      await end();
    }
  });
});
