import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

/** Whole drills beside the first one: npm run test:night. */
const atNight = process.env['RESPONDER_SLOW'] === 'all';

const project = fileURLToPath(new URL('../..', import.meta.url));
const wholeDrill = 150_000;

/** Where a drill leaves its files; everything it starts has this path in its environment or arguments. */
let temporary: string;
const folders: string[] = [];

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'responder-drill-test-'));
  folders.push(temporary);
  // PostgreSQL runs as another user, who must be able to pass.
  await chmod(temporary, 0o755);
});

afterEach(async () => {
  for (const pid of await processesIn(temporary)) process.kill(pid, 'SIGKILL'); // only after a failure: a test must leave nothing
});

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

interface Drill {
  /** Resolves once it has said this, on stdout or stderr. */
  says(words: string): Promise<void>;
  /** As a terminal does it: to npm, tsx and the drill, all at once. */
  ctrlC(): void;
  ended: Promise<{ exitCode: number | undefined; stdout: string; stderr: string; seconds: number }>;
}

const npmRunDrill = ['npm', 'run', '--silent', 'drill', '--'];
/** Without npm, which dies of a Ctrl-C itself: a shell calls that 130 whatever the drill made of it. */
const drillAlone = [process.execPath, '--import', 'tsx', 'sandbox/drill/main.ts'];

/** A drill in a process group of its own. */
function drill(args: string[], env: Record<string, string> = {}, [file = '', ...before] = npmRunDrill): Drill {
  const startedAt = performance.now();
  const child = execa(file, [...before, ...args], {
    cwd: project,
    env: { TMPDIR: temporary, NO_COLOR: '1', ...env },
    stdin: 'ignore',
    reject: false,
    detached: true,
    cleanup: true,
  });
  let heard = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      for (const listener of [...listeners]) listener();
    });
  }
  const ended = child.then(({ exitCode, signal, stdout, stderr }) => {
    return { exitCode: signal === 'SIGINT' ? 130 : exitCode, stdout, stderr, seconds: (performance.now() - startedAt) / 1_000 };
  });
  return {
    ended,
    ctrlC: () => void process.kill(-(child.pid ?? Number.NaN), 'SIGINT'),
    async says(words) {
      const said = new Promise<void>((resolve) => {
        const listen = (): void => {
          if (!heard.includes(words)) return;
          listeners.delete(listen);
          resolve();
        };
        listeners.add(listen);
        listen();
      });
      const early = ended.then(() => Promise.reject(new Error(`it ended without saying "${words}": ${heard.slice(-2_000)}`)));
      await Promise.race([said, early]);
    },
  };
}

/** Processes that were started for a drill in this folder. */
async function processesIn(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const ours = await Promise.all(
    pids.map(async (pid) => {
      const texts = await Promise.all(['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')));
      return texts.some((text) => text.includes(folder));
    }),
  );
  return pids.filter((_, index) => ours[index]).map(Number);
}

/** What is still there, in words; the watchdogs have a moment to end. */
async function leftovers(): Promise<string[]> {
  const giveUpAt = Date.now() + 15_000;
  for (;;) {
    const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => line.includes(temporary));
    // Caches: tsx's own, and PostgreSQL's programs where the project itself is closed to other users.
    const files = (await readdir(temporary)).filter((name) => !/^(?:tsx-|authos-responder-postgresql-)/.test(name));
    const processes = (await processesIn(temporary)).map((pid) => `process ${pid}`);
    const left = [...mounts, ...files, ...processes];
    if (left.length === 0 || Date.now() > giveUpAt) return left;
    await delay(100);
  }
}

