import { createHash, randomBytes } from 'node:crypto';
import { appendFile, chmod, chown, lstat, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa, ExecaError } from 'execa';
import pg from 'pg';
import { assertPortFree, onPort } from './ports.js';
import { type PostgresPrograms, postgresPrograms, reachable, unprivilegedUser } from './postgres-programs.js';
import { exists, plainEnvironment, startOwned, untilServing } from './processes.js';

export interface PostgresOptions {
  /** Holds the cluster, its socket and `postgres.log`; made if missing. A cluster found there is started again. */
  folder: string;
  port?: number;
  /** 30 without it; PostgreSQL keeps 3 of them for its superuser. */
  maxConnections?: number;
  /** More settings: `{ log_min_duration_statement: '100' }`. */
  settings?: Record<string, string>;
  /** Another version's; default: those of `postgresPrograms`. */
  programs?: PostgresPrograms;
  signal?: AbortSignal;
}

export interface PostgresServer {
  /** `postgresql://…`, as role `authos` on its own database `authos`. Holds a password: not for logs. */
  readonly url: string;
  /** The same database as superuser `postgres`. */
  readonly adminUrl: string;
  /** Folder of the unix socket, open to the server's own user and root. */
  readonly socketFolder: string;
  readonly port: number;
  /** Of the newest start. */
  readonly pid: number;
  readonly dataFolder: string;
  readonly logFile: string;
  /** Resolves once it is gone, open connections cut; a repeat is safe. */
  stop(): Promise<void>;
  /** Starts it again on the same port and data, running or not. */
  restart(): Promise<void>;
}

type User = { uid: number; gid: number } | undefined;

/** For drills and tests a lost cluster costs nothing, and a commit that waits for the disk costs every test. */
const fastSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '16MB',
  dynamic_shared_memory_type: 'mmap', // nothing outside the data folder to be left behind by a kill
};

/**
 * Starts a real PostgreSQL with role and database `authos`, and resolves when it answers. It listens on 127.0.0.1 and on a
 * unix socket, and ends with this process. As root it runs as `nobody`; a folder which that user cannot reach gets its data
 * in the temporary folder instead (`dataFolder` says where). Throws an error that names a taken port, or holds the server's
 * last words.
 */
export async function startPostgres({ folder, port, maxConnections = 30, settings, programs: given, signal }: PostgresOptions): Promise<PostgresServer> {
  const user = await unprivilegedUser();
  const programs = given ?? (await postgresPrograms(user));
  const home = await homeFolder(resolve(folder), user);
  const dataFolder = join(home, 'data');
  const logFile = join(folder, 'postgres.log');
  const password = await passwordOf(folder, dataFolder);
  const isNew = !(await exists(join(dataFolder, 'PG_VERSION')));
  /** A folder of ours that nobody is told of must not stay behind; a cluster that was there before must. */
  const orElse = async (error: unknown): Promise<never> => {
    if (isNew && !home.startsWith(resolve(folder))) await rm(home, { recursive: true, force: true });
    throw error;
  };
  if (isNew) await initialise(programs.initdb, dataFolder, password, user).catch(orElse);
  // In the file, not on the command line, which would win over ALTER SYSTEM.
  await appendFile(join(dataFolder, 'postgresql.conf'), `max_connections = ${maxConnections}\n`);
  const socketFolder = await socketFolderIn(home, user);

  const start = async (chosen: number) => {
    const all = {
      ...fastSettings,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: socketFolder,
      ...settings,
    };
    const flags = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const args = ['-D', dataFolder, '-p', `${chosen}`, ...flags];
    // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    const child = await startOwned({ name: 'PostgreSQL', file: programs.postgres, args, folder: home, logFile, user, stopSignal: 'SIGINT' });
    await untilServing('PostgreSQL', child, () => createAuthos(adminUrl(chosen, 'postgres'), password), signal);
    return { port: chosen, child };
  };
  const adminUrl = (on: number, database: string) => `postgresql://postgres:${password}@127.0.0.1:${on}/${database}`;

  let { port: listening, child } = await onPort(port, 'PostgreSQL', start).catch(orElse);
  const server: PostgresServer = {
    url: `postgresql://authos:${password}@127.0.0.1:${listening}/authos`,
    adminUrl: adminUrl(listening, 'authos'),
    socketFolder,
    port: listening,
    get pid() {
      return child.pid;
    },
    dataFolder,
    logFile,
    stop: () => child.stop(),
    async restart() {
      await child.stop();
      await assertPortFree(listening, 'PostgreSQL');
      ({ port: listening, child } = await start(listening));
    },
  };
  signal?.addEventListener('abort', () => void server.stop(), { once: true });
  return server;
}

