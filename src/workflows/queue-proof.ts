import { reading } from './calling.js';
import { factsOf, minutes } from './queue-jobs.js';
import type { Proof } from './step.js';

const tooMany = 100;

/** Holds for all samples, counted from a mark that is taken right after the last act. */
export const queueRecovered: Proof = {
  says:
    'the retried jobs are in neither jobs nor failed_jobs after the longer of retry_after and 5 min; at most 100 failed jobs, and none more; ' +
    'pending jobs do not grow, and somebody works them off',
  async check(on, scene, window) {
    const { place } = scene;
    const facts = factsOf(scene);
    // Taken right after the act: growth is what comes after it. A retry by itself lowers the failed count, and proves nothing.
    if (facts.mark?.since !== window.since) {
      // Three tries, not as long as the proof may wait: without the database nothing is proven.
      const { data } = await reading(place.host, 'The queue at this moment', 1).countFailedJobs({ place });
      facts.mark = { since: window.since, at: Date.now(), newestId: data.newestId, pending: data.pending, failed: data.failed };
      facts.began ??= facts.mark;
    }
    const { mark, began, retried = [], retriedAt = 0, retryAfterMs = 0 } = facts;
    const isFirst = began?.since === window.since;
    const followUntil = retried.length > 0 ? retriedAt + Math.max(retryAfterMs, minutes(5, scene)) : 0;
    const judgedFrom = Math.max(followUntil, mark.at + scene.times.settle);
    // A single look does not wait: before anything can have grown it says nothing.
    if (window.samples === 1 && window.every === 0 && Date.now() < judgedFrom) {
      return { kind: 'unknown', evidence: `too early to tell: growth is judged from ${new Date(judgedFrom).toISOString()} on` };
    }
    // Waiting makes no failed jobs fewer.
    const notBefore = isFirst && mark.failed > tooMany ? window.notBefore : Math.max(window.notBefore, judgedFrom);
    return on.proveQueue({
      place,
      failedAtMost: tooMany,
      before: { newestId: mark.newestId, pending: mark.pending },
      retried,
      minute: minutes(1, scene),
      ...(isFirst ? { lookBack: minutes(5, scene) } : {}),
      window: { ...window, notBefore },
    });
  },
};
