import { readFileSync } from 'node:fs';
import { readFile, readdir, stat, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { CancelledFailure } from '@temporalio/activity';
import { describe, expect, it } from 'vitest';

import { createScrub } from '../../src/activities/scrub.js';
import { localShell, mostKept } from '../../src/activities/shell.js';
import type { CommandOptions } from '../../src/activities/shell.js';
import { inActivity, temporaryFolder } from './support.js';

const secret = 'correct-horse-battery';
const isRoot = process.getuid?.() === 0;

async function shellIn(folder: string, path?: string) {
  const shell = localShell({
    records: join(folder, 'records'),
    scrub: createScrub([secret]),
    ...(path === undefined ? {} : { path }),
  });
  return (command: string, args: string[], options?: CommandOptions) => inActivity(() => shell.run(command, args, options));
}

/** Node as a program that says or does whatever a test needs. */
const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]];

function isAlive(pid: number): boolean {
  try {
    // A killed process whose new parent has not collected it yet is a zombie, and dead all the same.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a command', () => {
  it('gives its exit code and words as a value, not as an exception', async () => {
    const run = await shellIn(await temporaryFolder());
    const result = await run(...node('console.log("out"); console.error("it broke"); process.exit(3)'));
    expect(result).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'it broke\n', timedOut: false });
    expect(result.file).toBeUndefined();
  });

  it("that is missing is 127, in a shell's words", async () => {
    const run = await shellIn(await temporaryFolder());
    expect(await run('no-such-program', [])).toMatchObject({ exitCode: 127, stderr: 'command not found: no-such-program' });
  });

  it('that may not be run is 126', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'data'), 'x', { mode: 0o600 });
    const run = await shellIn(folder);
    expect((await run(join(folder, 'data'), [])).exitCode).toBe(126);
  });

  it("gets its arguments as they are: nothing is a shell's", async () => {
    const run = await shellIn(await temporaryFolder());
    const odd = ['$(reboot)', '`id`', 'a b', "it's", '"', '*', '; rm -rf /', '\n', '-rf'];
    const result = await run(process.execPath, ['-e', 'console.log(JSON.stringify(process.argv.slice(1)))', '--', ...odd]);
    expect(JSON.parse(result.stdout)).toEqual(odd);
  });

  it('has closed input and only the minimal environment', async () => {
    const run = await shellIn(await temporaryFolder());
    const result = await run(
      ...node('console.log(JSON.stringify([Object.keys(process.env).sort(), require("fs").readFileSync(0).length]))'),
      { env: { EXTRA: 'x' } },
    );
    expect(JSON.parse(result.stdout)).toEqual([['EXTRA', 'HOME', 'LANG', 'LC_ALL', 'PATH'], 0]);
  });

  it('ends with all that it started once its time is over', async () => {
    const run = await shellIn(await temporaryFolder());
    const script = `
      const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      console.log(child.pid); setInterval(() => {}, 1000);`;
    const result = await run(...node(script), { timeoutMs: 1500 });
    expect(result).toMatchObject({ exitCode: 124, timedOut: true });
    expect(result.stderr).toContain('was ended after 1.5 s');
    await expect.poll(() => isAlive(Number(result.stdout))).toBe(false);
  });

  it('that leaves a service behind with our pipes ends when it ends, and the service stays', async () => {
    const run = await shellIn(await temporaryFolder());
    const script = `
      const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit', detached: true });
      console.log(child.pid); child.unref(); process.exit(0);`;
    const result = await run(...node(script), { timeoutMs: 20_000 });
    expect(result).toMatchObject({ exitCode: 0, timedOut: false });
    expect(isAlive(Number(result.stdout))).toBe(true);
    process.kill(Number(result.stdout), 'SIGKILL');
  });

  it('is ended when its activity is cancelled', async () => {
    const folder = await temporaryFolder();
    const shell = localShell({ records: folder, scrub: createScrub([]) });
    const activity = new MockActivityEnvironment();
    const [command, args] = node(
      `require('fs').writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid)); setInterval(() => {}, 1000)`,
    );
    const running = activity.run(() => shell.run(command, args));
    running.catch(() => {});
    await expect.poll(async () => readFile(join(folder, 'pid'), 'utf8').catch(() => '')).not.toBe('');
    activity.cancel();
    await expect(running).rejects.toThrow(CancelledFailure);
    expect(isAlive(Number(await readFile(join(folder, 'pid'), 'utf8')))).toBe(false);
  });

  it('refuses a folder that does not exist, naming it', async () => {
    const run = await shellIn(await temporaryFolder());
    await expect(run('true', [], { cwd: '/no/such/folder' })).rejects.toMatchObject({
      type: 'HostMisconfigured',
      nonRetryable: true,
      message: 'no folder /no/such/folder: ENOENT',
    });
  });

  it.skipIf(!isRoot)('runs as another user with a HOME that this user can write to, gone afterwards', async () => {
    const run = await shellIn(await temporaryFolder());
    const script =
      'require("fs").writeFileSync(process.env.HOME + "/x", ""); console.log(JSON.stringify([process.getuid(), process.getgroups(), process.env.HOME]))';
    const result = await run(...node(script), { asUser: 'nobody' });
    const [uid, groups, home] = JSON.parse(result.stdout) as [number, number[], string];
    expect(uid).toBe(65534);
    expect(groups).not.toContain(0);
    await expect(stat(home)).rejects.toThrow('ENOENT');
  });

  it('refuses a user that does not exist, naming it', async () => {
    if (!isRoot) return;
    const run = await shellIn(await temporaryFolder());
    await expect(run('true', [], { asUser: 'nobody-such' })).rejects.toMatchObject({ type: 'HostMisconfigured' });
  });
});

