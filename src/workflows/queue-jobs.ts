import type { RetryResult } from '../activities/queue-jobs.js';
import type { QueueCounts } from '../activities/queue-tables.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { waiting } from './calling.js';
import type { On, Scene } from './step.js';

/** What steps of this runbook leave for later ones. */
interface QueueFacts {
  /** The queue when the run began, and at the end of the last act. */
  began?: Mark;
  mark?: Mark;
  /** When `queue:restart` was called, by the host's clock, ms since the epoch. */
  restartedAt?: number;
  /** Jobs that were put back and that nobody has cleared. */
  retried?: string[];
  retriedAt?: number;
  retryAfterMs?: number;
  failedAgain?: string[];
  /** What the database says about more workers. */
  workers?: { from: number; to: number };
}

interface Mark extends Pick<QueueCounts, 'newestId' | 'pending' | 'failed'> {
  /** The `since` of the window it is for. */
  since: number;
  at: number;
}

export const factsOf = ({ facts }: Pick<Scene, 'facts'>): QueueFacts => facts;
export const queueName = ({ queue }: Place): string => queue ?? '<queue>';
export const queue = (place: Place): string[] => [`queue:${place.environment}:${queueName(place)}`];
export const failedJobs = ({ database, environment }: Place): string[] => [`table:failed_jobs@${database ?? environment}`];
export const minutes = (count: number, { times }: Scene): number => count * times.minute;
/** How often a job that was put back is looked for. */
export const lookEvery = (scene: Scene): number => Math.max(200, Math.round(minutes(1, scene) / 30));

/** Ids of one call of artisan, as the activity bounds them. */
const batch = 50;

/**
 * One job of each kind first; the rest of a kind only if its first one passed. By queue and id: `queue:retry all` would take other
 * queues' jobs along. A kind whose first one fails again is left as it is, and is a case for the Backend Engineer.
 */
export async function retry(on: On, scene: Scene, age: 'young' | 'old'): Promise<ActResult> {
  const { place } = scene;
  const facts = factsOf(scene);
  const failedAgain = [...(facts.failedAgain ?? [])];
  const plan = await on.planRetry({ place, age, except: failedAgain });
  if (plan.groups.length === 0) return { outcome: 'refused', evidence: `no failed jobs ${age === 'young' ? 'of the last 24 h' : 'older than 24 h'} to retry` };
  facts.retryAfterMs = plan.retryAfterMs;
  const given = Math.max(plan.retryAfterMs, minutes(5, scene));
  const retried: string[] = [];
  const note = (result: RetryResult): string[] => {
    retried.push(...result.retried);
    facts.retried = [...new Set([...(facts.retried ?? []), ...result.retried])];
    facts.retriedAt = Date.now();
    return result.retried;
  };

  const firsts = await on.retryJobs({ place, ids: plan.groups.map(({ first }) => first) });
  if (note(firsts).length === 0) return firsts;
  const patient = waiting(place.host, 'Do the first ones pass?', given + minutes(10, scene) + 10 * 60_000);
  const seen = await patient.followJobs({ place, ids: firsts.retried, until: Date.now() + given, every: lookEvery(scene) });
  failedAgain.push(...seen.failedAgain);
  const passing = plan.groups.filter(({ first }) => firsts.retried.includes(first) && !seen.failedAgain.includes(first) && !seen.waiting.includes(first));
  const rest = passing.flatMap((group) => group.rest);
  for (let from = 0; from < rest.length; from += batch) {
    const before = retried.slice(-batch);
    note(await on.retryJobs({ place, ids: rest.slice(from, from + batch) }));
    // What went back before has had some time: more of it failing than not means that the first one was an exception.
    const { failedAgain: again } = from === 0 ? { failedAgain: [] } : await on.followJobs({ place, ids: before, until: 0, every: lookEvery(scene) });
    failedAgain.push(...again.filter((id) => !failedAgain.includes(id)));
    if (again.length > before.length / 2) break;
  }
  facts.failedAgain = failedAgain;

  const failing = plan.groups.filter(({ first }) => seen.failedAgain.includes(first)).map(({ what }) => what);
  const lines = [
    `${retried.length} jobs of ${queueName(place)} retried: one of each of ${plan.groups.length} kinds first, ${passing.length} passed`,
    ...(failing.length > 0 ? [`failed again: ${failing.join('; ')}`] : []),
    ...(seen.waiting.length > 0 ? [`${seen.waiting.length} first ones were not done within ${Math.round(given / 1_000)} s: no worker takes them`] : []),
    ...(plan.left > 0 ? [`${plan.left} more than one run retries are left`] : []),
  ];
  const evidence = lines.join('\n').slice(0, 2_000);
  if (failedAgain.length === 0) return { outcome: 'done', evidence };
  return { outcome: passing.length > 0 ? 'done' : 'failed', evidence, pageEarly: `retried jobs of ${queueName(place)} failed again: ${failing.join('; ') || `${failedAgain.length} jobs`}`.slice(0, 500) };
}

/** Exported, then deleted by queue and row. A cleared job has not passed: it is not followed any more, and the report says so. */
export async function clear(on: On, scene: Scene, olderThanHours: number): Promise<ActResult> {
  const { place } = scene;
  const facts = factsOf(scene);
  const name = queueName(place);
  const kept = await on.exportFailedJobs({ place, queue: name });
  if (!kept.exported) return kept;
  const { cleared, ...result } = await on.clearFailedJobs({ place, queue: name, exported: kept.exported, olderThanHours, followed: facts.retried ?? [] });
  facts.retried = (facts.retried ?? []).filter((id) => !cleared.includes(id));
  return result;
}
