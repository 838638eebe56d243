import { DateTime } from 'luxon';
import { timeOn } from './rotation.js';

export interface TimeOfDay {
  hour: number;
  minute: number;
}

/** Each day from one time to the other in `zone` (IANA); over midnight if `until` is the earlier one. */
export interface QuietHours {
  from: TimeOfDay;
  until: TimeOfDay;
  zone: string;
}

/**
 * When the quiet hours end that go on at `at` (both ms since the epoch); undefined if none do. In a night in which clocks are
 * changed they begin and end by the clock on the wall, so they are an hour longer or shorter.
 */
export function quietUntil({ from, until, zone }: QuietHours, at: number): number | undefined {
  const overMidnight = until.hour * 60 + until.minute <= from.hour * 60 + from.minute;
  const today = DateTime.fromMillis(at, { zone }).startOf('day');
  for (const day of [today.minus({ days: 1 }), today]) {
    const end = timeOn(overMidnight ? day.plus({ days: 1 }) : day, until, zone).toMillis();
    if (timeOn(day, from, zone).toMillis() <= at && at < end) return end;
  }
  return undefined;
}
