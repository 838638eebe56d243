import type { Config } from '../config.js';
import { forbids } from '../domain/permissions.js';
import type { Holder, Restrictable } from '../domain/permissions.js';
import { rolesOf } from '../roster/roster.js';
import { ApiError } from './errors.js';

type Permitting = Pick<Config, 'permissions'> & Partial<Pick<Config, 'roster'>>;

/** A person as permissions see them: with the roles that the roster gives them now. */
export function holderOf({ roster }: Permitting, person: string): Holder {
  return { person, roles: roster ? rolesOf(roster, person, Date.now()) : [] };
}

/** Throws ApiError `forbidden` if the config keeps this for others. For what is no incident's business; incidents judge themselves. */
export function permit(config: Permitting, person: string, what: Restrictable): void {
  const why = forbids(config.permissions, holderOf(config, person), what);
  if (why !== undefined) throw new ApiError('forbidden', why);
}
