import type { Client } from 'pg';
import type { RightName } from '../domain/rights.js';
import type { HostLook } from '../domain/doctor.js';
import type { Place } from '../domain/place.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';

/** Rights that PostgreSQL is asked about, each by an expression that is true where it is given. scripts/grants.ts gives them. */
const roles: [RightName, string, string][] = [
  ['database looks', 'pg_monitor', "pg_has_role('pg_monitor', 'member')"],
  ['database sessions', 'pg_signal_backend', "pg_has_role('pg_signal_backend', 'member')"],
];

const tables: [RightName, table: string, privileges: string[]][] = [
  ['failed jobs', 'failed_jobs', ['select', 'delete']],
  ['failed jobs', 'jobs', ['select']],
  ['logins', 'authentication_logs', ['select']],
  ['OAuth tables', 'oauth_clients', ['select']],
  ['OAuth tables', 'oauth_access_tokens', ['select']],
  ['webhook tables', 'webhooks', ['select']],
  ['webhook tables', 'webhook_deliveries', ['select']],
];

/** What the role of the config may do in AuthOS's database: roles and settings as `adminUrl`, tables as `url`. Throws what PostgreSQL says. */
export async function databaseLooks({ databaseOf, adminOf, place }: { databaseOf: DatabaseOf; adminOf: DatabaseOf; place: Place }): Promise<HostLook[]> {
  if (databaseOf(place) === undefined) return [{ right: 'database looks', state: 'note', says: 'the environment has no database in the config' }];
  const [asAdmin, asOurselves] = await Promise.all([withDatabase(adminOf, place, ofRoles, 10_000), withDatabase(databaseOf, place, ofTables, 10_000)]);
  return [...asAdmin, ...asOurselves];
}

async function ofRoles(client: Client): Promise<HostLook[]> {
  const { rows: [is] } = await client.query<{ role: string; version: number }>("select current_user::text as role, current_setting('server_version_num')::int as version");
  const role = is?.role ?? '';
  const looks: HostLook[] = [];
  for (const [right, name, expression] of roles) looks.push(told(right, await holds(client, expression), `${role} is a member of ${name}`, `${role} is no member of ${name}`));
  // Before PostgreSQL 15 only a superuser may; the step then fails in PostgreSQL's words, and a person is asked.
  const settings = (is?.version ?? 0) >= 150_000 ? "has_parameter_privilege('max_connections', 'alter system')" : '(select rolsuper from pg_roles where rolname = current_user)';
  looks.push(told('database settings', await holds(client, settings), `${role} may set max_connections`, `${role} may not set max_connections`));
  return looks;
}

async function ofTables(client: Client): Promise<HostLook[]> {
  const looks: HostLook[] = [];
  for (const [right, table, privileges] of tables) {
    if (!(await holds(client, `to_regclass('${table}') is not null`))) {
      looks.push({ right, state: 'finding', says: `there is no table ${table}` });
      continue;
    }
    for (const privilege of privileges) looks.push(told(right, await holds(client, `has_table_privilege('${table}', '${privilege}')`), `may ${privilege} ${table}`, `may not ${privilege} ${table}`));
  }
  return looks;
}

/** `expression` is one of ours, above. */
async function holds(client: Client, expression: string): Promise<boolean> {
  const { rows } = await client.query<{ holds: boolean | null }>(`select ${expression} as holds`);
  return rows[0]?.holds === true;
}

function told(right: RightName, held: boolean, yes: string, no: string): HostLook {
  return held ? { right, state: 'ok', says: yes } : { right, state: 'finding', says: no, remedy: 'the grant is in docs/permissions.md' };
}
