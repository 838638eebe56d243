import { Context } from '@temporalio/activity';
import type { Client } from 'pg';

import type { ActResult } from '../domain/step.js';
import { wholeNumber } from './known-hosts.js';

export interface MaxConnections {
  /** In force. */
  current: number;
  /** Written, and waiting for a restart. */
  pending: boolean;
  /** Servers that replay from this one: each needs at least as many connections as this one. */
  standbys: number;
}

/** max_connections as it is in force, whether another value waits for a restart, and how many standbys there are. Reads only. */
export async function readMaxConnections(client: Client): Promise<MaxConnections> {
  const { rows: [row] } = await client.query<MaxConnections>(
    `select setting::int as current, pending_restart as pending, (select count(*)::int from pg_stat_replication) as standbys
     from pg_settings where name = 'max_connections'`,
  );
  return { current: row?.current ?? 0, pending: row?.pending ?? false, standbys: row?.standbys ?? 0 };
}

/** What R3 sets: max(200, 1.5 × current), and never more than the config's bound. */
export function raisedTo(current: number, atMost: number): number {
  return Math.min(atMost, Math.max(200, Math.ceil(current * 1.5)));
}

/**
 * `ALTER SYSTEM SET max_connections`, alone as PostgreSQL demands, then a reload, and `pending_restart` read back: it counts
 * only after a restart. A repeat is safe. Throws what PostgreSQL says.
 */
export async function writeMaxConnections(client: Client, value: number): Promise<ActResult> {
  // The statement takes no parameters: what is put in is a whole number, and nothing else can be one.
  await client.query(`ALTER SYSTEM SET max_connections = ${wholeNumber('max_connections', value, { min: 10, max: 100_000 })}`);
  await client.query('select pg_reload_conf()');
  for (let tries = 0; ; tries += 1) {
    const { current, pending } = await readMaxConnections(client);
    if (current === value && !pending) return { outcome: 'done', evidence: `max_connections = ${value} is in force` };
    if (pending) return { outcome: 'done', evidence: `max_connections = ${value} is written, pending_restart is true: ${current} until PostgreSQL restarts` };
    if (tries >= 20) {
      return { outcome: 'failed', evidence: `max_connections = ${value} is written, but pending_restart stays false: another setting (a command line, an include) wins, and ${current} stays in force` };
    }
    await Context.current().sleep(250);
  }
}

/** The value that ALTER SYSTEM wrote, or undefined if there is none. Throws where we may not read it. */
export async function writtenMaxConnections(client: Client): Promise<number | undefined> {
  const { rows } = await client.query<{ setting: string }>(
    "select setting from pg_file_settings where name = 'max_connections' and sourcefile like '%postgresql.auto.conf' order by seqno desc limit 1",
  );
  return rows[0] === undefined ? undefined : Number(rows[0].setting);
}
