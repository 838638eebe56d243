import { readlink } from 'node:fs/promises';
import { Context } from '@temporalio/activity';

import type { Host, QueueWorkers } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding } from '../domain/step.js';
import { badInput, hostNamed, wholeNumber } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { outsideText } from './outside-text.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { queueCounts, queueOf } from './queue-tables.js';
import type { Scrub } from './scrub.js';
import { privileged, serviceState } from './service-manager.js';
import type { ServiceActivities } from './services.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { soon } from './soon.js';
import { numprocsOf, readSupervisorConfig, withNumprocs, writeSupervisorConfig } from './supervisor-config.js';
import { fitted, listed } from './wording.js';

/** Queue workers of one host. */
export interface WorkersSeen {
  /** Processes of this application's workers. */
  running: number;
  /** When they were looked at, by the host's own clock, ms since the epoch. */
  at: number;
  /** What their supervisor says, where the config names it. */
  supervised?: boolean;
}

/** Below this share of max_connections there is room for more workers. */
const connectionsBelow = 60;

export interface QueueWorkerParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
  services: Pick<ServiceActivities, 'restartService'>;
  scrub: Scrub;
}

/** Activities on the processes that work a queue off. */
export function queueWorkerActivities({ hosts, shellOf, databaseOf, services, scrub }: QueueWorkerParts) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  /** This application's workers: named by its path, or started in its root. */
  async function processes({ host, shell }: { host: Host; shell: Shell }): Promise<{ pid: number; seconds: number; args: string }[]> {
    const result = await shell.run('ps', ['-eo', 'pid=,etimes=,args=', '-ww'], { timeoutMs: 20_000, keep: 32 * 1_024 });
    if (result.exitCode !== 0) throw new Error(commandsWords('ps', result));
    const found = result.stdout.split('\n').flatMap((line) => {
      const [, pid, seconds, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return pid !== undefined && /\b(?:queue:work|queue:listen|horizon(?::work)?)\b/.test(args) && /\bartisan\b/.test(args) ? [{ pid: Number(pid), seconds: Number(seconds), args }] : [];
    });
    const ours = await Promise.all(
      found.map(async ({ pid, args }) => args.includes(`${host.root}/artisan`) || (await readlink(`/proc/${pid}/cwd`).catch(() => host.root)) === host.root),
    );
    return found.filter((_, index) => ours[index]);
  }

  async function supervisorctl(shell: Shell, ...args: string[]): Promise<{ ok: boolean; words: string }> {
    const [command, ...rest] = privileged(['supervisorctl', ...args]);
    const result = await shell.run(command, rest, { timeoutMs: 120_000 });
    // It exits 0 with an error in its words, too.
    return { ok: result.exitCode === 0 && !/^\S*\s*ERROR/m.test(result.stdout), words: commandsWords(`supervisorctl ${args[0] ?? ''}`, result) };
  }

  function poolOf(host: Host): QueueWorkers | undefined {
    return host.queueWorkers;
  }

  /** Writes the number, lets supervisor take it in, and reads back how many run. What did not come is written back. */
  async function setCount(place: Place, value: number): Promise<ActResult> {
    const { host, shell } = at(place);
    const pool = poolOf(host);
    if (pool === undefined) return { outcome: 'refused', evidence: `the config of ${host.name} does not say where the number of its workers is (hosts.${host.name}.queueWorkers)` };
    const before = await readSupervisorConfig(pool.configFile);
    const old = numprocsOf(before.text, pool.program);
    if (old === undefined) return { outcome: 'failed', evidence: `numprocs of ${pool.program} can't be read in ${pool.configFile}` };
    await writeSupervisorConfig(before, withNumprocs(before.text, pool.program, value));
    const reread = await supervisorctl(shell, 'reread');
    const update = reread.ok ? await supervisorctl(shell, 'update') : reread;
    const running = update.ok ? await runningSoon(shell, pool.program, value) : 0;
    if (update.ok && running === value) return { outcome: 'done', evidence: `numprocs of ${pool.program}: ${old} → ${value}; ${running} run` };
    const again = await readSupervisorConfig(pool.configFile);
    if (numprocsOf(again.text, pool.program) === value) await writeSupervisorConfig(again, withNumprocs(again.text, pool.program, old));
    const back = await supervisorctl(shell, 'update');
    return { outcome: 'failed', evidence: fitted(`${update.ok ? `${running} of ${value} workers run` : update.words}; numprocs is ${old} again${back.ok ? '' : `, but ${back.words}`}`, 1_000) };
  }

  async function runningNow(shell: Shell, program: string): Promise<number> {
    const [command, ...args] = privileged(['supervisorctl', 'status', `${program}:*`]);
    const { stdout } = await shell.run(command, args, { timeoutMs: 20_000 });
    return stdout.split('\n').filter((line) => /^\S+\s+RUNNING\b/.test(line)).length;
  }

  async function runningSoon(shell: Shell, program: string, wanted: number): Promise<number> {
    return soon(() => runningNow(shell, program), (running) => running === wanted, { again: 15, everyMs: 1_000 });
  }

  return {
    /** The application's queue workers on one host, with their ages, and what their supervisor says. Reads only; a repeat is safe. */
    async checkQueueWorkers({ place }: { place: Place }): Promise<Finding<WorkersSeen>> {
      const { host, shell } = at(place);
      const found = await processes({ host, shell });
      const service = host.services?.workers;
      const state = service && (await serviceState(shell, service));
      const words = state === undefined ? 'no supervisor in the config' : 'unknown' in state ? `supervisor: ${outsideText(state.unknown, scrub, 200)}` : `supervisor: ${state.running ? 'all run' : 'not all run'}`;
      const rows = found.map(({ pid, seconds, args }) => `pid ${pid}, ${seconds} s: ${outsideText(args, scrub, 160)}`);
      return {
        evidence: listed(`${host.name}: ${found.length} queue workers; ${words}`, rows, 10),
        data: { running: found.length, at: Date.now(), ...(state === undefined || 'unknown' in state ? {} : { supervised: state.running }) },
      };
    },

    /**
     * Whether the workers need their supervisor: they do not all run, or one is older than `since` (ms, by the host's clock) though `queue:restart` was heard of.
     * Looks for 15 s, for a worker ends its job first. Holds nowhere without a supervisor in the config. A repeat is safe.
     */
    async workersNeedSupervisor({ place, since }: { place: Place; since: number }): Promise<Condition> {
      const { host, shell } = at(place);
      const service = host.services?.workers;
      if (service === undefined) return { holds: false, why: `the config of ${host.name} names no supervisor of its workers` };
      for (let tries = 0; ; tries += 1) {
        const state = await serviceState(shell, service);
        if ('unknown' in state) return { holds: false, why: `the supervisor of ${host.name} does not say: ${outsideText(state.unknown, scrub, 200)}` };
        const ages = (await processes({ host, shell })).map(({ seconds }) => seconds);
        // Seconds are whole: one that seems a second older may be new.
        const isNew = ages.length > 0 && Date.now() - Math.max(...ages) * 1_000 >= since - 1_500;
        if (state.running && isNew) return { holds: false, why: `${ages.length} workers of ${host.name} have started anew` };
        // Between its end and its new start a worker does not run either, for a moment.
        if (tries >= (state.running ? 15 : 4)) return { holds: true, why: state.running ? `workers of ${host.name} have not restarted: the oldest runs for ${Math.max(0, ...ages)} s` : `not all workers of ${host.name} run` };
        await Context.current().sleep(1_000);
      }
    },

    /** Restarts the host's workers through their supervisor, proved by new pids; refused where the config names none. */
    async restartWorkers({ place }: { place: Place }): Promise<ActResult> {
      const { host } = at(place);
      if (host.services?.workers === undefined) return { outcome: 'refused', evidence: `the config of ${host.name} names no supervisor of its workers` };
      return services.restartService({ place, service: 'workers' });
    },

    /**
     * How many workers more would help, `to`: if pending jobs grew beyond `pendingBefore`, one has waited over `minute` ms, and client
     * connections are under 60 %; at most twice as many, bounded by the config. Reads only; what is not known does not hold.
     */
    async moreWorkersHelp({ place, pendingBefore, minute }: { place: Place; pendingBefore: number; minute: number }): Promise<Condition & { from?: number; to?: number }> {
      const { host } = at(place);
      const pool = poolOf(host);
      if (pool === undefined) return { holds: false, why: `the config does not let the number of workers of ${host.name} be changed` };
      const { text } = await readSupervisorConfig(pool.configFile);
      const from = numprocsOf(text, pool.program);
      if (from === undefined) return { holds: false, why: `numprocs of ${pool.program} can't be read` };
      const { counts, percent } = await withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ percent: number }>(
          "select (100.0 * count(*) / current_setting('max_connections')::int)::float as percent from pg_stat_activity where backend_type = 'client backend'",
        );
        return { counts: await queueCounts(client, host, queueOf(place)), percent: rows[0]?.percent ?? 100 };
      });
      const waits = counts.oldestWaitsMs ?? 0;
      const figures = `pending ${pendingBefore} → ${counts.pending}, the oldest has waited ${Math.round(waits / 1_000)} s; ${Math.round(percent)} % of the connections are taken; ${from} workers, at most ${pool.atMost}`;
      const to = Math.min(pool.atMost, from * 2);
      return { holds: counts.pending > pendingBefore && waits > minute && percent < connectionsBelow && to > from, why: figures, from, to };
    },

    /** Sets the number of workers, bounded by the config, and proves it by how many run. A repeat is safe. */
    async setWorkerCount({ place, count }: { place: Place; count: number }): Promise<ActResult> {
      const pool = poolOf(at(place).host);
      wholeNumber('count', count, { min: 1, max: pool?.atMost ?? 1 });
      return setCount(place, count);
    },

    /** Whether numprocs is `count` and so many run, which is what `setWorkerCount` leaves. Reads only; a repeat is safe. */
    async workerCountIs({ place, count }: { place: Place; count: number }): Promise<{ done: boolean; evidence: string }> {
      const { host, shell } = at(place);
      const pool = poolOf(host);
      if (pool === undefined) return { done: false, evidence: `the config of ${host.name} does not say where the number of its workers is` };
      const { text } = await readSupervisorConfig(pool.configFile);
      const written = numprocsOf(text, pool.program);
      if (written !== count) return { done: false, evidence: `numprocs of ${pool.program} is ${written ?? 'not readable'}` };
      const running = await runningNow(shell, pool.program);
      return { done: running === count, evidence: `numprocs of ${pool.program} is ${count}; ${running} run` };
    },

    /** Undo of `setWorkerCount`: writes the old number back if it is still `ours`; another's number stays, and that is 'done'. A repeat is safe. */
    async restoreWorkerCount({ place, ours, old }: { place: Place; ours: number; old: number }): Promise<ActResult> {
      if (!Number.isInteger(ours)) throw badInput(`no number of workers: ${JSON.stringify(ours)}`);
      wholeNumber('old', old, { min: 1, max: 10_000 });
      const { host } = at(place);
      const pool = poolOf(host);
      if (pool === undefined) return { outcome: 'failed', evidence: `the config of ${host.name} does not say any more where the number of its workers is` };
      const now = numprocsOf((await readSupervisorConfig(pool.configFile)).text, pool.program);
      if (now === old) return { outcome: 'done', evidence: `numprocs of ${pool.program} is ${old} already` };
      if (now !== ours) return { outcome: 'done', evidence: `numprocs of ${pool.program} is ${now ?? 'not readable'}, not our ${ours}: somebody changed it since, and it stays` };
      return setCount(place, old);
    },
  };
}

export type QueueWorkerActivities = ReturnType<typeof queueWorkerActivities>;
