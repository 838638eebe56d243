import { z } from 'zod';
import type { ParsedSections } from './schema.js';
import { got } from './problems.js';
import type { Problem } from './problems.js';

const named = z.string().min(1).max(63);

/** The kinds of contacts: where each finds the channel that serves it. */
const kinds = {
  email: z.email('must be an email address'),
  slackWebhook: named,
  webhook: named,
};

const isKind = (key: string): key is ContactKind => Object.hasOwn(kinds, key);

/** One way to reach a person: exactly one kind. */
export const contact = z
  .strictObject(kinds)
  .partial()
  .refine((given) => Object.keys(given).filter(isKind).length === 1, `must have exactly one of ${Object.keys(kinds).join(', ')}`);

/** One way to reach a person. */
export type Contact = z.output<typeof contact>;
type ContactKind = keyof typeof kinds;

/** What is wrong with a contact in view of the channels: one that names what no channel has would be found out at night. */
export function contactProblems(path: string, given: Contact, channels: ParsedSections['channels'] | undefined): Problem[] {
  if (!channels) return [];
  const namesOf: Partial<Record<ContactKind, string[]>> = {
    slackWebhook: Object.keys(channels.slackWebhooks),
    webhook: Object.keys(channels.webhooks),
  };
  return Object.entries(given).flatMap(([kind, value]): Problem[] => {
    const names = isKind(kind) ? namesOf[kind] : undefined;
    if (!names || names.includes(String(value))) return [];
    const there = names.length > 0 ? `there are ${names.join(', ')}` : 'there is none';
    return [{ path: `${path}.${kind}`, message: `no such name in channels.${kind}s${got([path], value)}; ${there}` }];
  });
}
