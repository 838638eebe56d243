import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StartFailed, startOwned, untilServing } from '../../../sandbox/servers/processes.js';
import { alive, temporaryFolder } from './world.js';

describe('a server that we own', () => {
  it.each(['Temporal', 'PostgreSQL', 'Valkey'])('%s is gone soon after its owner was killed', async (kind) => {
    const { owner, pid } = await ownerOf(kind);
    expect(alive(pid)).toBe(true);
    owner.kill('SIGKILL');
    await expect.poll(() => alive(pid), { timeout: 8_000 }).toBe(false);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('is gone soon after its owner got %s', async (signal) => {
    const { owner, pid } = await ownerOf('Valkey');
    owner.kill(signal);
    await expect.poll(() => alive(pid), { timeout: 8_000 }).toBe(false);
  });

  it('does not keep its owner from ending once it is stopped', async () => {
    const { owner, pid } = await ownerOf('Valkey', 'stop');
    expect((await owner).exitCode).toBe(0);
    expect(alive(pid)).toBe(false);
  });

  it('is killed when it does not listen to the signal', async () => {
    const child = await node("process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log('deaf')");
    await untilServing('Deaf', child, async () => expect(await child.lastWords()).toBe('deaf'));
    await child.stop();
    expect(await child.exited).toBe('was ended by SIGKILL');
    expect(alive(child.pid)).toBe(false);
  });

  it('fails to start with its last words, of this start only', async () => {
    const folder = await temporaryFolder();
    const first = await node("console.log('an older word')", folder);
    await first.exited;
    const second = await node("console.error('no room'); process.exitCode = 3", folder);
    const failure = untilServing('Full', second, () => Promise.reject(new Error('not yet')));
    await expect(failure).rejects.toEqual(new StartFailed('Full exited with 3 while it started: no room'));
  });

  it('sees little of our environment', async () => {
    process.env['RESPONDER_SECRET_FOR_TEST'] = 'hidden';
    onTestFinished(() => void delete process.env['RESPONDER_SECRET_FOR_TEST']);
    const child = await node('console.log(Object.keys(process.env).join())');
    await child.exited;
    expect(await child.lastWords()).not.toContain('RESPONDER');
    expect(await child.lastWords()).toContain('PATH');
  });

  it('says which file cannot be started', async () => {
    const folder = await temporaryFolder();
    const start = startOwned({ name: 'Nothing', file: join(folder, 'nothing'), args: [], folder, logFile: join(folder, 'log') });
    await expect(start).rejects.toThrow(/Cannot start Nothing: .*nothing.*ENOENT/);
  });

  it('is stopped when its start is aborted', async () => {
    const child = await node('setInterval(() => {}, 1e6)');
    const stop = new AbortController();
    const serving = untilServing('Slow', child, () => Promise.reject(new Error('not yet')), stop.signal);
    stop.abort();
    await expect(serving).rejects.toThrow('aborted');
    expect(alive(child.pid)).toBe(false);
  });
});

async function node(script: string, folder?: string) {
  const place = folder ?? (await temporaryFolder());
  const child = await startOwned({ name: 'Node', file: process.execPath, args: ['-e', script], folder: place, logFile: join(place, 'log') });
  onTestFinished(() => child.stop());
  return child;
}

/** Another process that owns a server. */
async function ownerOf(kind: string, then = 'live') {
  const folder = await temporaryFolder();
  const script = fileURLToPath(new URL('owner.ts', import.meta.url));
  const owner = execa(process.execPath, ['--import', 'tsx', script, kind, folder, then], { reject: false, stdin: 'ignore' });
  onTestFinished(() => void owner.kill('SIGKILL'));
  const ended = owner.then(({ stderr }) => Promise.reject(new Error(`The owner of ${kind} ended without a server: ${stderr}`)));
  const [line] = (await Promise.race([once(owner.stdout, 'data'), ended])) as [Buffer];
  return { owner, pid: Number(line.toString()) };
}
