import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { linkLibraries } from '../../../sandbox/servers/postgres-programs.js';
import { startPostgres } from '../../../sandbox/servers/postgres.js';
import type { PostgresOptions } from '../../../sandbox/servers/postgres.js';
import { alive, takenPort, temporaryFolder } from './world.js';

describe('the embedded PostgreSQL', () => {
  it('answers as role authos, who owns the database and is not a superuser', async () => {
    const client = await connected((await start()).url);
    await client.query('CREATE TABLE users (name text)');
    await client.query("INSERT INTO users VALUES ('Zoë')");
    expect((await client.query('SELECT * FROM users')).rows).toEqual([{ name: 'Zoë' }]);
    expect((await client.query('SELECT current_user, current_database()')).rows).toEqual([{ current_user: 'authos', current_database: 'authos' }]);
    await expect(client.query('ALTER SYSTEM SET max_connections = 5')).rejects.toThrow('permission denied');
  });

  it('answers on its unix socket too, and never writes its password to the log', async () => {
    const server = await start({ settings: { log_connections: 'on' } });
    const { password } = new URL(server.url);
    const client = new Client({ host: server.socketFolder, port: server.port, user: 'authos', database: 'authos', password });
    await client.connect();
    onTestFinished(() => client.end());
    expect((await client.query('SELECT inet_client_addr() AS address')).rows).toEqual([{ address: null }]);
    const log = await readFile(server.logFile, 'utf8');
    expect(log).toContain('connection authorized: user=authos');
    expect(log).not.toContain(password);
  });

  it('really runs out of connections, and leaves the superuser some', async () => {
    const server = await start({ maxConnections: 5 });
    await connected(server.url);
    await connected(server.url);
    await expect(connected(server.url)).rejects.toThrow('remaining connection slots are reserved');
    const admin = await connected(server.adminUrl);
    expect((await admin.query("SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'authos'")).rows).toEqual([{ count: 2 }]);
  });

  it('keeps its data and port over a restart, which cuts connections', async () => {
    const server = await start();
    const before = await connected(server.url);
    await before.query('CREATE TABLE kept (n int)');
    const [oldPid, cut] = [server.pid, new Promise((resolve) => before.once('error', resolve))];
    await server.restart();
    await cut;
    expect(alive(oldPid)).toBe(false);
    expect(alive(server.pid)).toBe(true);
    const after = await connected(server.url);
    expect((await after.query('SELECT count(*)::int FROM kept')).rows).toEqual([{ count: 0 }]);
  });

  it('starts again after someone killed it', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGKILL');
    await server.restart();
    const client = await connected(server.url);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('takes up the cluster that it finds in its folder', async () => {
    const folder = await temporaryFolder();
    const first = await start({ folder });
    await (await connected(first.url)).query('CREATE TABLE kept (n int)');
    await first.stop();
    const second = await start({ folder });
    expect((await (await connected(second.url)).query('SELECT count(*)::int FROM kept')).rows).toEqual([{ count: 0 }]);
  });

  it('leaves no process and no socket after stop, which may be repeated', async () => {
    const server = await start();
    await server.stop();
    expect(alive(server.pid)).toBe(false);
    expect(await readdir(server.socketFolder)).toEqual([]);
    await server.stop();
  });

  it('names the port that is taken, and the setting that is wrong', async () => {
    const port = await takenPort();
    const folder = await temporaryFolder();
    await expect(startPostgres({ folder, port })).rejects.toThrow(`Port ${port} is taken`);
    await expect(startPostgres({ folder, settings: { work_mem: 'much' } })).rejects.toThrow(/exited with 1 .*invalid value for parameter "work_mem": "much"/s);
  });

  it('links its libraries where npm ran no install script, though several do so at once', async () => {
    const native = join(await temporaryFolder(), 'native');
    await mkdir(join(native, 'lib'), { recursive: true });
    await writeFile(join(native, 'lib/libpq.so.5.18'), 'a library');
    const links = ['native/lib/libpq.so.5', 'native/lib/libpq.so'].map((target) => ({ source: 'native/lib/libpq.so.5.18', target }));
    await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify(links));
    await Promise.all([1, 2, 3].map(() => linkLibraries(native)));
    await linkLibraries(native);
    for (const { target } of links) expect(await readFile(join(native, '..', target), 'utf8')).toBe('a library');
  });

  it.runIf(process.getuid?.() === 0)('as root, works in a folder that other users cannot reach, and leaves its modes alone', async () => {
    const closed = join(await temporaryFolder(), 'closed');
    await mkdir(closed, { mode: 0o700 });
    await chmod(closed, 0o700);
    const folder = join(closed, 'servers');
    const server = await start({ folder });
    onTestFinished(() => rm(join(server.dataFolder, '..'), { recursive: true, force: true }));
    expect((await (await connected(server.url)).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect((await stat(closed)).mode & 0o777).toBe(0o700);

    await server.stop();
    await rm(folder, { recursive: true });
    const fresh = await start({ folder });
    expect(fresh.dataFolder).toBe(server.dataFolder);
    expect((await (await connected(fresh.url)).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

async function start(options: Partial<PostgresOptions> = {}) {
  const folder = options.folder ?? (await temporaryFolder());
  const server = await startPostgres({ ...options, folder });
  onTestFinished(() => server.stop());
  return server;
}

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  client.on('error', () => {}); // tests that cut the connection look at it themselves
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}
