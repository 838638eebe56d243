import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCache } from '../cache.mjs';
import { withDatabase } from '../database.mjs';
import { info } from '../output.mjs';

const day = 86_400_000;

function daysOf(value) {
  if (!/^\d+$/.test(value)) throw new Error(`The "--days" option must be a whole number, not "${value}".`);
  return Number(value);
}

/** Tables that an application would let be archived, with the column that tells a row's age. */
const archivable = { authentication_logs: 'created_at', failed_login_attempts: 'attempted_at' };

/** What the runbooks call but stock Laravel lacks. A sandbox has these only if it was asked for them (`extraCommands`). */
export const extraCommands = {
  'log:clear': {
    description: 'Delete log files older than the given number of days',
    options: { days: true },
    run({ root }, { days = '7' }) {
      const folder = join(root, 'storage/logs');
      const limit = Date.now() - daysOf(days) * day;
      const old = readdirSync(folder).filter((name) => name.endsWith('.log') && statSync(join(folder, name)).mtimeMs < limit);
      for (const name of old) rmSync(join(folder, name));
      info(`${old.length} log files deleted.`);
    },
  },
  'db:archive': {
    description: 'Export old rows of a table to storage/app/archive and delete them',
    options: { table: true, days: true },
    run: ({ root, config }, { table, days = '90' }) =>
      withDatabase(config, async (client) => {
        const column = archivable[table];
        if (column === undefined) throw new Error(`Table [${table}] cannot be archived.`);
        const folder = join(root, 'storage/app/archive');
        await client.query('begin');
        const { rows } = await client.query(`delete from ${table} where ${column} < localtimestamp - make_interval(days => $1) returning *`, [daysOf(days)]);
        mkdirSync(folder, { recursive: true });
        const file = join(folder, `${table}-${new Date().toISOString().slice(0, 10)}-${Date.now()}.jsonl`);
        writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
        await client.query('commit');
        info(`${rows.length} rows of ${table} archived to ${file}.`);
      }),
  },
  'db:wipe-cache': {
    description: 'Forget what the application remembers of its database schema',
    async run({ config }) {
      const cache = await openCache(config);
      await cache.forget('database:schema').finally(() => cache.close());
      info('Database cache wiped successfully.');
    },
  },
  'cache:warm': {
    description: 'Fill the cache with what requests read most',
    run: ({ config }) =>
      withDatabase(config, async (client) => {
        const { rows } = await client.query('select id, name from oauth_clients where not revoked order by id');
        const cache = await openCache(config);
        try {
          for (const { id, name } of rows) await cache.put(`oauth:client:${id}`, JSON.stringify({ id, name }), 3600);
        } finally {
          await cache.close();
        }
        info(`${rows.length} entries warmed.`);
      }),
  },
};
