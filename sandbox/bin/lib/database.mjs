import { createRequire } from 'node:module';

/** Runs with one fresh connection as the application's own user, and closes it: PHP keeps none between requests. */
export async function withDatabase(config, use) {
  // pg's ESM build loads the same CommonJS code through one more layer; programs here start often.
  const { Client } = createRequire(import.meta.url)('pg');
  const { host, port, database, username, password } = config.database.connections[config.database.default];
  const client = new Client({
    host,
    port,
    database,
    user: username,
    password,
    connectionTimeoutMillis: 2_000,
    application_name: 'authos',
    // Columns have no zone: what the database calls local must be what the application does.
    options: `-c TimeZone=${config.app.timezone}`,
  });
  client.on('error', () => {}); // the query that is running gets the error too
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
