import type { Logger } from 'pino';
import { logChannel } from '../channels/log.js';
import { paced } from '../channels/paced.js';
import type { Config } from '../config.js';
import { holders } from '../roster/roster.js';
import { channelsOf, linkMakingOf } from './channels.js';

/** Whom to tell and by what, as the config says: for the pages worker, and for the server while Temporal is away. */
export function waysToTell(config: Config, logger: Logger) {
  const log = logChannel({ logger });
  const channels = channelsOf(config).map((channel) => (channel.keepsState ? channel : paced(channel, { paceOf: (id) => config.people[id]?.pace })));
  const { lateAfter, minute } = config.times;
  return {
    holders: (role: Parameters<typeof holders>[1], at: number) => holders(config.roster, role, at),
    people: config.people,
    // A line in the log reaches nobody: it stands in only where there is no other way.
    channels: channels.length > 0 ? channels : [log],
    log,
    links: linkMakingOf(config),
    lateAfterMs: lateAfter,
    // With the next try of sendPage's retries, and a send that hangs, the next channel has it within a minute.
    fallThroughAfterMs: minute * (25 / 60),
  };
}
