import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { SampleWindow, Verdict } from '../domain/step.js';
import type { AuthosApi } from './health-api.js';
import { readHealth } from './health-api.js';
import { hostNamed, wholeNumber } from './known-hosts.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { failedSince, queueCounts, queueOf, uuids, whereaboutsOf } from './queue-tables.js';
import type { QueueWorkerActivities } from './queue-workers.js';
import { sampled } from './sampling.js';
import type { Scrub } from './scrub.js';
import { outsideText } from './outside-text.js';

export interface QueueProof {
  place: Place;
  /** Recovered with so many failed jobs or fewer. */
  failedAtMost: number;
  /** The queue as it was at the end of the last act: growth is counted from here. */
  before: { newestId: string; pending: number };
  /** Jobs that were put back and that nobody cleared since. */
  retried: string[];
  /** A job may wait so long before the backlog counts as growing, and five times as long before nobody works on it; ms. */
  minute: number;
  /** Before any act: what failed so lately counts too, or the first moments of a run would prove anything; ms. */
  lookBack?: number;
  window: SampleWindow;
}

/** The proof of Failed Queue Jobs. */
export function queueProofActivities({
  hosts,
  databaseOf,
  apiOf,
  workers,
  scrub,
}: {
  hosts: readonly Host[];
  databaseOf: DatabaseOf;
  apiOf: (place: Place) => AuthosApi;
  workers: Pick<QueueWorkerActivities, 'checkQueueWorkers'>;
  scrub: Scrub;
}) {
  return {
    /**
     * Recovered: the retried jobs are in neither table, at most `failedAtMost` failed jobs are there and none has come, no backlog grows
     * or is left alone, and somebody works: a retried job passed, or workers are seen on this host. A repeat is safe.
     */
    async proveQueue({ place, failedAtMost, before, retried, minute, lookBack, window }: QueueProof): Promise<Verdict> {
      wholeNumber('failedAtMost', failedAtMost, { min: 0, max: 1_000_000 });
      const followed = uuids(retried);
      const host = hostNamed(hosts, place.host);
      const queue = queueOf(place);
      return sampled(window, async () => {
        const health = await readHealth(apiOf(place), 'queue');
        const { counts, since, where } = await withDatabase(databaseOf, place, async (client) => ({
          counts: await queueCounts(client, host, queue),
          since: await failedSince(client, host, { queue, id: before.newestId, withinMs: lookBack ?? 0 }),
          where: followed.length === 0 ? { waiting: [], failed: [] } : await whereaboutsOf(client, queue, followed),
        }));
        const passed = followed.length - new Set([...where.waiting, ...where.failed]).size;
        const waits = counts.oldestWaitsMs ?? 0;
        const problems = [
          counts.failed > failedAtMost ? `${counts.failed} failed jobs, more than ${failedAtMost}` : '',
          since.newer > 0 ? `${since.newer} jobs have failed since` : '',
          lookBack !== undefined && since.lately > 0 ? `${since.lately} jobs failed in the last moments` : '',
          where.failed.length > 0 ? `${where.failed.length} of ${followed.length} retried jobs failed again` : '',
          where.waiting.length > 0 ? `${where.waiting.length} of ${followed.length} retried jobs are still to be done` : '',
          counts.pending > before.pending && waits > minute ? `pending jobs grew from ${before.pending} to ${counts.pending}` : '',
          waits > 5 * minute ? `the oldest job has waited ${Math.round(waits / 1_000)} s to be taken` : '',
          health.status === 'unhealthy' || health.status === 'critical' ? `queue health is ${health.status}` : '',
        ].filter(Boolean);
        const figures = `${counts.failed} failed, ${counts.pending} pending, ${passed} of ${followed.length} retried passed; queue health ${health.status}${health.status === 'degraded' ? ` (${counts.othersFailed} failed on other queues)` : ''}`;
        if (problems.length > 0) return { kind: 'not recovered', evidence: `${problems.join('; ')} (${figures})` };
        if (health.status === 'unknown') return { kind: 'unknown', evidence: `${figures}: ${outsideText(health.message, scrub, 300)}` };
        if (passed > 0) return { kind: 'recovered', evidence: figures };
        const { data, evidence } = await workers.checkQueueWorkers({ place });
        if (data.running > 0) return { kind: 'recovered', evidence: `${figures}; ${data.running} workers run` };
        return { kind: 'unknown', evidence: `${figures}; no job went through, and no worker is seen: ${evidence.split('\n')[0] ?? ''}` };
      });
    },
  };
}

export type QueueProofActivities = ReturnType<typeof queueProofActivities>;