describe('npm run drill', () => {
  it('cures a real fault, says so in JSON, and leaves nothing behind', { timeout: wholeDrill }, async () => {
    const { exitCode, stdout, stderr } = await drill(['--json']).ended;
    expect(exitCode, stderr.slice(-2_000)).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      ok: true,
      fault: 'disk-full',
      closedAs: 'recovered',
      over: true,
      approvals: 1,
      incident: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      temporalUi: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\//) as string,
      report: expect.stringContaining('## ') as string,
    });
    const { seconds, events, pages } = result as { seconds: Record<string, number>; events: { incident: number; run: number }; pages: number };
    expect(seconds['toFirstPage']).toBeLessThan(10);
    expect(seconds['toProof']).toBeGreaterThan(seconds['toFirstPage'] ?? Infinity);
    expect(seconds['toClose']).toBeGreaterThan(seconds['toProof'] ?? Infinity);
    expect(pages).toBeGreaterThan(0);
    expect(events.incident + events.run).toBeLessThanOrEqual(400);
    expect(stderr).toContain('Starting Temporal');
    expect(await leftovers()).toEqual([]);
    console.log('drill: diskSpaceCritical', { seconds, events, pages });
  });

  it.each([['npm run drill', npmRunDrill], ...(atNight ? [['the drill alone', drillAlone] as const] : [])] as const)('leaves nothing behind after Ctrl-C while it starts, and exits 130: %s', { timeout: 60_000 }, async (_, command) => {
    const started = drill([], {}, command);
    await started.says('Starting Temporal');
    started.ctrlC();
    const { exitCode, stdout, stderr } = await started.ended;
    expect(exitCode).toBe(130);
    expect(stdout + stderr).not.toContain('The drill broke');
    expect(await leftovers()).toEqual([]);
  });

  it.skipIf(!atNight).each([
    ['a drill', []],
    ['a game day', ['--all']],
  ])('leaves nothing behind after Ctrl-C while it follows, and exits 130: %s', { timeout: 90_000 }, async (_, args) => {
    const started = drill(args, {}, drillAlone);
    await started.says('Temporal UI: http');
    started.ctrlC();
    const { exitCode, stdout, stderr } = await started.ended;
    expect(exitCode).toBe(130);
    expect(stdout + stderr).not.toContain('The drill broke');
    expect(await leftovers()).toEqual([]);
  });

  it.skipIf(!atNight)('keeps everything running with --keep until Ctrl-C, then leaves nothing behind and exits 130', { timeout: wholeDrill }, async () => {
    const started = drill(['--keep', '--json'], {}, drillAlone);
    await started.says('Everything is left running until Ctrl-C');
    await started.says('bin/responder show');
    expect((await processesIn(temporary)).length).toBeGreaterThan(5);
    started.ctrlC();
    const { exitCode, stdout } = await started.ended;
    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
    expect(await leftovers()).toEqual([]);
  });

  it.each([
    ['--http-port', 'our HTTP server'],
    ['--ui-port', "Temporal's web UI"],
  ])('names the port that is taken: %s', { timeout: 60_000 }, async (flag, what) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    try {
      const { exitCode, stderr, seconds } = await drill([flag, `${port}`], {}, drillAlone).ended;
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`Port ${port} is taken: ${what} cannot listen there`);
      expect(seconds).toBeLessThan(20);
      expect(await leftovers()).toEqual([]);
    } finally {
      taken.close();
    }
  });

  it.each([
    [['--nonsense'], 'unknown option'],
    [['noSuchRunbook'], 'there is no drill for runbook "noSuchRunbook"'],
    [['diskSpaceCritical', '--fault', 'flood'], 'has no fault "flood"'],
    [['--ui-port', 'eighty'], 'a port is a number from 1 to 65535'],
    [['diskSpaceCritical', '--all'], '--all is every runbook'],
    [['--all', '--keep'], '--all is every runbook'],
  ])('exits 2 on wrong usage: %j', { timeout: 60_000 }, async (args, words) => {
    const { exitCode, stderr } = await drill(args, {}, drillAlone).ended;
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
    expect(await leftovers()).toEqual([]);
  });

  it('says which variable is wrong where Temporal is not what it names', { timeout: 60_000 }, async () => {
    const { exitCode, stdout } = await drill(['--json'], { RESPONDER_TEMPORAL_BINARY: '/nowhere/temporal' }).ended;
    expect(exitCode).toBe(1);
    const { ok, error } = JSON.parse(stdout) as { ok: boolean; error: string };
    expect(ok).toBe(false);
    expect(error).toContain("RESPONDER_TEMPORAL_BINARY is /nowhere/temporal, which can't be used");
    expect(await leftovers()).toEqual([]);
  });
});