/** A folder that the server's user owns and can get to. */
async function homeFolder(folder: string, user: User): Promise<string> {
  await mkdir(folder, { recursive: true });
  const wanted = join(folder, 'postgres');
  if (user === undefined) {
    await mkdir(wanted, { recursive: true, mode: 0o700 });
    return wanted;
  }
  // Passing through the folder that was handed to us is ours to allow; the ones above it are not.
  await chmod(folder, ((await stat(folder)).mode & 0o777) | 0o011);
  const home = (await reachable(folder)) ? wanted : join(tmpdir(), `authos-responder-postgres-${shortHash(folder)}`);
  await mkdir(home, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const owner = (await lstat(home)).uid;
  if (owner !== 0 && owner !== user.uid) throw new Error(`${home} belongs to user ${owner}: remove it, or choose another folder`);
  await chown(home, user.uid, user.gid);
  return home;
}

async function initialise(initdb: string, dataFolder: string, password: string, user: User): Promise<void> {
  const passwordFile = join(dataFolder, '../password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
  try {
    const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale-provider=libc', '--locale=C', '--no-sync'];
    await execa(initdb, ['-D', dataFolder, `--pwfile=${passwordFile}`, ...flags], {
      cwd: join(dataFolder, '..'),
      env: plainEnvironment(),
      extendEnv: false,
      stdin: 'ignore',
      timeout: 60_000,
      ...user,
    });
  } catch (error) {
    await rm(dataFolder, { recursive: true, force: true }); // half a cluster would be taken for a whole one
    const said = error instanceof ExecaError ? String(error.stderr) : '';
    throw new Error(`initdb could not make a cluster in ${dataFolder}: ${/FATAL: .*/.exec(said)?.[0] ?? (error as Error).message}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** The cluster's one password, kept in the folder so that a later start knows it. Without it the data is another folder's leftover. */
async function passwordOf(folder: string, dataFolder: string): Promise<string> {
  const file = join(folder, 'postgres.password');
  if (!(await exists(file))) {
    await rm(dataFolder, { recursive: true, force: true });
    await writeFile(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  }
  return (await readFile(file, 'utf8')).trim();
}

/** The kernel allows a socket path 107 bytes, of which the file name takes 20. */
async function socketFolderIn(home: string, user: User): Promise<string> {
  const inside = join(home, 'run');
  const folder = Buffer.byteLength(inside) <= 85 ? inside : join(tmpdir(), `authos-pg-${shortHash(home)}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}

/** Role and database, if they are not there yet. Throws while the server does not answer. */
async function createAuthos(adminUrl: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
  client.on('error', () => {}); // a failed query says the same
  try {
    await client.connect();
    const { rowCount: roles } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = 'authos'");
    if (roles === 0) await client.query(`CREATE ROLE authos LOGIN PASSWORD ${client.escapeLiteral(password)}`);
    // As docs/permissions.md asks for: settings and other sessions are visible, and nothing of them can be changed.
    await client.query('GRANT pg_monitor TO authos');
    const { rowCount: databases } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'authos'");
    if (databases === 0) await client.query('CREATE DATABASE authos OWNER authos');
  } finally {
    await client.end().catch(() => {});
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
