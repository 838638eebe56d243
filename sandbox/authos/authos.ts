import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import getPort from 'get-port';
import pg from 'pg';
import { runningConfig } from '../bin/lib/config.mjs';
import type { RunningConfig } from '../bin/lib/config.mjs';
import type { PostgresServer } from '../servers/postgres.js';
import type { ValkeyServer } from '../servers/valkey.js';
import { buildApi, tokenId } from './api.js';
import { layOutApplication } from './app-files.js';
import type { AppUser } from './app-user.js';
import { appUser } from './app-user.js';
import type { Capacity, CapacityOptions } from './capacity.js';
import type { Cleanup } from './cleanup.js';
import { cleanup } from './cleanup.js';
import { openControl } from './control.js';
import type { Counters } from './counters.js';
import { cacheCounters } from './counters.js';
import { archiveFolder, ownFolder } from './folders.js';
import { openFront } from './front.js';
import type { Front } from './front.js';
import { healthChecks } from './health.js';
import { writeHome } from './home.js';
import { openHttps } from './https.js';
import type { Https } from './https.js';
import { inventoryOf } from './inventory.js';
import type { Inventory } from './inventory.js';
import type { LogLine } from './logs.js';
import { writeLogLine } from './logs.js';
import { startParts } from './parts.js';
import { migrate } from './schema.js';
import { serviceVerbs } from './services.js';
import { volumeVerbs } from './volume.js';
import { openSupervisor } from './supervisor.js';
import type { Supervisor } from './supervisor.js';

export interface AuthosOptions {
  /** Everything is in here; made if missing, and emptied by `stop()`. */
  folder: string;
  /** Name of the host. */
  name: string;
  /** Default `production`. */
  environment?: string;
  /** Size of the storage volume. Default 64 MiB and 10 000 inodes. */
  capacityBytes?: number;
  capacityInodes?: number;
  /** `auto` mounts a tmpfs where that is allowed, else uses the `df` shim. */
  capacity?: CapacityOptions['kind'];
  /** Commands beyond stock Laravel: `log:clear`, `db:archive`, `db:wipe-cache`, `cache:warm`. */
  extraCommands?: string[];
  /** User of the application; default: see `appUser`. */
  user?: string;
  /** IANA; default UTC. */
  timeZone?: string;
  /** How long the application keeps a metric, in ms. Default 5 minutes, as AuthOS does; a drill scales it. */
  metricsCachedFor?: number;
  monitoringPerMinute?: number;
  phpMemoryLimit?: string;
  /** Queue workers under a supervisor; without any, none is there. */
  queueWorkers?: number;
  /** Seconds after which a job whose worker has died is given to another. Default 90. */
  retryAfter?: number;
  /** The config names the volume, so that Increase Disk Space may let it grow; with what file system. */
  volumeGrows?: 'ext4' | 'xfs';
  /** Who is blocked by: ufw, or nginx with its deny file. Default ufw. */
  blocksBy?: 'ufw' | 'nginx';
  /** Length of the minute by which webhook tests and retries are limited, in ms. Default 60 000. */
  webhookWindow?: number;
}

/** An AuthOS host that runs. Its parts are real: what is stopped is down, what is full refuses writes. */
export interface Authos {
  readonly name: string;
  readonly environment: string;
  readonly folder: string;
  /** Application root. */
  readonly root: string;
  /** Off the application's volume, for exports and moved logs. */
  readonly archive: string;
  readonly url: string;
  readonly user: AppUser;
  readonly capacity: Capacity;
  readonly postgres: PostgresServer;
  readonly valkey: ValkeyServer;
  readonly counters: Counters;
  /** HTTPS in front of the API; nothing listens there until a certificate is served. */
  readonly https: Https;
  /** Firewall and web server in front of the login. */
  readonly front: Front;
  /** Of the queue workers; undefined where none were asked for. */
  readonly supervisor: Supervisor | undefined;
  /** Where the config says a backup of the OAuth keys lies; empty. */
  readonly keyBackup: string;
  /** How often `herd restart` was run. */
  readonly restarts: number;
  /** The config that the application runs with at this moment. */
  config(): RunningConfig;
  /** What the product's config needs to act on this host. */
  inventory(): Inventory;
  /** Environment for running the sandbox's programs by hand. */
  env(): NodeJS.ProcessEnv;
  /** One query as the application's user. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  log(line: LogLine): Promise<boolean>;
  /** Aborts when `stop()` begins: for what a fault keeps doing. */
  readonly closing: AbortSignal;
  /** Ends servers, mount and files. Safe to repeat. Throws what could not be taken away. */
  stop(): Promise<void>;
}

/**
 * Starts an AuthOS host in a folder: volume, application, PostgreSQL, Valkey, API, programs. Resolves when its API answers.
 * Throws if a part does not start, with everything that had started taken away again. All of it ends with this process.
 */
export async function startAuthos(options: AuthosOptions): Promise<Authos> {
  const undo = cleanup();
  try {
    return await build(options, undo);
  } catch (error) {
    await undo.run().catch((problem: unknown) => Promise.reject(new AggregateError([error, problem], String(error))));
    throw error;
  }
}

