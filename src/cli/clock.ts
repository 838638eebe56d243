import { DateTime } from 'luxon';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A length of time as people say it: `40 s`, `4 min`, `1 h 20 min`, `3 d 4 h`. Takes ms; the sign is dropped. */
export function duration(ms: number): string {
  const length = Math.abs(ms);
  if (length < 59.5 * second) return `${Math.round(length / second)} s`;
  if (length < 59.5 * minute) return `${Math.round(length / minute)} min`;
  if (length < 2 * day) return twoUnits(Math.round(length / minute), 60, 'h', 'min');
  return twoUnits(Math.round(length / hour), 24, 'd', 'h');
}

function twoUnits(total: number, size: number, large: string, small: string): string {
  const rest = total % size;
  return rest === 0 ? `${total / size} ${large}` : `${Math.floor(total / size)} ${large} ${rest} ${small}`;
}

/** How far off a moment is: `in 4 min`, `12 min ago`, `now`. Both in ms since the epoch. */
export function relative(at: number, now: number): string {
  if (Math.abs(at - now) < second / 2) return 'now';
  return at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`;
}

/** A moment in the local zone: the time alone if it is today, else with its date. `?` for what is no moment. */
export function localTime(at: number, now: number): string {
  const moment = DateTime.fromMillis(Number.isFinite(at) ? at : Number.NaN);
  if (!moment.isValid) return '?';
  return moment.toFormat(moment.hasSame(DateTime.fromMillis(now), 'day') ? 'HH:mm:ss' : 'yyyy-MM-dd HH:mm:ss');
}

/** Both: `14:03:22 (12 min ago)`. */
export function localAndRelative(at: number, now: number): string {
  return `${localTime(at, now)} (${relative(at, now)})`;
}

/** The name of the local zone and its offset at that moment, such as `Europe/Berlin, UTC+1`. */
export function localZone(at: number): string {
  const moment = DateTime.fromMillis(at);
  return moment.zoneName === 'UTC' ? 'UTC' : `${moment.zoneName}, UTC${moment.toFormat('Z')}`;
}

/** A moment that the server gave as ms or as ISO 8601, in ms since the epoch; undefined if it gave none. */
export function toMoment(value: number | string | null | undefined): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const moment = DateTime.fromISO(value);
  return moment.isValid ? moment.toMillis() : undefined;
}
