import { ApplicationFailure } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import { tinkerJson } from './artisan-command.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import type { Shell } from './shell.js';

/**
 * What PostgreSQL says to somebody who knocks, as `pg_isready` tells it apart. `full` and `starting` are answers: neither is
 * cured by a restart. `unknown` is our own trouble, such as a name that does not resolve.
 */
export interface ServerState {
  kind: 'accepting' | 'starting' | 'full' | 'refuses us' | 'no response' | 'unknown';
  words: string;
}

/** Knocks once over our own connection, in the reserved slot where the config gives one. Reads only. */
export async function serverState(databaseOf: DatabaseOf, place: Place): Promise<ServerState> {
  try {
    await withDatabase(databaseOf, place, (client) => client.query('select 1'), 5_000);
    return { kind: 'accepting', words: 'accepts connections' };
  } catch (error) {
    // A wrong inventory, and an activity that was cancelled, are no answers of PostgreSQL's.
    if (error instanceof ApplicationFailure || (error as Error).name === 'CancelledFailure') throw error;
    return stateFrom(error);
  }
}

/** Reads the state from what a connection attempt threw. */
export function stateFrom(error: unknown): ServerState {
  const { code = '', message } = error as { code?: string; message?: string };
  const words = message || code || String(error);
  if (code === '57P03') return { kind: 'starting', words };
  if (code === '53300') return { kind: 'full', words };
  if (/^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code)) return { kind: 'refuses us', words };
  if (['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'EPIPE'].includes(code)) return { kind: 'no response', words };
  if (/timeout expired|Connection terminated|timeout exceeded/i.test(words)) return { kind: 'no response', words };
  return { kind: 'unknown', words };
}

/** Whether the application itself gets a connection, asked through artisan; `unknown` if artisan can't even run. Reads only. */
export async function applicationConnects(at: { host: Host; shell: Shell }): Promise<{ kind: 'works' | 'fails' | 'unknown'; words: string }> {
  const read = await tinkerJson(at, "is_object(app('db')->connection()->getPdo())");
  if (!('unknown' in read)) {
    return read.value === true ? { kind: 'works', words: 'connects' } : { kind: 'unknown', words: 'artisan gave no connection and no reason' };
  }
  const boots = await tinkerJson(at, 'true');
  return 'unknown' in boots ? { kind: 'unknown', words: `artisan does not run: ${boots.unknown}` } : { kind: 'fails', words: read.unknown };
}
