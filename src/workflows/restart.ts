import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { readOnHosts } from './on-hosts.js';
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
 * For the look after a death: 'done' if every host's application was restarted after `since`. The worker that died may have come
 * as far as one of several, and then all are restarted again.
 */
export async function restartedEverywhere(place: Place, since: number): Promise<ActResult | undefined> {
  const found = await readOnHosts(place, 'Restarted since?', (on, there) => on.applicationStartedSince({ place: there, since }));
  if (!found.every(({ done }) => done)) return undefined;
  return { outcome: 'done', evidence: found.map(({ evidence }, i) => (found.length === 1 ? evidence : `${place.hosts[i]}: ${evidence}`)).join('\n') };
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
    look: (_, { place, lastActAt }) => restartedEverywhere(place, lastActAt),
    do: (_, { place }, onHost) => restartEverywhere(place, onHost),
  });
}
