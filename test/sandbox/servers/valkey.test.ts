import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startValkey } from '../../../sandbox/servers/valkey.js';
import type { ValkeyOptions } from '../../../sandbox/servers/valkey.js';
import { alive, takenPort, temporaryFolder } from './world.js';

describe('the embedded Valkey', () => {
  it('keeps what it is told, and loses it over a restart on the same port', async () => {
    const server = await start();
    const before = client(server.url);
    await before.set('greeting', 'hello');
    expect(await before.get('greeting')).toBe('hello');
    const oldPid = server.pid;
    await server.restart();
    expect(alive(oldPid)).toBe(false);
    expect(await client(server.url).get('greeting')).toBeNull();
  });

  it('lets nobody in without its password, however odd, and keeps it from other users', async () => {
    const folder = await temporaryFolder();
    const server = await start({ folder, password: 'p"a\\s s#%/@' });
    expect(await client(server.url).ping()).toBe('PONG');
    await expect(client(`redis://127.0.0.1:${server.port}`).ping()).rejects.toThrow('NOAUTH');
    expect((await stat(join(folder, 'valkey.conf'))).mode & 0o077).toBe(0);
    expect(await readFile(join(folder, 'valkey.log'), 'utf8')).not.toContain('p"a');
  });

  it('refuses what does not fit into its memory', async () => {
    const server = await start({ maxMemory: '3mb' });
    const full = client(server.url);
    const fill = async () => {
      for (let n = 0; n < 64; n++) await full.set(`block:${n}`, Buffer.alloc(256 * 1024));
    };
    await expect(fill()).rejects.toThrow('OOM command not allowed');
  });

  it('leaves no process after stop, which may be repeated', async () => {
    const server = await start();
    await server.stop();
    await server.stop();
    expect(alive(server.pid)).toBe(false);
  });

  it('names the port that is taken, and the setting that is wrong', async () => {
    const port = await takenPort();
    const folder = await temporaryFolder();
    await expect(startValkey({ folder, port })).rejects.toThrow(`Port ${port} is taken`);
    await expect(startValkey({ folder, maxMemory: 'much' })).rejects.toThrow(/Valkey exited with 1 .*maxmemory/s);
    await expect(startValkey({ folder, password: 'a\nmaxclients 1' })).rejects.toThrow('requirepass may not hold control characters');
  });
});

async function start(options: Partial<ValkeyOptions> = {}) {
  const folder = options.folder ?? (await temporaryFolder());
  const server = await startValkey({ ...options, folder });
  onTestFinished(() => server.stop());
  return server;
}

function client(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => null });
  redis.on('error', () => {}); // commands say the same
  onTestFinished(() => redis.disconnect());
  return redis;
}
