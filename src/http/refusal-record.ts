/** How long the same refusal is not put on record again, ms. */
const silence = 60_000;
/** Refusals that are remembered for that. */
const room = 10_000;

/** Says which refusals go on record: the same of one incident, person and action once a minute. `now` in ms, of a clock that is not set back. */
export function refusalRecord(now: () => number = () => performance.now()) {
  const last = new Map<string, number>();
  return {
    takes(...what: string[]): boolean {
      const key = JSON.stringify(what);
      if (now() - (last.get(key) ?? Number.NEGATIVE_INFINITY) < silence) return false;
      last.delete(key); // so that it is the newest
      last.set(key, now());
      const [oldest] = last.keys();
      if (last.size > room && oldest !== undefined) last.delete(oldest);
      return true;
    },
  };
}
