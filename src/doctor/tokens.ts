import type { Config } from '../config.js';
import type { ApiToken } from '../config/tokens.js';
import type { Check } from '../domain/doctor.js';
import { covers } from '../domain/scope.js';

/** Tokens that have expired at `at` or will before `until` (ms since the epoch): a finding unless another one takes their place. */
export function examineTokens({ tokens = {}, people = {}, sources = {} }: Partial<Pick<Config, 'tokens' | 'people' | 'sources'>>, at: number, until: number): Check[] {
  const replaced = ({ scope, person, source }: ApiToken): boolean => {
    if (person === undefined && source === undefined) return false; // whose it is nobody can tell
    // Without an end of their own.
    if ((person !== undefined && people[person]?.token) || (source !== undefined && sources[source]?.token)) return true;
    return Object.values(tokens).some((other) => other.expires > until && other.person === person && other.source === source && covers(other.scope, scope));
  };
  return Object.entries(tokens).flatMap(([name, token]): Check[] => {
    const { expires } = token;
    const days = Math.floor((expires - at) / (24 * 60 * 60_000));
    const when = new Date(expires).toISOString();
    if (expires > until) return [{ area: 'config', subject: `tokens.${name}`, state: 'ok', says: `expires at ${when}` }];
    const says = expires <= at ? `expired at ${when}` : `expires at ${when}, in ${days} days`;
    return [replaced(token) ? { area: 'config', subject: `tokens.${name}`, state: 'note', says: `${says}; there is a successor`, remedy: 'take it out once nobody uses it' } : { area: 'config', subject: `tokens.${name}`, state: 'finding', says, remedy: `a new token beside it under tokens of the config; take ${name} out later` }];
  });
}
