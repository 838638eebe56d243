const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A moment (ms since the epoch) for people: `2026-03-01 14:05 UTC`. Whoever is paged may sit in any zone. */
export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Like `utc` with seconds, for the record: `2026-03-01 14:05:09`. */
export function utcSeconds(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** A length of time (ms) in its two largest units: `40 s`, `12 min`, `1 h 5 min`, `2 d 3 h`. Negative counts as none. */
export function duration(ms: number): string {
  const pair = (large: number, largeName: string, small: number, smallName: string): string => {
    const rest = Math.floor((ms % large) / small);
    return `${Math.floor(ms / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`;
  };
  if (ms < minute) return `${Math.max(0, Math.floor(ms / second))} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  return ms < day ? pair(hour, 'h', minute, 'min') : pair(day, 'd', hour, 'h');
}

/** A moment with its distance: `2026-03-01 14:05 UTC (12 min ago)`, `… (in 5 min)`, `… (now)`. */
export function utcRelative(at: number, now: number): string {
  const distance = at - now;
  if (Math.abs(distance) < second) return `${utc(at)} (now)`;
  return `${utc(at)} (${distance < 0 ? `${duration(-distance)} ago` : `in ${duration(distance)}`})`;
}
