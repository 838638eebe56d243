import { z } from 'zod';
import { readHandOver } from '../roster/rotation.js';
import type { TimeOfDay } from '../roster/quiet-hours.js';
import { timeZone } from './time-zone.js';

const timeOfDay = z.string().transform((text, context): TimeOfDay => {
  const read = readHandOver(text);
  if (read && read.weekday === undefined) return { hour: read.hour, minute: read.minute };
  context.addIssue('must be a time of day such as 22:00');
  return z.NEVER;
});

/** When somebody is not to be woken by what is only Medium: from one time of day until another, each day, in their zone. */
export const quietHours = z
  .strictObject({ from: timeOfDay, until: timeOfDay, zone: timeZone })
  .refine(({ from, until }) => from.hour !== until.hour || from.minute !== until.minute, { path: ['until'], message: 'must not be the same time as from' });
