import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { numprocsOf, readSupervisorConfig, withNumprocs, writeSupervisorConfig } from '../../src/activities/supervisor-config.js';
import { temporaryFolder } from './support.js';

const two = '[program:other]\nnumprocs=9\n\n[program:authos-workers]\r\ncommand=php artisan queue:work\nnumprocs = 2 ; as many as cores\n; numprocs=7\n[group:all]\nnumprocs=5\n';

describe('numprocs in the config of supervisor', () => {
  it.each([
    ['of its own program only', two, 2],
    ['1 where the line is missing', '[program:authos-workers]\ncommand=x\n', 1],
    ['the last of several lines', '[program:authos-workers]\nnumprocs=2\nnumprocs=3\n', 3],
    ['unknown where it is no number', '[program:authos-workers]\nnumprocs=%(ENV_N)s\n', undefined],
    ['unknown without the program', '[program:authos-workers-2]\nnumprocs=2\n', undefined],
  ])('is read: %s', (_, text, expected) => {
    expect(numprocsOf(text, 'authos-workers')).toBe(expected);
  });

  it('is written with the rest byte for byte', () => {
    expect(withNumprocs(two, 'authos-workers', 4)).toBe(two.replace('numprocs = 2 ;', 'numprocs = 4 ;'));
    expect(numprocsOf(withNumprocs(two, 'authos-workers', 4), 'other')).toBe(9);
  });

  it('gets a line of its own where there is none', () => {
    expect(withNumprocs('[program:authos-workers]\ncommand=x\n', 'authos-workers', 3)).toBe('[program:authos-workers]\nnumprocs=3\ncommand=x\n');
    expect(() => withNumprocs('[program:other]\n', 'authos-workers', 3)).toThrow('has no [program:authos-workers]');
  });

  it('keeps mode and bytes that are no UTF-8 in the file, and follows no link', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'workers.conf');
    await writeFile(path, Buffer.concat([Buffer.from([0x3b, 0xff, 0xfe, 0x0a]), Buffer.from(two)]));
    await chmod(path, 0o640);
    const before = await readSupervisorConfig(path);
    await writeSupervisorConfig(before, withNumprocs(before.text, 'authos-workers', 3));
    expect((await readFile(path)).subarray(0, 4)).toEqual(Buffer.from([0x3b, 0xff, 0xfe, 0x0a]));
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    await symlink(path, join(folder, 'link.conf'));
    await expect(readSupervisorConfig(join(folder, 'link.conf'))).rejects.toThrow("can't be opened: ELOOP");
    await expect(readSupervisorConfig(join(folder, 'none.conf'))).rejects.toThrow("can't be opened: ENOENT");
  });
});
