import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { type Act, type Condition, act, type On } from './step.js';

/** Resources that a restart of the application locks: its PHP on every host. */
export function phpOnAllHosts({ hosts }: Place): string[] {
  return hosts.map((host) => `service:php@${host}`);
}

/**
 * Restarts the application on every host of the environment, one after another, each only once the one before answers its
 * health check again. Ends at the first that does not: what is still up stays up. For acts that end with a restart.
 */
export async function restartEverywhere(place: Place, onHost: (host: string) => On): Promise<ActResult> {
  const done: string[] = [];
  for (const host of place.hosts) {
    const result = await onHost(host).restartApplication({ place: { ...place, host } });
    const evidence = [...done, `${host}: ${result.evidence}`].join('\n');
    if (result.outcome !== 'done') {
      const left = place.hosts.slice(place.hosts.indexOf(host) + 1);
      return { ...result, outcome: 'failed', evidence: left.length === 0 ? evidence : `${evidence}\nnot restarted: ${left.join(', ')}` };
    }
    done.push(`${host}: ${result.evidence}`);
  }
  return { outcome: 'done', evidence: done.join('\n') };
}

/**
 * `herd restart` (or what the config calls it) on each host in turn: disruptive, at most once in 30 min by itself. `when` is the
 * step's own condition.
 */
export function restartApplicationAct({ name = 'Restart the application', when }: { name?: string; when?: Condition } = {}): Act {
  return act({
    name,
    risk: 'disruptive',
    command: ({ hosts }) => `herd restart, on ${hosts.join(', then ')}, with a health check after each`,
    ...(when ? { when } : {}),
    touches: phpOnAllHosts,
    // Every such act restarts all hosts, so the first of them stands for the lot, whichever host an alert named.
    budget: ({ hosts, host }) => `restart:${[...hosts].sort()[0] ?? host}/php`,
    settle: 'restart',
    timeout: { minutes: 4, because: 'a restart finishes the requests it has; then the application must answer within a minute' },
    async look(on, { place, lastActAt }) {
      // The worker that died acted on one host of several: all must be new, or the act is done again.
      const { done, evidence } = await on.applicationStartedSince({ place, since: lastActAt });
      return done && place.hosts.length === 1 ? { outcome: 'done', evidence } : undefined;
    },
    do: (_, { place }, onHost) => restartEverywhere(place, onHost),
  });
}
