import { mkdir, open, readFile, stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** How a server is started: by exact file and arguments, with its output in a log file and little of our environment. */
export interface Launch {
  /** For error messages: `Temporal`, `PostgreSQL`. */
  name: string;
  file: string;
  args: string[];
  folder: string;
  logFile: string;
  env?: Record<string, string>;
  /** Another user to run as; only root can. */
  user?: { uid: number; gid: number };
  stopSignal?: 'SIGTERM' | 'SIGINT';
}

/** A server that lives at most as long as this process. */
export interface OwnedProcess {
  readonly pid: number;
  /** How it ended, in words, once it has. Never rejects. */
  readonly exited: Promise<string>;
  /** The end of what it logged since this start, at most 2 000 characters. */
  lastWords(): Promise<string>;
  /** Asks it to stop and kills it after 5 s. Resolves when it is gone; a repeat is safe. */
  stop(): Promise<void>;
}

const killAfter = 5_000;

/**
 * Starts a server and owns it: `stop()` ends it, and a watchdog does if this process dies without. Resolves when the process
 * runs, which is before it serves (`untilServing`). Throws if the file cannot be started.
 */
export async function startOwned({ name, file, args, folder, logFile, env, user, stopSignal = 'SIGTERM' }: Launch): Promise<OwnedProcess> {
  await mkdir(dirname(logFile), { recursive: true });
  const log = await open(logFile, 'a');
  const logStart = (await log.stat()).size;
  const output = log.createWriteStream();
  const tellWatchdog = watchdog();
  // An own process group: Ctrl-C in a terminal reaches us alone, and we decide in which order things stop. `cleanup` stays off
  // because execa's exit hook re-raises SIGTERM under a worker that is still shutting down.
  const child = execa(file, args, {
    cwd: folder,
    env: { ...plainEnvironment(), ...env },
    extendEnv: false,
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
    ...user,
  });
  const pid = child.pid;
  if (pid !== undefined) tellWatchdog(`own ${pid} ${stopSignal}`);
  let running = true;
  const exited = child.then((result) => {
    running = false;
    if (pid !== undefined) tellWatchdog(`release ${pid}`);
    return result.signal === undefined ? `exited with ${result.exitCode ?? result.originalMessage}` : `was ended by ${result.signal}`;
  });
  output.destroy(); // the child has its own handle of the file
  if (pid === undefined) throw new Error(`Cannot start ${name}: ${file} ${await exited}`);

  return {
    pid,
    exited,
    async lastWords() {
      const words = await readFile(logFile).catch(() => Buffer.alloc(0));
      return words.subarray(logStart).toString('utf8').trim().slice(-2_000);
    },
    async stop() {
      if (running) child.kill(stopSignal);
      const timer = setTimeout(() => running && child.kill('SIGKILL'), killAfter);
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * Resolves once `serves` resolves, which is tried again and again. Throws, with the process stopped, if it exits (`StartFailed`
 * with its last words), if `within` ms pass (20 s), or if `signal` is aborted.
 */
export async function untilServing(name: string, child: OwnedProcess, serves: () => Promise<unknown>, signal?: AbortSignal, within = 20_000): Promise<void> {
  const giveUpAt = Date.now() + within;
  let problem: unknown;
  let end: string | undefined;
  void child.exited.then((words) => (end = words));
  try {
    for (;;) {
      try {
        await Promise.race([serves(), child.exited.then(() => Promise.reject(new Error('exited')))]);
        signal?.throwIfAborted();
        return;
      } catch (error) {
        problem = error;
      }
      signal?.throwIfAborted();
      if (end !== undefined) throw new StartFailed(`${name} ${end} while it started: ${(await child.lastWords()) || 'without a word'}`);
      if (Date.now() > giveUpAt) {
        throw new StartFailed(`${name} did not serve within ${within / 1_000} s: ${(await child.lastWords()) || 'without a word'}`, { cause: problem });
      }
      await delay(30);
    }
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** A server that exited, or did not serve in time; the message holds its last words. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
}

/** What a server needs of our environment; tokens and settings of ours are none of its business. */
export function plainEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
  return Object.fromEntries(kept.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])));
}

/** True if the file exists, whatever it is. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

let pipe: Writable | undefined;

/** The pipe to this process's one watchdog, which is started on first use and never keeps us alive. */
function watchdog(): (line: string) => void {
  if (pipe === undefined || pipe.destroyed) {
    const script = fileURLToPath(new URL('watchdog.mjs', import.meta.url));
    const child = execa(process.execPath, [script], {
      env: plainEnvironment(),
      extendEnv: false,
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
      buffer: false,
      reject: false,
      detached: true,
      cleanup: false,
    });
    child.unref();
    const { stdin } = child;
    if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
    stdin.on('error', () => stdin.destroy()); // a killed watchdog costs its protection, not the server's
    pipe = stdin;
  }
  const current = pipe;
  return (line) => void (current.destroyed || current.write(`${line}\n`));
}
