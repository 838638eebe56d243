import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A program that stops in the middle until it is let through, as on a disk that hangs. */
export interface Gate {
  /** Resolves once the program has been called this often. */
  reached(calls: number): Promise<void>;
  calls(): Promise<number>;
  /** Lets through what waits and what comes later. */
  open(): Promise<void>;
}

/**
 * Puts a launcher of that name in front of PATH. It holds back calls with the argument `when`, and hands all on to the real
 * program of the system.
 */
export async function gate({ program, when, bin, folder }: { program: string; when: string; bin: string; folder: string }): Promise<Gate> {
  const closed = join(folder, `${program}.closed`);
  const record = join(folder, `${program}.calls`);
  await writeFile(record, '');
  await chmod(record, 0o666);
  await writeFile(closed, '');
  const script = `#!/bin/sh
case " $* " in
*" ${when} "*)
  echo call >> '${record}'
  while [ -e '${closed}' ]; do sleep 0.05; done ;;
esac
exec /usr/bin/${program} "$@"
`;
  const file = join(bin, program);
  await writeFile(`${file}.new`, script);
  await chmod(`${file}.new`, 0o755);
  await rename(`${file}.new`, file);
  const calls = async (): Promise<number> => (await readFile(record, 'utf8')).split('\n').filter(Boolean).length;
  return {
    calls,
    async reached(count) {
      const giveUpAt = Date.now() + 60_000;
      while ((await calls()) < count) {
        if (Date.now() > giveUpAt) throw new Error(`${program} was called ${await calls()} times, not ${count}`);
        await delay(20);
      }
    },
    open: () => rm(closed, { force: true }),
  };
}
