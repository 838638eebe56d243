import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Simulation } from '../src/simulate/simulation.js';
import { exampleEnv, exampleFile } from '../test/support/example-config.js';

/*
 * How long `responder simulate` takes for two hours of each scenario, with the example config, from the shell and back, and what
 * it costs. `npm run bench:simulate [-- <runbook>]`; exit code 1 over the bar. The first of all builds what is kept afterwards.
 */

const barSeconds = 10;
const runbook = process.argv[2] ?? 'databaseConnectionFailures';
const command = fileURLToPath(new URL('../bin/responder', import.meta.url));

/** CPU seconds of all that has ended below this process; Linux only. */
function cpuSeconds(): number {
  const [user = 0, system = 0] = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ').slice(13, 15).map(Number) ?? [];
  return (user + system) / 100;
}

async function played(scenario: string): Promise<{ seconds: number; cpu: number; night: Simulation }> {
  const [began, before] = [performance.now(), cpuSeconds()];
  const { stdout } = await execa(command, ['simulate', runbook, '--scenario', scenario, '--json'], { env: { ...exampleEnv, RESPONDER_CONFIG: exampleFile }, reject: false, stderr: 'inherit' });
  return { seconds: (performance.now() - began) / 1_000, cpu: cpuSeconds() - before, night: JSON.parse(stdout) as Simulation };
}

await played('nobody-answers');
console.log(`load ${loadavg()[0]?.toFixed(1)}; ${runbook}, two hours`);
console.log('scenario            wall s  CPU s  messages  runs  ends');
for (const scenario of ['nobody-answers', 'ack-then-silence', 'approval-expires', 'recovers-at=20m']) {
  const { seconds, cpu, night } = await played(scenario);
  console.log(`${scenario.padEnd(18)} ${seconds.toFixed(1).padStart(7)} ${cpu.toFixed(1).padStart(6)} ${String(night.pages.length).padStart(9)} ${String(night.runs.length).padStart(5)}  ${night.end.closedAs ?? night.end.state}`);
  if (seconds > barSeconds) process.exitCode = 1;
}
console.log(`bar: ${barSeconds} s of wall time each: ${process.exitCode ? 'missed' : 'held'}`);
