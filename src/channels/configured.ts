import { NextChannel } from './channel.js';

/** What the config has under the name that is a contact's address; `NextChannel` if nothing. `what` is what it names: `Slack webhook`. */
export function configured<Entry>(entries: Readonly<Record<string, Entry>>, address: string, what: string): Entry {
  const entry = Object.hasOwn(entries, address) ? entries[address] : undefined;
  if (entry === undefined) throw new NextChannel(`there is no ${what} ${JSON.stringify(address)} in the config`);
  return entry;
}
