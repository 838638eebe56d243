import { type NewsKind, newsKinds } from '../domain/page.js';
import type { Channel, Person } from '../channels/channel.js';

/** A contact of a person and the channel that can use it; named after the channel, with its number from the second on. */
export interface Way {
  name: string;
  channel: Channel;
  address: string;
  /** How long a page must be unacknowledged before it goes this way by itself, ms; 0 without a delay. */
  afterMs: number;
  /** What it is told about pages that went this way. */
  updates: readonly NewsKind[];
}

/** Every way to reach a person, in the order in which they are tried; none for somebody whom the config does not have. */
export function waysTo(person: Person | undefined, channels: readonly Channel[]): Way[] {
  const ways = (person?.contacts ?? []).flatMap((contact, index) =>
    channels.flatMap((channel) => {
      const address = channel.addressOf(contact);
      return address === undefined ? [] : [{ name: index === 0 ? channel.name : `${channel.name} ${index + 1}`, channel, address, afterMs: contact.after ?? 0, updates: contact.updates === undefined ? (channel.updates ?? []) : contact.updates ? newsKinds : [] }];
    }),
  );
  return ways.toSorted((a, b) => a.afterMs - b.afterMs);
}
