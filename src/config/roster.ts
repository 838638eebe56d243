import { z } from 'zod';
import { roles } from '../domain/runbook.js';
import { readHandOver, type Rotation, wrongSince } from '../roster/rotation.js';
import { timeZone } from './time-zone.js';
import { name } from './values.js';

const handOver = z.string().transform((text, context) => {
  const read = readHandOver(text);
  if (read) return read;
  context.addIssue('must be a time such as 09:00, each day, or Monday 09:00, each week');
  return z.NEVER;
});

const rotation = z
  .strictObject({
    rotation: z.array(z.union([name.transform((one) => [one]), z.array(name).min(1)], 'must be a name, or a list of names that share the shift')).min(1),
    handOver,
    zone: timeZone,
    since: z.string(),
  })
  .transform(({ rotation: shifts, ...more }, context): Rotation => {
    const wrong = wrongSince(more);
    if (wrong) context.addIssue({ code: 'custom', path: ['since'], message: wrong });
    return { shifts, ...more };
  });
// Not a union, whose problems would hide those of the part that was meant.
const roleHolders = z.unknown().transform((value, context): string[] | Rotation => {
  const read = (Array.isArray(value) ? z.array(name) : rotation).safeParse(value);
  if (read.success) return read.data;
  for (const { code: _, ...issue } of read.error.issues) context.addIssue({ ...issue, code: 'custom', message: issue.message });
  return z.NEVER;
});

const moment = z.iso.datetime({ offset: true, message: 'must be a moment such as 2026-12-24T18:00:00+01:00' }).transform((text) => Date.parse(text));
const override = z
  .strictObject({ role: z.enum(roles), from: moment, until: moment, people: z.array(name).min(1), reason: z.string().max(200).optional() })
  .refine(({ from, until }) => !(from >= until), { path: ['until'], message: 'must be after from' });

/** The section `roles`: who holds each, always or in turn. */
export const rolesSection = z.partialRecord(z.enum(roles), roleHolders).default({});

/** The section `overrides`: who has a role for a span, whoever else would. */
export const overridesSection = z.array(override).default([]);
