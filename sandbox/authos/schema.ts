import { createHash } from 'node:crypto';
import pg from 'pg';

/** Times are without zone, as Laravel's are: the application's local time. */
const migrations = {
  '0001_01_01_000000_create_users_table': `
    create table users (
      id bigserial primary key, name text not null, email text not null unique, password text not null,
      organization_id bigint, two_factor_confirmed_at timestamp(0), created_at timestamp(0) not null default localtimestamp);
    create table sessions (
      id text primary key, user_id bigint, ip_address text, user_agent text, payload text not null, last_activity int not null);`,
  '0001_01_01_000002_create_jobs_table': `
    create table jobs (
      id bigserial primary key, queue text not null, payload text not null, attempts smallint not null,
      reserved_at int, available_at int not null, created_at int not null);
    create index jobs_queue_index on jobs (queue);
    create table failed_jobs (
      id bigserial primary key, uuid text not null unique, connection text not null, queue text not null,
      payload text not null, exception text not null, failed_at timestamp(0) not null default localtimestamp);`,
  '2025_01_10_000000_create_authentication_logs_table': `
    create table authentication_logs (
      id bigserial primary key, user_id bigint, event text not null, method text not null default 'password', success boolean not null,
      ip_address text, user_agent text, created_at timestamp(0) not null default localtimestamp);
    create table failed_login_attempts (
      id bigserial primary key, email text not null, ip_address text not null, reason text, attempted_at timestamp(0) not null default localtimestamp);`,
  '2025_01_12_000000_create_oauth_tables': `
    create table oauth_clients (
      id uuid primary key default gen_random_uuid(), name text not null, secret text, redirect text not null default '',
      revoked boolean not null default false, created_at timestamp(0) not null default localtimestamp);
    create table oauth_access_tokens (
      id text primary key, user_id bigint, client_id uuid references oauth_clients, name text, scopes text not null default '[]',
      revoked boolean not null default false, created_at timestamp(0) not null default localtimestamp, expires_at timestamp(0) not null);`,
  '2025_02_01_000000_create_webhooks_tables': `
    create table webhooks (
      id bigserial primary key, name text not null, url text not null, secret text, events jsonb not null default '[]',
      is_active boolean not null default true, timeout_seconds int not null default 30, max_attempts int not null default 3,
      consecutive_failures int not null default 0, disabled_at timestamp(0), created_at timestamp(0) not null default localtimestamp);
    create table webhook_deliveries (
      id bigserial primary key, webhook_id bigint not null references webhooks on delete cascade, event_type text not null,
      payload jsonb not null default '{}', status text not null default 'pending', http_status_code int, error_message text,
      response_time_ms int, attempt_number int not null default 1, max_attempts int not null default 3,
      next_retry_at timestamp(0), sent_at timestamp(0), completed_at timestamp(0), created_at timestamp(0) not null default localtimestamp);`,
};

/** Changes with every change of the tables. */
export const schemaVersion = createHash('sha256').update(JSON.stringify(migrations)).digest('hex');

/** Creates AuthOS's tables as the application's own user, unless they are there. Throws what PostgreSQL says. */
export async function migrate(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    await client.query('create table if not exists migrations (id serial primary key, migration text not null unique, batch int not null)');
    for (const [name, sql] of Object.entries(migrations)) {
      const { rowCount } = await client.query('insert into migrations (migration, batch) values ($1, 1) on conflict do nothing', [name]);
      if (rowCount === 1) await client.query(sql);
    }
    await client.query('commit');
  } finally {
    await client.end();
  }
}
