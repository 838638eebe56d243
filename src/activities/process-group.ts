import { execa } from 'execa';

/** How a command ended, whatever became of it. */
export interface GroupEnd {
  exitCode: number;
  timedOut: boolean;
  timeoutMs: number;
  /** True if the program could not be started at all. */
  notStarted: boolean;
  notStartedBecause?: string;
}

interface GroupOptions {
  cwd: string | undefined;
  env: Record<string, string>;
  ids: { uid: number; gid: number } | undefined;
  timeoutMs: number;
  signal: AbortSignal;
  onStdout: (chunk: Buffer) => Promise<void>;
  onStderr: (chunk: Buffer) => Promise<void>;
}

/** Between asking and forcing. */
const graceMs = 5_000;
/** A command that starts a service leaves it with our pipes: once the command has ended, they are read this long and let go. */
const lingerMs = 1_000;

const alive = new Set<number>();
let endsWithUs = false;

/**
 * Runs a program in a process group of its own, with closed input, until it ends, its time is over or `signal` aborts; the
 * whole group is ended then, so that what a wrapper such as `herd` started does not go on alone and hold our pipes.
 * The group is also why execa's own clean-up is off: its exit hook would end this worker at the first SIGTERM, in the middle
 * of an orderly shutdown.
 */
export async function spawnGroup(
  { file, args }: { file: string; args: readonly string[] },
  options: GroupOptions,
): Promise<GroupEnd> {
  const { timeoutMs, signal } = options;
  if (signal.aborted) return { exitCode: 143, timedOut: false, timeoutMs, notStarted: true };
  const child = execa(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.ids,
    env: options.env,
    extendEnv: false,
    reject: false,
    buffer: false,
    encoding: 'buffer',
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
    cleanup: false,
  });
  const { pid } = child;
  if (pid !== undefined) remember(pid);

  let timedOut = false;
  let forced: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (forced !== undefined) return;
    killGroup(pid, 'SIGTERM');
    forced = setTimeout(() => {
      killGroup(pid, 'SIGKILL');
      // A process that left the group may still hold the pipes: nobody waits for it.
      child.stdout.destroy();
      child.stderr.destroy();
    }, graceMs);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  let linger: NodeJS.Timeout | undefined;
  child.once('exit', () => {
    linger = setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
    }, lingerMs);
  });

  try {
    const reading = Promise.all([readAll(child.stdout, options.onStdout), readAll(child.stderr, options.onStderr)]);
    // A reader that throws (the output can't be understood) ends the command; its error is what the caller gets.
    const broken = reading.then(
      () => undefined,
      (error: unknown) => {
        end();
        return { error };
      },
    );
    const result = await child;
    const failure = await broken;
    if (failure !== undefined && !timedOut && !signal.aborted) throw failure.error;
    if (result.exitCode === undefined && result.signal === undefined && !timedOut) {
      return { ...notStarted(result.cause), timedOut, timeoutMs, notStarted: true };
    }
    return {
      exitCode: timedOut ? 124 : (result.exitCode ?? 128 + signalNumber(result.signal)),
      timedOut,
      timeoutMs,
      notStarted: false,
    };
  } finally {
    clearTimeout(timer);
    clearTimeout(forced);
    clearTimeout(linger);
    signal.removeEventListener('abort', end);
    // The leader is gone; what it left behind in its group goes too once we had to end it.
    if (timedOut || signal.aborted) killGroup(pid, 'SIGKILL');
    if (pid !== undefined) alive.delete(pid);
  }
}

async function readAll(stream: NodeJS.ReadableStream, take: (chunk: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of stream) await take(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk));
  } catch (error) {
    // Destroyed by us after a forced end: what has arrived is the answer.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

function notStarted(cause: unknown): { exitCode: number; notStartedBecause: string } {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error';
  return { exitCode: code === 'ENOENT' ? 127 : 126, notStartedBecause: code };
}

function signalNumber(name: string | undefined): number {
  return { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGTERM: 15 }[name ?? ''] ?? 0;
}

function killGroup(pid: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already, or another user's by sudo: sudo ends what it runs when its pipes close.
  }
}

function remember(pid: number): void {
  alive.add(pid);
  if (endsWithUs) return;
  endsWithUs = true;
  process.once('exit', () => {
    for (const left of alive) killGroup(left, 'SIGKILL');
  });
}
