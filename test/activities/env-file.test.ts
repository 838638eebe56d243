import { chmod, lchown, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { artisan } from '../sandbox/authos/world.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { inActivity } from './support.js';

let world: HostWorld;
let path: string;
let original: Buffer;
const text = async (): Promise<string> => readFile(path, 'latin1');

beforeAll(async () => {
  world = await openHostWorld();
  path = join(world.authos.root, '.env');
  original = await readFile(path);
});
afterAll(() => world?.close());
beforeEach(async () => {
  await rm(join(world.authos.root, 'bootstrap/cache/config.php'), { force: true });
  await writeFile(path, original);
});

const set = (value: string, key = 'RATE_LIMIT_AUTH') => inActivity(() => world.activities.setEnv({ place: world.place, key: key as 'RATE_LIMIT_AUTH', value }));
const restore = (old: string | null, ours: string) => inActivity(() => world.activities.restoreEnv({ place: world.place, key: 'RATE_LIMIT_AUTH', ours, old }));

describe('a setting of .env', () => {
  it('is in force afterwards, with the rest, the owner and the mode as they were', async () => {
    await writeFile(path, Buffer.concat([original, Buffer.from([0x23, 0xff, 0xfe, 0x0a])]));
    await chmod(path, 0o640);
    const before = { stats: await stat(path), text: await text(), restarts: world.authos.restarts };
    expect(await set('5')).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('auth.rate_limit is 5') });
    expect(await text()).toBe(before.text.replace('RATE_LIMIT_AUTH=10', 'RATE_LIMIT_AUTH=5'));
    const after = await stat(path);
    expect([after.mode, after.uid, after.gid]).toEqual([before.stats.mode, before.stats.uid, before.stats.gid]);
    expect(after.ino).not.toBe(before.stats.ino); // a new file, put in place whole
    expect(world.authos.restarts).toBe(before.restarts + 1);
    expect((await readdir(world.authos.root)).filter((name) => name.startsWith('.env'))).toEqual(['.env']);
  });

  it('comes into force where the config was cached, which a mere edit does not', async () => {
    await artisan(world.authos, 'config:cache');
    expect(await set('7')).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('config:cache') });
    expect(world.authos.config().auth.rate_limit).toBe(7);
    expect(await readdir(join(world.authos.root, 'bootstrap/cache'))).toContain('config.php');
  });

  it('is written back if it does not come into force: nobody expects it later', async () => {
    // Artisan refuses to build the config, so the application goes on with the old one.
    await artisan(world.authos, 'config:cache');
    const cached = join(world.authos.root, 'bootstrap/cache/config.php');
    await rm(cached);
    await writeFile(cached, "<?php return ['somebody' => 'broke it'];\n");
    expect(await set('3')).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('.env is as it was') });
    expect(await text()).toBe(original.toString('latin1'));
  });

  it('is taken back only while it is still ours', async () => {
    await set('5');
    expect(await restore('10', '5')).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('auth.rate_limit is 10') });
    expect(await text()).toBe(original.toString('latin1'));
    expect(await restore('10', '5')).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('already') });

    await set('6');
    expect(await restore('10', '5')).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('somebody changed it since') });
    expect(world.authos.config().auth.rate_limit).toBe(6);
  });

  it('that was not there before is taken out again', async () => {
    await writeFile(path, original.toString('latin1').replace('RATE_LIMIT_AUTH=10\n', ''));
    const before = await text();
    await set('5');
    expect(await restore(null, '5')).toMatchObject({ outcome: 'done' });
    expect(await text()).toBe(before);
  });

  it.each([
    ['with a command', '5; reboot'],
    ['with a substitution', '$(reboot)'],
    ['with a second line', '5\nAPP_KEY=stolen'],
    ['in quotes', '"5;"'],
    ['of half a quote', "'"],
    ['of a path', '../../etc/passwd'],
    ['with a NUL', '5\0'],
    ['that is empty', ''],
    ['of PHP', '<?php system("id"); ?>'],
    ['of 10 kB', 'x'.repeat(10_000)],
  ])('takes no value %s', async (_, value) => {
    await expect(set(value)).rejects.toMatchObject({ type: 'BadInput' });
    await expect(restore(value, '5')).rejects.toMatchObject({ type: 'BadInput' });
    expect(await text()).toBe(original.toString('latin1'));
  });

  it.each(['APP_KEY', 'DB_PASSWORD', '__proto__', 'constructor', 'CACHE_STORE\nAPP_KEY', ''])('of another name is nobody’s to change: %j', async (key) => {
    await expect(set('5', key)).rejects.toMatchObject({ type: 'BadInput' });
    await expect(inActivity(() => world.activities.readEnv({ place: world.place, key: key as 'RATE_LIMIT_AUTH' }))).rejects.toMatchObject({ type: 'BadInput' });
  });

  it.runIf(process.getuid?.() === 0)('never follows a link to a file of somebody else', async () => {
    const target = join(world.authos.folder, 'other.env');
    await writeFile(target, 'RATE_LIMIT_AUTH=10\n');
    await rm(path);
    await symlink(target, path);
    await lchown(path, 65_534, 65_534);
    try {
      await expect(set('5')).rejects.toMatchObject({ type: 'HostMisconfigured', message: expect.stringContaining('belongs to somebody else') });
      expect(await readFile(target, 'utf8')).toBe('RATE_LIMIT_AUTH=10\n');
    } finally {
      await rm(path);
    }
  });
});
