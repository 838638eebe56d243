import type { Client } from 'pg';

import type { Place } from '../domain/place.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { listed } from './wording.js';

/** A table of OAuth: its rows, that this version does not have it, or what is wrong with it. */
export interface OauthTable {
  name: string;
  rows?: number;
  /** Absent is fine where this Passport has no such table. */
  problem?: string;
}

/** Tables of all versions of Passport, with the columns that no version does without; none for those that some versions lack. */
const known: Record<string, readonly string[]> = {
  oauth_clients: ['id', 'name', 'secret', 'revoked'],
  oauth_access_tokens: ['id', 'user_id', 'client_id', 'revoked', 'expires_at'],
  oauth_refresh_tokens: [],
  oauth_auth_codes: [],
  oauth_personal_access_clients: [], // gone since Passport 13
  oauth_device_codes: [], // new in Passport 13
};

/** Looks at every table of OAuth. Throws, and is retried, if the database does not answer. */
export async function readOauthTables(databaseOf: DatabaseOf, place: Place): Promise<OauthTable[]> {
  return withDatabase(databaseOf, place, async (client) => {
    const tables: OauthTable[] = [];
    for (const [name, columns] of Object.entries(known)) tables.push(await readTable(client, name, columns));
    return tables;
  });
}

async function readTable(client: Client, name: string, columns: readonly string[]): Promise<OauthTable> {
  const { rows: found } = await client.query<{ column: string }>(
    'select attname::text as column from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped',
    [name],
  );
  if (found.length === 0) return columns.length === 0 ? { name } : { name, problem: 'it is missing' };
  const missing = columns.filter((column) => !found.some((one) => one.column === column));
  if (missing.length > 0) return { name, problem: `it has no column ${missing.join(', ')}` };
  try {
    // The name is one of our own list.
    const { rows } = await client.query<{ n: string }>(`select count(*) as n from ${name}`);
    return { name, rows: Number(rows[0]?.n ?? 0) };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    // Only what PostgreSQL itself calls broken data is corrupt: a lack of rights or of time says nothing about it.
    if (code === 'XX001' || code === 'XX002') return { name, problem: message };
    throw error;
  }
}

/** The tables for people. */
export function tableLines(tables: OauthTable[]): string {
  const bad = tables.filter(({ problem }) => problem !== undefined).length;
  const rows = tables.map(({ name, rows: count, problem }) => `${name}: ${problem ?? (count === undefined ? 'not there, in this version of Passport' : `${count} rows`)}`);
  return listed(bad === 0 ? 'the tables of OAuth are in order' : `${bad} tables of OAuth are not in order`, rows);
}
