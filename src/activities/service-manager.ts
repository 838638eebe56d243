import { uptime } from 'node:os';

import type { Host, Service, ServiceName } from '../domain/inventory.js';
import { hostMisconfigured } from './known-hosts.js';
import { commandsWords } from './shell.js';
import type { CommandResult, Shell } from './shell.js';
import { soon } from './soon.js';

/** How a service is, as its manager says. */
export interface ServiceState {
  running: boolean;
  /** When the newest start happened, ms since the epoch; absent where the manager does not say. */
  startedAt?: number;
  /** Differs from one start to the next: two equal ones mean that nothing was restarted. */
  start: string;
}

/** The service as the inventory describes it. Throws `HostMisconfigured`, not retried, if the host does not list it. */
export function serviceOf(host: Host, name: ServiceName): Service {
  const service = host.services?.[name];
  if (service === undefined) throw hostMisconfigured(`the config of host ${host.name} does not say how ${name} is run (hosts.${host.name}.services.${name})`);
  return service;
}

/** The command that restarts it, for people: `sudo systemctl restart postgresql@15-main`. */
export function restartCommand(service: Service): [program: string, ...args: string[]] {
  if ('systemd' in service) return ['systemctl', 'restart', service.systemd];
  // docker kills after 10 s, in the middle of PostgreSQL's shutdown checkpoint.
  if ('docker' in service) return ['docker', 'restart', '-t', '120', service.docker];
  return ['supervisorctl', 'restart', service.supervisor];
}

/** Asks the manager to restart it, and gives its answer, which proves nothing: Debian's postgresql unit always says ok. */
export async function askForRestart(shell: Shell, service: Service): Promise<CommandResult> {
  const [program, ...args] = privileged(restartCommand(service));
  return shell.run(program, args, { timeoutMs: 150_000 });
}

/** The service's state, or why it can't be known. Reads only. */
export async function serviceState(shell: Shell, service: Service): Promise<ServiceState | { unknown: string }> {
  if ('systemd' in service) return systemdState(shell, service.systemd);
  if ('docker' in service) return dockerState(shell, service.docker);
  return supervisorState(shell, service.supervisor);
}

/** Looks until the service runs with another start than before, for at most 30 s; the last state seen. */
export async function startedAnew(shell: Shell, service: Service, before: ServiceState | undefined): Promise<ServiceState | { unknown: string }> {
  const isNew = (state: ServiceState | { unknown: string }): boolean => !('unknown' in state) && state.running && state.start !== before?.start;
  return soon(() => serviceState(shell, service), isNew, { again: 30, everyMs: 1_000 });
}

async function systemdState(shell: Shell, unit: string): Promise<ServiceState | { unknown: string }> {
  // Monotonic times: the others are written in the machine's zone and language.
  const properties = ['LoadState', 'ActiveState', 'ActiveEnterTimestampMonotonic', 'ExecMainStartTimestampMonotonic'];
  const result = await shell.run('systemctl', ['show', ...properties.flatMap((name) => ['-p', name]), '--', unit], { timeoutMs: 20_000 });
  if (result.exitCode !== 0) return { unknown: commandsWords('systemctl show', result) };
  const said = Object.fromEntries(result.stdout.split('\n').map((line) => line.split('=', 2)));
  if (said['LoadState'] === 'not-found') return { unknown: `systemd has no unit ${unit}` };
  const times = [said['ActiveEnterTimestampMonotonic'], said['ExecMainStartTimestampMonotonic']].map(Number).filter((at) => at > 0);
  const newest = Math.max(0, ...times);
  return {
    running: said['ActiveState'] === 'active',
    start: times.join('/'),
    ...(newest > 0 ? { startedAt: Math.round(Date.now() - uptime() * 1_000 + newest / 1_000) } : {}),
  };
}

async function dockerState(shell: Shell, container: string): Promise<ServiceState | { unknown: string }> {
  const result = await shell.run('docker', ['inspect', '--type', 'container', '--format', '{{.State.Running}} {{.State.StartedAt}}', container], { timeoutMs: 20_000 });
  if (result.exitCode !== 0) return { unknown: commandsWords('docker inspect', result) };
  const [running, start = ''] = result.stdout.trim().split(' ');
  const startedAt = Date.parse(start);
  return { running: running === 'true', start, ...(Number.isNaN(startedAt) ? {} : { startedAt }) };
}

async function supervisorState(shell: Shell, program: string): Promise<ServiceState | { unknown: string }> {
  const [command, ...args] = privileged(['supervisorctl', 'status', program]);
  const result = await shell.run(command, args, { timeoutMs: 20_000 });
  // 3 means that some of the programs don't run: still an answer.
  if (result.exitCode !== 0 && result.exitCode !== 3) return { unknown: commandsWords('supervisorctl status', result) };
  const lines = result.stdout.split('\n').filter((line) => line.trim() !== '');
  const pids = lines.flatMap((line) => /\bpid (\d+)/.exec(line)?.[1] ?? []);
  const running = lines.length > 0 && lines.every((line) => /^\S+\s+RUNNING\b/.test(line));
  const ages = lines.flatMap(ageOf);
  return { running, start: pids.join(','), ...(ages.length > 0 ? { startedAt: Date.now() - Math.max(...ages) } : {}) };
}

/** `uptime 1 day, 0:10:00` in ms. */
function ageOf(line: string): number[] {
  const found = /\buptime (?:(\d+) days?, )?(\d+):(\d+):(\d+)/.exec(line);
  if (!found) return [];
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number];
  return [(((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000];
}

/** The command with `sudo -n` in front, where we are not root. Only the named commands of services ever use it. */
export function privileged(command: [string, ...string[]]): [string, ...string[]] {
  return process.getuid?.() === 0 || command[0] === 'docker' ? command : ['sudo', '-n', ...command];
}
