import { DateTime, type WeekdayNumbers } from 'luxon';

/** A role that is handed on by the clock, from shift to shift in turn. */
export interface Rotation {
  /** Who has each shift, by people's ids: two share one that names both. */
  shifts: string[][];
  /** Hand-over at this time of day in `zone`: each day, or each week on `weekday` (1 is Monday, as in ISO 8601). */
  handOver: { weekday?: number; hour: number; minute: number };
  /** IANA time zone. */
  zone: string;
  /** Local date, `2026-11-02`, on which the first shift begins; a weekly one on its weekday. What was before it is counted back. */
  since: string;
}

/** One shift; `from` (inclusive) and `until` in ms since the epoch. */
export interface Shift {
  people: string[];
  from: number;
  until: number;
}

/**
 * The shift that goes on at `at`, ms since the epoch. A day that the clocks make shorter or longer is still one shift; a
 * hand-over at a time that they skip is as much later, one at a time that they repeat is at the first of the two.
 */
export function shiftAt({ shifts, handOver, zone, since }: Rotation, at: number): Shift {
  const { weekday } = handOver;
  const days = weekday === undefined ? 1 : 7;
  const begins = (day: DateTime): DateTime => timeOn(day, handOver, zone);
  const now = DateTime.fromMillis(at, { zone });
  let day = now.startOf('day').minus({ days: weekday === undefined ? 0 : (now.weekday - weekday + 7) % 7 });
  if (begins(day).toMillis() > at) day = day.minus({ days });
  // Dates are counted without a zone: there each has 24 h.
  const dateOf = (iso: string): DateTime => DateTime.fromISO(iso, { zone: 'utc' });
  const turn = Math.round(dateOf(day.toISODate() ?? '').diff(dateOf(since), 'days').days / days);
  const people = shifts[((turn % shifts.length) + shifts.length) % shifts.length] ?? [];
  return { people, from: begins(day).toMillis(), until: begins(day.plus({ days })).toMillis() };
}

/** A time of day on a date in `zone`; one that clocks skip is as much later, one that they repeat is the first of the two. */
export function timeOn(day: DateTime, { hour, minute }: { hour: number; minute: number }, zone: string): DateTime {
  const moment = DateTime.fromObject({ year: day.year, month: day.month, day: day.day, hour, minute }, { zone });
  // Which of two luxon takes depends on the season in which it is asked.
  return DateTime.min(...moment.getPossibleOffsets()) ?? moment;
}

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** Reads `09:00` or `Monday 09:00`; undefined for what is neither. */
export function readHandOver(text: string): Rotation['handOver'] | undefined {
  const [, day, hour, minute] = /^(?:([A-Za-z]+) +)?([01]\d|2[0-3]):([0-5]\d)$/.exec(text.trim()) ?? [];
  if (hour === undefined || minute === undefined) return undefined;
  const at = { hour: Number(hour), minute: Number(minute) };
  if (day === undefined) return at;
  const weekday = weekdays.indexOf(day.toLowerCase()) + 1;
  return weekday === 0 ? undefined : { ...at, weekday: weekday as WeekdayNumbers };
}

/** What is wrong with the date of the first shift; undefined if it is right. */
export function wrongSince({ since, handOver: { weekday } }: Pick<Rotation, 'since' | 'handOver'>): string | undefined {
  const date = DateTime.fromISO(since, { zone: 'utc' });
  if (!date.isValid) return 'must be a date such as 2026-11-02';
  if (weekday === undefined || date.weekday === weekday) return undefined;
  return `is a ${date.setLocale('en').weekdayLong}: the first shift must begin on the day of the hand-over`;
}
