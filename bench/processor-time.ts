import { readFile } from 'node:fs/promises';

/** Processor time that processes have used so far, ms, by name. */
export type ProcessorTime = Record<string, number>;

/** Of Linux: `/proc` counts in hundredths of a second, of all threads of a process. */
const msPerTick = 10;

/** NaN for a process that has ended, and where there is no `/proc`. */
export async function processorTime(pids: ReadonlyMap<string, number>): Promise<ProcessorTime> {
  const { user, system } = process.cpuUsage();
  const others = await Promise.all([...pids].map(async ([name, pid]) => [name, await ofProcess(pid)] as const));
  return { ...Object.fromEntries(others), 'bench and mailbox': (user + system) / 1_000 };
}

async function ofProcess(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is a name in brackets, which may have blanks in it.
  const [user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13);
  return (Number(user ?? Number.NaN) + Number(system)) * msPerTick;
}

/** `temporal 21.4 + incidents 8.0 + … = 40.1 ms`: what each process used for one of `count`, the most first. */
export function usedEach(before: ProcessorTime, after: ProcessorTime, count: number): string {
  const each = Object.entries(after)
    .map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / count] as const)
    .filter(([, ms]) => ms >= 0.1)
    .toSorted(([, a], [, b]) => b - a);
  const sum = each.reduce((total, [, ms]) => total + ms, 0);
  return `${each.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(' + ')} = ${sum.toFixed(1)} ms`;
}
