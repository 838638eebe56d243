import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { withDatabase } from '../database.mjs';
import { error, info, task, twoColumns } from '../output.mjs';

/** Names of the migrations that are there as files, in their order. */
function files({ root }) {
  const folder = join(root, 'database/migrations');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => name.endsWith('.php')).map((name) => name.slice(0, -'.php'.length)).sort();
}

/** The statements of a migration's `up` or `down`: the part of PHP that migrations are written in here, `DB::statement('…')`. */
function statements({ root }, name, direction) {
  const text = readFileSync(join(root, 'database/migrations', `${name}.php`), 'utf8');
  const body = new RegExp(`function ${direction}\\(\\)[^{]*\\{([\\s\\S]*?)\\n    \\}`).exec(text)?.[1];
  if (body === undefined) throw new Error(`Migration ${name} has no ${direction}()`);
  return [...body.matchAll(/DB::statement\('((?:[^'\\]|\\.)*)'\);/g)].map(([, sql]) => sql.replaceAll("\\'", "'"));
}

async function apply(client, world, name, direction) {
  await client.query('begin');
  for (const sql of statements(world, name, direction)) await client.query(sql);
}

const ran = async (client) => (await client.query('select migration, batch from migrations order by batch, migration')).rows;
const hasTable = async (client) => (await client.query("select to_regclass('public.migrations') is not null as there")).rows[0].there;

/** What a command that asks says in production when nobody answers: input is closed. */
function refused(config, force) {
  if (config.app.env !== 'production' || force) return false;
  console.log('\n   WARN  Application In Production.  \n\n   WARN  Command cancelled.  \n');
  return true;
}

export const migrateCommands = {
  migrate: {
    description: 'Run the database migrations',
    options: { force: false, step: false },
    run: (world, { force }) =>
      withDatabase(world.config, async (client) => {
        if (refused(world.config, force)) return 1;
        const done = await ran(client);
        const pending = files(world).filter((name) => !done.some(({ migration }) => migration === name));
        if (pending.length === 0) return info('Nothing to migrate.');
        info('Running migrations.');
        const batch = Math.max(0, ...done.map((one) => one.batch)) + 1;
        for (const name of pending) {
          await task(name, async () => {
            await apply(client, world, name, 'up');
            await client.query('insert into migrations (migration, batch) values ($1, $2)', [name, batch]);
            await client.query('commit');
          });
        }
      }),
  },
  'migrate:rollback': {
    description: 'Rollback the last database migration',
    options: { force: false, step: true },
    run: (world, { force, step }) =>
      withDatabase(world.config, async (client) => {
        if (refused(world.config, force)) return 1;
        const done = (await ran(client)).reverse();
        const last = step === undefined ? done.filter(({ batch }) => batch === done[0]?.batch) : done.slice(0, Number(step));
        if (last.length === 0) return info('Nothing to rollback.');
        info('Rolling back migrations.');
        for (const { migration } of last) {
          // A reverted deployment has taken the file away: Laravel says so, and exits 0.
          if (!files(world).includes(migration)) {
            twoColumns(migration, 'Migration not found');
            continue;
          }
          await task(migration, async () => {
            await apply(client, world, migration, 'down');
            await client.query('delete from migrations where migration = $1', [migration]);
            await client.query('commit');
          });
        }
      }),
  },
  'migrate:status': {
    description: 'Show the status of each migration',
    options: { pending: false, database: true, path: true },
    run: (world) =>
      withDatabase(world.config, async (client) => {
        if (!(await hasTable(client))) {
          error('Migration table not found.');
          return 1;
        }
        const done = await ran(client);
        console.log();
        twoColumns('Migration name', 'Batch / Status');
        // Those the sandbox's own schema came from have no files.
        for (const { migration, batch } of done) twoColumns(migration, `[${batch}] Ran`);
        for (const name of files(world)) if (!done.some(({ migration }) => migration === name)) twoColumns(name, 'Pending');
        console.log();
      }),
  },
};
