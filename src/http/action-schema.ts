import { z } from 'zod';
import { paragraphs } from '../alerts/text.js';
import type { PersonAction } from '../domain/action.js';

const most = 2_000;
const text = z
  .string()
  .min(1)
  .max(most)
  .transform((given) => paragraphs(given, most));
const reason = text;
const id = z.string().min(1).max(100);

/** What a person may send to an incident: PersonAction, with no other field. */
export const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('acknowledge') }),
  z.strictObject({ kind: z.literal('take-over'), reason }),
  z.strictObject({ kind: z.literal('approve'), ask: id }),
  z.strictObject({ kind: z.literal('decline'), ask: id, reason: reason.optional() }),
  z.strictObject({ kind: z.literal('escalate'), level: z.int().min(1).max(20).optional(), reason: reason.optional() }),
  z.strictObject({ kind: z.literal('snooze'), minutes: z.number().positive().max(1_440), reason }),
  z.strictObject({ kind: z.literal('note'), text }),
  z.strictObject({ kind: z.literal('check'), run: z.boolean().optional() }),
  z.strictObject({ kind: z.literal('undo'), undo: id }),
  z.strictObject({ kind: z.literal('stop'), reason }),
  z.strictObject({ kind: z.literal('resolve'), reason }),
]) satisfies z.ZodType<PersonAction>;
