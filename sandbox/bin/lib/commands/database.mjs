import { withDatabase } from '../database.mjs';
import { info, twoColumns } from '../output.mjs';

const tablesQuery = `
  select c.relname as table, n.nspname as schema, pg_total_relation_size(c.oid)::bigint as size
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname = 'public' order by c.relname`;

const mebibytes = (bytes) => `${(Number(bytes) / 1024 / 1024).toFixed(2)} MB`;

async function describeDatabase(client, config, counts) {
  const { rows: tables } = await client.query(tablesQuery);
  const { rows: [server] } = await client.query(
    `select current_setting('server_version') as version,
            (select count(*) from pg_stat_activity where datname = current_database())::int as open`,
  );
  const described = [];
  for (const { table, schema, size } of tables) {
    const entry = { table, schema, size: Number(size), engine: null, collation: null, comment: null };
    // Names come from the catalogue, and are quoted all the same.
    if (counts) entry.rows = Number((await client.query(`select count(*) from "${table.replaceAll('"', '""')}"`)).rows[0].count);
    described.push(entry);
  }
  const { password: _, ...connection } = config.database.connections[config.database.default];
  return {
    platform: { config: connection, name: 'PostgreSQL', connection: config.database.default, version: server.version, open_connections: server.open },
    tables: described,
  };
}

function printDatabase({ platform, tables }) {
  console.log();
  twoColumns(`PostgreSQL ${platform.version}`, '');
  twoColumns('Database', platform.config.database);
  twoColumns('Host', platform.config.host);
  twoColumns('Port', String(platform.config.port));
  twoColumns('Username', platform.config.username);
  twoColumns('Open Connections', String(platform.open_connections));
  twoColumns('Tables', String(tables.length));
  twoColumns('Total Size', mebibytes(tables.reduce((sum, table) => sum + table.size, 0)));
  console.log();
  for (const { table, size, rows } of tables) twoColumns(table, rows === undefined ? mebibytes(size) : `${mebibytes(size)} / ${rows}`);
  console.log();
}

export const databaseCommands = {
  'db:show': {
    description: 'Display information about the given database',
    options: { json: false, counts: false, views: false, types: false, database: true },
    run: ({ config }, { json, counts }) =>
      withDatabase(config, async (client) => {
        const described = await describeDatabase(client, config, counts);
        if (json) console.log(JSON.stringify(described));
        else printDatabase(described);
      }),
  },
  'db:monitor': {
    description: 'Monitor the number of connections on the specified database',
    options: { databases: true, max: true },
    run: ({ config }, { databases = config.database.default, max }) =>
      withDatabase(config, async (client) => {
        const { rows } = await client.query('select count(*)::int as open from pg_stat_activity where datname = current_database()');
        const { open } = rows[0];
        console.log();
        for (const name of databases.split(',')) twoColumns(name, `[${open}] ${max && open >= Number(max) ? 'ALERT' : 'OK'}`);
        console.log();
      }),
  },
  'db:wipe': {
    description: 'Drop all tables, views, and types',
    options: { database: true, 'drop-views': false, 'drop-types': false, force: false },
    run: ({ config }, { force }) =>
      withDatabase(config, async (client) => {
        if (config.app.env === 'production' && !force) return refuse();
        for (const { table } of (await client.query(tablesQuery)).rows) await client.query(`drop table "${table.replaceAll('"', '""')}" cascade`);
        info('Dropped all tables successfully.');
      }),
  },
};

/** What a command that asks says in production when nobody answers: input is closed. */
function refuse() {
  console.log('\n   WARN  Application In Production.  \n\n   WARN  Command cancelled.  \n');
  return 1;
}