describe('long output', () => {
  it('is cut to head and tail, and whole in a record that only we can read', async () => {
    const folder = await temporaryFolder();
    const run = await shellIn(folder);
    const result = await run(...node('for (let i = 0; i < 200000; i++) process.stdout.write("line " + i + "\\n")'));
    expect(result.stdout).toMatch(/^line 0\nline 1\n/);
    expect(result.stdout).toMatch(/line 199999\n$/);
    expect(result.stdout).toMatch(new RegExp(`… 2\\.3 MB left out, whole in ${result.file} …`));
    expect(Buffer.byteLength(result.stdout)).toBeLessThan(mostKept + 200);
    const record = join(folder, 'records', result.file ?? '');
    const whole = await readFile(record, 'utf8');
    expect(whole.split('\n')).toHaveLength(200_001);
    expect((await stat(record)).mode & 0o777).toBe(0o600);
  });

  it('keeps both streams in one record and never cuts a character', async () => {
    const folder = await temporaryFolder();
    const run = await shellIn(folder);
    const result = await run(...node('process.stdout.write("ü".repeat(40001)); process.stderr.write("a warning")'));
    expect(result.stdout).not.toContain('\uFFFD');
    const whole = await readFile(join(folder, 'records', result.file ?? ''), 'utf8');
    expect(whole).toContain('a warning');
    expect([...whole].filter((character) => character === 'ü')).toHaveLength(40_001);
  });

  it('has no secret in result or record, also where it was cut', async () => {
    const folder = await temporaryFolder();
    const run = await shellIn(folder);
    // One on every few bytes, so that the cut must fall into one of them.
    const result = await run(
      ...node(`process.stdout.write("x".repeat(7)); process.stdout.write((${JSON.stringify(secret)} + " ").repeat(60000))`),
    );
    const whole = await readFile(join(folder, 'records', result.file ?? ''), 'utf8');
    for (let from = 0; from + 8 <= secret.length; from += 1) {
      expect(result.stdout).not.toContain(secret.slice(from, from + 8));
      expect(whole.includes(secret.slice(from, from + 8))).toBe(false);
    }
  });

  it("does not fail the command when the record can't be written, and says so", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'records'), 'a file where the folder should be');
    const run = await shellIn(folder);
    const result = await run(...node('process.stdout.write("y".repeat(200000))'));
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain('the whole could not be kept: E');
    expect(result.file).toBeUndefined();
  });

  it('hands names over raw and one by one', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'in'));
    await writeFile(Buffer.concat([Buffer.from(join(folder, 'in/')), Buffer.from([0xff, 0x0a, 0x27])]), '');
    const shell = localShell({ records: folder, scrub: createScrub([]) });
    const names: Buffer[] = [];
    const result = await inActivity(() =>
      shell.each('find', [join(folder, 'in'), '-type', 'f', '-print0'], (name) => names.push(name)),
    );
    expect(result.exitCode).toBe(0);
    expect(names.map((name) => name.subarray(-3))).toEqual([Buffer.from([0xff, 0x0a, 0x27])]);
  });

  it('makes no record for a short answer', async () => {
    const folder = await temporaryFolder();
    const run = await shellIn(folder);
    await run(...node('console.log("short")'));
    expect(await readdir(folder)).toEqual([]);
  });
});
