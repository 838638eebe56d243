/** A figure of AuthOS's monitoring and when it was fetched; no value if the answer had none. */
export interface Figure {
  value?: number;
  /** ms since the epoch. */
  fetchedAt: number;
}

/** What two readings of a total say about the time between them. */
export type Growth = { kind: 'grew'; by: number } | { kind: 'no growth' } | { kind: 'unknown'; because: string };

/**
 * The growth of a total since midnight that AuthOS keeps in its cache and answers from a cache (RUNBOOK-SPEC, "Proof of
 * recovery"): unchanged sooner than `figureAge` ms says nothing, and a smaller one was reset by a cache clear or by midnight.
 */
export function growth(before: Figure, after: Figure, figureAge: number): Growth {
  if (before.value === undefined || after.value === undefined) return { kind: 'unknown', because: 'a figure is missing' };
  if (after.value < before.value) return { kind: 'unknown', because: `it fell from ${before.value} to ${after.value}: it was reset` };
  if (after.value > before.value) return { kind: 'grew', by: after.value - before.value };
  const age = after.fetchedAt - before.fetchedAt;
  return age >= figureAge ? { kind: 'no growth' } : { kind: 'unknown', because: `unchanged after ${Math.round(age / 1000)} s, which a cached answer is too` };
}

/** A number at a path of an answer, such as `['cache', 'hits']`; undefined if anything else is there. Zero and more only. */
export function figureIn(body: unknown, ...path: string[]): number | undefined {
  let value: unknown = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
