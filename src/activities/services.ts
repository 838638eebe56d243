import { ApplicationFailure, Context } from '@temporalio/activity';

import type { Host, ServiceName } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import type { AuthosApi } from './health-api.js';
import { hostMisconfigured, hostNamed } from './known-hosts.js';
import { readRestart, writeRestart } from './restart-record.js';
import { askForRestart, restartCommand, serviceOf, serviceState, startedAnew } from './service-manager.js';
import type { ServiceState } from './service-manager.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { fitted } from './wording.js';

/** Whether something started after a moment: `done` if it did. */
export interface StartedSince {
  done: boolean;
  evidence: string;
}

/** How long the application may take to answer after its restart. */
const answersWithinSeconds = 60;

/** Activities that restart what runs on a host, by the names of the inventory and never by one from outside. */
export function serviceActivities({ hosts, shellOf, apiOf }: { hosts: readonly Host[]; shellOf: (host: Host) => Shell; apiOf: (place: Place) => AuthosApi }) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  /** Its health check: any AuthOS that serves says ok here, whatever state its parts are in. */
  async function answers(place: Place): Promise<string | undefined> {
    const answer = await apiOf(place).get('/api/health');
    if (answer.kind === 'unknown') return answer.because;
    const { status } = answer.body as { status?: unknown };
    return answer.status === 200 && status === 'ok' ? undefined : `/api/health answered ${answer.status}`;
  }

  async function untilItAnswers(place: Place): Promise<string | undefined> {
    for (let second = 1; ; second += 1) {
      const problem = await answers(place);
      if (problem === undefined || second >= answersWithinSeconds) return problem;
      await Context.current().sleep(1_000);
    }
  }

  async function phpState(host: Host, shell: Shell): Promise<ServiceState | undefined> {
    const service = host.services?.php;
    if (service === undefined) return undefined;
    const state = await serviceState(shell, service);
    return 'unknown' in state ? undefined : state;
  }

  return {
    /**
     * Restarts one service of the host, proved by a new start time. 'Failed' in the manager's words if there is none after 30 s.
     * Throws `HostMisconfigured`, not retried, if the config does not list it. A repeat restarts it again.
     */
    async restartService({ place, service: name }: { place: Place; service: ServiceName }): Promise<ActResult> {
      const { host, shell } = at(place);
      const service = serviceOf(host, name);
      const before = await serviceState(shell, service);
      const result = await askForRestart(shell, service);
      const words = result.exitCode === 0 ? restartCommand(service).join(' ') : commandsWords(restartCommand(service).join(' '), result);
      // A manager that says no has nothing under way: it is not waited for.
      const after = result.exitCode === 0 ? await startedAnew(shell, service, 'unknown' in before ? undefined : before) : await serviceState(shell, service);
      if ('unknown' in after) return { outcome: 'failed', evidence: fitted(`${words}; not read back: ${after.unknown}`) };
      if (!after.running) return { outcome: 'failed', evidence: fitted(`${words}; it does not run`) };
      if (!('unknown' in before) && after.start === before.start) return { outcome: 'failed', evidence: fitted(`${words}; but it was not started anew`) };
      return { outcome: 'done', evidence: fitted(`${words}; ${startText(after)}`) };
    },

    /** Whether a service runs and started after `since` (ms since the epoch). Throws, and is retried, if its manager does not say. */
    async serviceStartedSince({ place, service: name, since }: { place: Place; service: ServiceName; since: number }): Promise<StartedSince> {
      const { host, shell } = at(place);
      return judgedStart(await serviceState(shell, serviceOf(host, name)), since);
    },

    /**
     * Restarts the application on one host as the config says, then waits until it answers `/api/health`, 60 s at most. 'Failed'
     * if the command fails, if it does not answer, or if a restart left PHP's start time as it was. A repeat restarts it again.
     * Its beginning and its end are noted in the host's records, for `applicationStartedSince`; it is not done without.
     */
    async restartApplication({ place }: { place: Place }): Promise<ActResult> {
      const { host, shell } = at(place);
      const [program, ...args] = host.restart;
      if (program === undefined) throw hostMisconfigured(`the config of host ${host.name} does not say how the application is restarted`);
      const before = await phpState(host, shell);
      const askedAt = Context.current().info.scheduledTimestampMs;
      await writeRestart(host, { askedAt, answered: false });
      const result = await shell.run(program, args, { cwd: host.root, timeoutMs: 120_000 });
      const words = host.restart.join(' ');
      if (result.exitCode !== 0) return { outcome: 'failed', evidence: fitted(commandsWords(words, result)) };
      const problem = await untilItAnswers(place);
      if (problem !== undefined) return { outcome: 'failed', evidence: fitted(`${words}; no answer ${answersWithinSeconds} s later: ${problem}`) };
      const after = await phpState(host, shell);
      const isReload = reloads(host);
      if (!isReload && before && after && before.start === after.start) {
        return { outcome: 'failed', evidence: `${words}; but PHP was not started anew` };
      }
      await writeRestart(host, { askedAt, answered: true });
      return { outcome: 'done', evidence: `${words}; it answers${after && !isReload ? `, ${startText(after)}` : ''}` };
    },

    /**
     * Whether the application of this host was restarted after `since`: by the start time of PHP, where the config lists it, else by
     * our own record of `restartApplication`. Throws `RestartInDoubt`, not retried, if that began and nobody saw its end.
     */
    async applicationStartedSince({ place, since }: { place: Place; since: number }): Promise<StartedSince> {
      const { host, shell } = at(place);
      if (host.services?.php && !reloads(host)) return judgedStart(await serviceState(shell, host.services.php), since);
      const words = host.restart.join(' ');
      const last = await readRestart(host);
      if (last === undefined || last.askedAt < since) return { done: false, evidence: `${words} has not begun since` };
      if (last.answered) return { done: true, evidence: `${words}, asked for at ${new Date(last.askedAt).toISOString()}; it answered` };
      throw ApplicationFailure.nonRetryable(`${words} began, and nobody saw its end; hosts.${host.name}.services.php would tell when PHP started`, 'RestartInDoubt');
    },

    /**
     * `queue:restart`, read back from the cache that workers watch. Refused where no supervisor starts the workers again: the
     * queue would stand still. A repeat makes them end once more.
     */
    async restartQueueWorkers({ place }: { place: Place }): Promise<ActResult> {
      const { host, shell } = at(place);
      if (!host.workersSupervised) return { outcome: 'refused', evidence: `no supervisor starts the queue workers of ${host.name} again (hosts.${host.name}.workersSupervised)` };
      const signal = "cache()->get('illuminate:queue:restart')";
      const before = await tinkerJson({ host, shell }, signal);
      const result = artisanOutcome('queue:restart', await artisan({ host, shell, command: 'queue:restart' }));
      if (result.outcome !== 'done') return result;
      const after = await tinkerJson({ host, shell }, signal);
      if ('unknown' in after) return { ...result, evidence: fitted(`${result.evidence}; not read back: ${after.unknown}`) };
      const isThere = Number(after.value) > 0;
      const isNew = !('unknown' in before) && after.value !== before.value;
      // Two signals within one second are one value.
      const isFresh = Number(after.value) * 1_000 > Date.now() - 60_000;
      return isThere && (isNew || isFresh)
        ? { ...result, evidence: fitted(`${result.evidence}; the signal is in the cache`) }
        : { ...result, outcome: 'failed', evidence: fitted(`${result.evidence}; but the signal is not in the cache: no worker hears it`) };
    },
  };
}

/** A reload leaves PHP's start time as it is. */
function reloads({ restart }: Host): boolean {
  return !restart.includes('restart');
}

function judgedStart(state: ServiceState | { unknown: string }, since: number): StartedSince {
  if ('unknown' in state) throw new Error(state.unknown);
  // Of one that is down most managers say no start: whatever happened, it does not run now.
  if (!state.running) return { done: false, evidence: startText(state) };
  if (state.startedAt === undefined) throw new Error('its manager does not say when it started');
  return { done: state.startedAt >= since, evidence: startText(state) };
}

function startText({ running, startedAt }: ServiceState): string {
  const when = startedAt === undefined ? '' : `, started ${new Date(startedAt).toISOString()}`;
  return `${running ? 'running' : 'not running'}${when}`;
}

export type ServiceActivities = ReturnType<typeof serviceActivities>;
