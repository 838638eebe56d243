import { z } from 'zod';
import type { ParsedSections } from './schema.js';
import { duration } from './duration.js';
import { got } from './problems.js';
import type { Problem } from './problems.js';

const number = z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a number with its country, such as +4930123456');
const named = z.string().min(1).max(63);

/** The kinds of contacts: where each finds the channel that serves it. */
const kinds = {
  email: z.email('must be an email address'),
  slack: z.string().regex(/^[CDGUW][A-Z0-9]{6,20}$/, 'must be the id of a member (U…) or a conversation (C…) of Slack'),
  slackWebhook: named,
  teams: named,
  pagerduty: named,
  opsgenie: z.string().min(1).max(200),
  sms: number,
  phone: number,
  webhook: named,
};

const isKind = (key: string): key is ContactKind => Object.hasOwn(kinds, key);

/** Later a page is repeated anyway. */
const afterAtMostMs = 15 * 60_000;

/** One way to reach a person: exactly one kind; with `after` only for pages that nobody has acknowledged by then. */
export const contact = z
  .strictObject({ ...kinds, after: duration.refine((ms) => ms <= afterAtMostMs, 'must be 15m at most: then the page is repeated anyway'), updates: z.boolean() })
  .partial()
  .refine((given) => Object.keys(given).filter(isKind).length === 1, `must have exactly one of ${Object.keys(kinds).join(', ')}`);

/** One way to reach a person. */
export type Contact = z.output<typeof contact>;
type ContactKind = keyof typeof kinds;

/** What is wrong with a contact in view of the channels: one that names what no channel has would be found out at night. */
export function contactProblems(path: string, given: Contact, channels: ParsedSections['channels'] | undefined): Problem[] {
  if (!channels) return [];
  const namesIn: Partial<Record<ContactKind, [string, object]>> = {
    slackWebhook: ['slackWebhooks', channels.slackWebhooks],
    teams: ['teams', channels.teams],
    pagerduty: ['pagerduty.routingKeys', channels.pagerduty?.routingKeys ?? {}],
    webhook: ['webhooks', channels.webhooks],
  };
  const needs: Partial<Record<ContactKind, object | undefined>> = { slack: channels.slack, opsgenie: channels.opsgenie, sms: channels.twilio, phone: channels.twilio };
  return Object.entries(given).flatMap(([kind, value]): Problem[] => {
    if (!isKind(kind)) return [];
    if (kind in needs && !needs[kind]) return [{ path: `${path}.${kind}`, message: `needs channels.${kind === 'sms' || kind === 'phone' ? 'twilio' : kind}${got([path], value)}` }];
    const [where, record = {}] = namesIn[kind] ?? [];
    const names = Object.keys(record);
    if (where === undefined || names.includes(String(value))) return [];
    const there = names.length > 0 ? `there are ${names.join(', ')}` : 'there is none';
    return [{ path: `${path}.${kind}`, message: `no such name in channels.${where}${got([path], value)}; ${there}` }];
  });
}
