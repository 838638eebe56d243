import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startAuthos } from '../../../sandbox/authos/authos.js';
import { sandboxFolder } from './world.js';

/** Processes whose command line names the folder. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder)) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}

const mountsIn = async (folder: string) => (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter((line) => line.includes(folder));

async function emptyFolder(): Promise<string> {
  const folder = await sandboxFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('a sandbox', () => {
  it('describes itself as a host of an inventory', async () => {
    const folder = await emptyFolder();
    const authos = await startAuthos({ folder, name: 'app-7', environment: 'staging' });
    onTestFinished(() => authos.stop());
    const { host, place, path } = authos.inventory();
    expect(host).toMatchObject({ name: 'app-7', environment: 'staging', root: join(folder, 'app'), php: ['herd', 'php'], mounts: [authos.capacity.mount] });
    expect(place).toMatchObject({ host: 'app-7', mount: authos.capacity.mount });
    for (const file of ['artisan', '.env', 'config/cache.php', 'routes/api.php', 'storage/logs', 'storage/framework/views']) {
      expect(existsSync(join(host.root, file)), file).toBe(true);
    }
    expect(existsSync(join(path, 'herd'))).toBe(true);
    expect(existsSync(host.archive) && existsSync(host.records)).toBe(true);
    expect(await readFile(join(host.root, 'routes/api.php'), 'utf8')).toContain('throttle:auth');
  });

  it('leaves no process, mount or file behind, and may be stopped twice', async () => {
    const folder = join(await emptyFolder(), 'made');
    const authos = await startAuthos({ folder, name: 'app-1' });
    expect(await processesOf(folder)).not.toEqual([]);
    expect(await mountsIn(folder)).toHaveLength(authos.capacity.kind === 'tmpfs' ? 1 : 0);
    await authos.stop();
    await authos.stop();
    expect(await processesOf(folder)).toEqual([]);
    expect(await mountsIn(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(authos.archive)).toBe(false);
    await expect(fetch(authos.url)).rejects.toThrow();
  });

  it('stops while somebody still has a file of its volume open', async () => {
    const folder = await emptyFolder();
    const authos = await startAuthos({ folder, name: 'app-1' });
    const holder = execa('tail', ['-f', '/dev/null'], { cwd: join(authos.root, 'storage'), reject: false });
    await once(holder, 'spawn').catch(() => {});
    await authos.stop();
    holder.kill();
    await holder;
    expect(await mountsIn(folder)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes everything away again when a part does not start', async () => {
    const folder = await emptyFolder();
    const missing = join(folder, 'no-valkey-here');
    vi.stubEnv('RESPONDER_VALKEY_BINARY', missing);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(startAuthos({ folder, name: 'app-1' })).rejects.toThrow(/RESPONDER_VALKEY_BINARY/);
    expect(await processesOf(folder)).toEqual([]);
    expect(await mountsIn(folder)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a folder that has something in it, and leaves that alone', async () => {
    const folder = await emptyFolder();
    await writeFile(join(folder, 'mine'), 'x');
    await expect(startAuthos({ folder, name: 'app-1' })).rejects.toThrow(/needs an empty folder/);
    expect(await readdir(folder)).toEqual(['mine']);
  });

  it('goes with its process, mount and servers, when that is killed', async () => {
    const folder = await emptyFolder();
    const script = fileURLToPath(new URL('killed.ts', import.meta.url));
    const owner = execa(process.execPath, ['--import', 'tsx', script, folder], { reject: false, cleanup: true });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    expect(line.toString()).toContain('started');
    expect(await processesOf(join(folder, 'servers'))).not.toEqual([]);
    owner.kill('SIGKILL');
    await owner;
    await vi.waitFor(async () => {
      expect(await processesOf(folder)).toEqual([]);
      expect(await mountsIn(folder)).toEqual([]);
    }, { timeout: 15_000, interval: 100 });
  });

  it('listens on its own ports only, so that several run side by side', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => new Promise<void>((done) => other.close(() => done())));
    const folders = [await emptyFolder(), await emptyFolder()];
    const both = await Promise.all(folders.map((folder, index) => startAuthos({ folder, name: `app-${index}` })));
    onTestFinished(async () => void (await Promise.all(both.map((authos) => authos.stop()))));
    const ports = both.flatMap((authos) => [authos.postgres.port, authos.valkey.port, Number(new URL(authos.url).port)]);
    expect(new Set([...ports, (other.address() as AddressInfo).port]).size).toBe(7);
  });
});
