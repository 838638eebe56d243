import type { PageRequest } from '../domain/page.js';

/** Runs that begin in a second: one costs about as much as several pages, and run workers have few slots anyway. */
const perSecond = 2;
/** However many others there are, the cure is put off for no longer, ms. */
const atMost = 120_000;

/**
 * Spaces out the runs of incidents that open together, so that in a storm pages come first. The result says for a first page
 * when the run after it may start, by the clock of `now` (ms since the epoch); undefined for at once, as always where it is
 * Critical or nobody else has been paged in the last half second. It knows of the pages of one process alone.
 */
export function runPace(): (request: PageRequest, now: number) => number | undefined {
  let next = 0;
  return (request, now) => {
    const opens = request.kind === 'page' && request.due.parts.some(({ level, round }) => level === 1 && round.endsWith('.0'));
    if (!opens || request.incident.severity === 'Critical') return undefined;
    const at = Math.min(Math.max(now, next), now + atMost);
    next = at + 1_000 / perSecond;
    return at > now ? at : undefined;
  };
}