async function build(options: AuthosOptions, undo: Cleanup): Promise<Authos> {
  const { name, environment = 'production', timeZone = 'UTC' } = options;
  const folder = await ownFolder(resolve(options.folder), undo);
  const root = join(folder, 'app');
  const records = join(folder, 'records');
  const state = join(folder, 'sandbox');
  const servers = { postgres: join(folder, 'servers/postgres'), valkey: join(folder, 'servers/valkey') };
  for (const inner of [root, records, state, servers.postgres, servers.valkey]) await mkdir(inner, { recursive: true });
  const user = await appUser(folder, options.user);

  const password = randomBytes(12).toString('base64url');
  const volume = {
    mount: join(root, 'storage'),
    stateFolder: state,
    bytes: options.capacityBytes ?? 64 * 1024 * 1024,
    inodes: options.capacityInodes ?? 10_000,
    owner: user,
    kind: options.capacity ?? 'auto',
  };
  const { capacity, postgres, valkey } = await startParts(
    { folder, volume, postgresFolder: servers.postgres, valkey: { folder: servers.valkey, password } },
    undo,
  );
  const archive = await archiveFolder({ folder, volume: capacity.mount }, undo);
  await migrate(postgres.url);

  const port = await getPort({ host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  const database = new URL(postgres.url);
  await layOutApplication(root, {
    url,
    environment,
    timeZone,
    database: {
      host: database.hostname,
      port: postgres.port,
      name: database.pathname.slice(1),
      user: database.username,
      password: decodeURIComponent(database.password),
    },
    redis: { host: '127.0.0.1', port: valkey.port, password },
    retryAfter: options.retryAfter ?? 90,
  });
  await user.ownAll(root);

  const config = () => runningConfig(root);
  const counters = cacheCounters(config);
  const log = (line: LogLine) => {
    const { app, logging } = config();
    return writeLogLine(root, user, line, { timezone: app.timezone, format: logging.format, env: app.env });
  };
  const front = await openFront(join(folder, 'front'));
  const parts = {
    front,
    root,
    config,
    counters,
    log,
    checks: healthChecks({ root, config, capacity }),
    metricsCachedFor: options.metricsCachedFor ?? 300_000,
    monitoringPerMinute: options.monitoringPerMinute ?? 120,
    webhookWindow: options.webhookWindow ?? 60_000,
  };
  const closing = new AbortController();
  let restarts = 0;
  let api: FastifyInstance | undefined;
  const serve = async () => {
    api = await buildApi(parts);
    await api.listen({ host: '127.0.0.1', port });
  };
  undo.add('API', async () => api?.close());
  await serve();

  const https = await openHttps({ folder: join(folder, 'tls'), domain: `${name}.authos.test`, port: await getPort({ host: '127.0.0.1' }), upstream: url });
  undo.add('HTTPS', () => https.close());
  const keyBackup = join(folder, 'key-backup');
  await mkdir(keyBackup, { mode: 0o700 });

  const bin = join(folder, 'bin');
  const supervised = join(folder, 'supervisor');
  await mkdir(supervised);
  const supervisor = options.queueWorkers ? await openSupervisor({ folder: supervised, root, user, bin, numprocs: options.queueWorkers }) : undefined;
  undo.add('queue workers', async () => supervisor?.stop());

  const control = await openControl({
    'front/reload': () => front.reload().then(() => 'reloaded'),
    ...volumeVerbs(capacity, volume.bytes),
    'https/reload': () => https.reload().then(() => 'reloaded'),
    'application/restart': async () => {
      await api?.close();
      await serve();
      restarts++;
      return 'restarted';
    },
    ...serviceVerbs({ postgres, valkey }),
    ...(supervisor ? { supervisor: supervisor.verb } : {}),
    'capacity/usage': async () => JSON.stringify(await capacity.usage()),
  });
  undo.add('control', () => control.close());

  const homeFile = join(state, 'home.json');
  const home = {
    root,
    bin,
    mount: capacity.mount,
    control: { url: control.url, token: control.token },
    extraCommands: options.extraCommands ?? [],
    phpMemoryLimit: options.phpMemoryLimit ?? '128M',
    fileSystem: options.volumeGrows ?? 'ext4',
  };
  await writeHome(homeFile, home, { withDf: capacity.kind === 'shim', owner: user });
  await supervisor?.start();

  const sql = <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => query<Row>(postgres.url, timeZone, text, values);
  const monitoringToken = randomBytes(24).toString('base64url');
  const [client] = await sql<{ id: string }>("insert into oauth_clients (name) values ('AuthOS Personal Access Client') returning id");
  await sql("insert into oauth_access_tokens (id, client_id, name, expires_at) values ($1, $2, 'monitoring', localtimestamp + interval '1 year')", [
    tokenId(monitoringToken),
    client?.id,
  ]);
  const testUser = 'probe@authos.test';
  await sql("insert into users (name, email, password) values ('Probe', $1, 'x')", [testUser]);

  return {
    name,
    environment,
    folder,
    root,
    archive,
    url,
    user,
    capacity,
    postgres,
    valkey,
    counters,
    https,
    front,
    supervisor,
    keyBackup,
    get restarts() {
      return restarts;
    },
    config,
    sql,
    log,
    env: () => ({ ...process.env, SANDBOX_HOME: homeFile, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }),
    inventory: () =>
      inventoryOf({ name, environment, root, archive, records, bin, mount: capacity.mount, user: user.name, timeZone, url, monitoringToken, testUser, keyBackup, https, postgres, valkey, supervisor, front, blocksBy: options.blocksBy ?? 'ufw', volumeGrows: options.volumeGrows !== undefined }),
    closing: closing.signal,
    async stop() {
      closing.abort();
      await undo.run();
    },
  };
}

async function query<Row extends pg.QueryResultRow>(connectionString: string, timeZone: string, text: string, values?: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000, options: `-c TimeZone=${timeZone}` });
  client.on('error', () => {}); // the query that is running gets the error too
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
