import type { Client } from 'pg';

import type { Scrub } from './scrub.js';
import { shownName } from './wording.js';

/** A session of PostgreSQL that stands out. Pid and start together name it: a pid alone is given out again. */
export interface Session {
  pid: number;
  backendStart: string;
  state: string;
  /** ms since its query began, or since it went idle. */
  ageMs: number;
  /** Sessions that wait for a lock of this one. */
  blocks: number;
  user: string;
  application: string;
  query: string;
}

export interface Connections {
  /** Sessions of clients, ours left out. */
  clients: number;
  max: number;
  /** Slots of `max` that only a superuser or a reserved role gets. */
  reserved: number;
  /** 0–100, of max_connections. */
  percent: number;
  byState: Record<string, number>;
  /** ms that the longest waiting session has waited for a lock; 0 if none does. */
  blockedForMs: number;
  blocked: number;
}

/** Client sessions by state against max_connections, and who waits for locks. Reads only. */
export async function readConnections(client: Client): Promise<Connections> {
  const { rows } = await client.query<{ state: string; n: number }>(
    `select coalesce(state, 'not shown') as state, count(*)::int as n from pg_stat_activity
     where backend_type = 'client backend' and pid <> pg_backend_pid() group by 1 order by 2 desc`,
  );
  const { rows: [settings] } = await client.query<{ max: number; reserved: number; blocked: number; blockedFor: number }>(
    `select current_setting('max_connections')::int as max,
            current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
            (select count(*)::int from pg_stat_activity where wait_event_type = 'Lock') as blocked,
            (select coalesce(max(extract(epoch from clock_timestamp() - query_start) * 1000), 0)::float8
             from pg_stat_activity where wait_event_type = 'Lock') as "blockedFor"`,
  );
  const clients = rows.reduce((sum, { n }) => sum + n, 0);
  const max = settings?.max ?? 0;
  return {
    clients,
    max,
    reserved: settings?.reserved ?? 0,
    percent: max === 0 ? 100 : Math.round((clients * 100) / max),
    byState: Object.fromEntries(rows.map(({ state, n }) => [state, n])),
    blocked: settings?.blocked ?? 0,
    blockedForMs: Math.round(settings?.blockedFor ?? 0),
  };
}

/**
 * Sessions of this database that run a query, or idle in a transaction, for longer than that; blockers first. Left out are
 * our own, whatever is no client (replication, autovacuum with its wraparound), manual vacuums, backups, and those that
 * merely wait for somebody else's lock.
 */
const longRunning = `
  with blockers as (
    select unnest(pg_blocking_pids(pid)) as pid, pid as waiting from pg_stat_activity where wait_event_type = 'Lock'
  ), blocking as (select pid, count(*)::int as n from blockers group by pid)
  select a.pid, a.backend_start::text as "backendStart", a.state, coalesce(b.n, 0) as blocks,
         coalesce(a.usename, '') as user, coalesce(a.application_name, '') as application, left(a.query, 400) as query,
         (extract(epoch from clock_timestamp() - case when a.state = 'active' then a.query_start else a.state_change end) * 1000)::float8 as "ageMs"
  from pg_stat_activity a left join blocking b using (pid)
  where a.backend_type = 'client backend' and a.datname = current_database() and a.pid <> pg_backend_pid()
    and a.application_name <> 'authos-responder'
    and a.state in ('active', 'idle in transaction', 'idle in transaction (aborted)')
    and a.wait_event_type is distinct from 'Lock'
    and clock_timestamp() - case when a.state = 'active' then a.query_start else a.state_change end > make_interval(secs => $1::float8 / 1000)
    and a.application_name !~* '^(pg_dump|pg_dumpall|pg_basebackup|pg_receivewal|pg_probackup|pgbackrest|barman|wal-g)'
    and a.query !~* '^\\s*(vacuum|reindex|cluster|base_backup)\\M'
    and a.query !~* 'pg_(backup_start|start_backup|backup_stop|stop_backup)'
  order by 4 desc, 8 desc limit 200`;

/** The sessions that R2 would end. Reads only. */
export async function longSessions(client: Client, olderThanMs: number): Promise<Session[]> {
  const { rows } = await client.query<Session>(longRunning, [olderThanMs]);
  return rows.map((row) => ({ ...row, ageMs: Math.round(row.ageMs) }));
}

/** The longest transactions of all, for people. Reads only. */
export async function longestTransactions(client: Client): Promise<Session[]> {
  const { rows } = await client.query<Session>(
    `select pid, backend_start::text as "backendStart", coalesce(state, '') as state, 0 as blocks, coalesce(usename, '') as user,
            coalesce(application_name, '') as application, left(query, 400) as query,
            (extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as "ageMs"
     from pg_stat_activity where backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()
     order by xact_start limit 5`,
  );
  return rows;
}

/** Ends one session, if the pid is still the same session. False if it was gone already. Throws where we may not. */
export async function terminate(client: Client, { pid, backendStart }: Session): Promise<boolean> {
  const { rows } = await client.query<{ ended: boolean }>(
    'select pg_terminate_backend(pid) as ended from pg_stat_activity where pid = $1 and backend_start = $2::timestamptz',
    [pid, backendStart],
  );
  return rows[0]?.ended === true;
}

/** How many of these sessions are still there. */
export async function stillThere(client: Client, sessions: Session[]): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity a
     join unnest($1::int[], $2::timestamptz[]) as s(pid, started) on s.pid = a.pid and s.started = a.backend_start`,
    [sessions.map(({ pid }) => pid), sessions.map(({ backendStart }) => backendStart)],
  );
  return rows[0]?.n ?? 0;
}

/** A session on one line. A query's values may be anybody's data, so they are left out; its words may be an attacker's. */
export function sessionText({ pid, state, ageMs, blocks, user, application, query }: Session, scrub: Scrub): string {
  const bare = query
    .replace(/\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/g, '?')
    .replace(/'(?:[^'\\]|''|\\.)*(?:'|$)/g, '?')
    .replace(/\b\d+\b/g, '?')
    .replace(/\s+/g, ' ');
  const who = [user, application].filter(Boolean).map(shownName).join('/').slice(0, 60);
  const holds = blocks === 0 ? '' : `, blocks ${blocks}`;
  return scrub(`pid ${pid} ${who}: ${state} for ${ageText(ageMs)}${holds}: ${shownName(bare).slice(0, 80)}`);
}

/** The figures as one sentence. */
export function connectionsText({ clients, max, reserved, percent, byState, blocked, blockedForMs }: Connections): string {
  const states = Object.entries(byState).map(([state, n]) => `${n} ${state}`).join(', ');
  const waiting = blocked === 0 ? 'nobody waits for a lock' : `${blocked} wait for a lock, the longest for ${ageText(blockedForMs)}`;
  return `${clients} client connections of ${max} (${percent} %, ${reserved} slots reserved): ${states || 'none'}; ${waiting}`;
}

function ageText(ms: number): string {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}
