import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { Redis } from 'ioredis';

import { type AppUser, appUser } from '../../sandbox/authos/app-user.js';
import { laravelPhp, openLaravel } from '../../sandbox/laravel/laravel.js';
import { type PostgresServer, startPostgres } from '../../sandbox/servers/postgres.js';
import { type OwnedProcess, startOwned } from '../../sandbox/servers/processes.js';
import { startValkey, type ValkeyServer } from '../../sandbox/servers/valkey.js';
import { createScrub } from '../../src/activities/scrub.js';
import { type CommandResult, localShell } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';
import type { Place } from '../../src/domain/place.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import type { RunbookActivities } from '../../src/workflows/activity-types.js';
import { hostUnder, inActivity } from '../activities/support.js';
import { openClosers } from '../support/closers.js';
import { configOf, type HostInventory, openHostWorld } from '../support/runbook-world.js';
import { openFolder } from './folder.js';
import { debianPostgres, onPath } from './programs.js';

/** AuthOS on one host, real or stood in for, and the product's own activities on it. */
export interface Application {
  readonly host: Host;
  readonly place: Place;
  readonly activities: RunbookActivities;
  readonly postgres: PostgresServer;
  readonly valkey: ValkeyServer;
  /** `php artisan …` as its user, as the activities call it. */
  artisan(...args: string[]): Promise<CommandResult>;
  sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** How many keys there are in the cache's own database. */
  cacheKeys(): Promise<number>;
  /** A worker of the queue `default`, with the arguments that supervisor gives it. */
  startWorker(): Promise<OwnedProcess>;
}

/** The sandbox's stand-in, and Debian's Laravel on Debian's PostgreSQL and Redis. */
export interface Applications {
  standIn: Application;
  real: Application;
  close(): Promise<void>;
}

/** Starts both. What had started is ended again if one does not. */
export async function openApplications(): Promise<Applications> {
  const world = await openHostWorld();
  try {
    const { host, cacheUrl } = world.authos.inventory();
    const standIn = application({ ...world, host, cacheUrl, user: world.authos.user, postgres: world.authos.postgres, valkey: world.authos.valkey });
    const real = await openReal();
    const close = async (): Promise<void> => {
      await real.close();
      await world.close();
    };
    return { standIn, real: real.application, close };
  } catch (error) {
    await world.close();
    throw error;
  }
}

async function openReal(): Promise<{ application: Application; close: () => Promise<void> }> {
  const closers = openClosers();
  const folder = await openFolder(closers);
  try {
    const password = randomBytes(12).toString('base64url');
    const postgres = await startPostgres({ folder: join(folder, 'postgres'), programs: debianPostgres() });
    closers.add(() => postgres.stop());
    const valkey = await startValkey({ folder: join(folder, 'redis'), password, binary: onPath('redis-server') });
    closers.add(() => valkey.stop());
    const user = await appUser(folder);
    const inventory = inventoryOf({ folder, user, postgres, valkey });
    await mkdir(inventory.host.archive);
    const database = new URL(postgres.url);
    await openLaravel({
      root: inventory.host.root,
      user,
      settings: {
        url: inventory.api.url,
        environment: inventory.host.environment,
        timeZone: inventory.host.timeZone,
        database: { host: database.hostname, port: postgres.port, name: 'authos', user: database.username, password: decodeURIComponent(database.password) },
        redis: { host: '127.0.0.1', port: valkey.port, password },
        retryAfter: 90,
      },
    });
    const { host, cacheUrl } = inventory;
    const place = { name: host.name, environment: host.environment, host: host.name, hosts: [host.name], database: 'authos', store: 'redis', queue: 'default' };
    const activities = activitiesOfHost(await configOf(inventory, folder));
    return { application: application({ host, place, activities, cacheUrl, user, postgres, valkey }), close: closers.close };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

function inventoryOf({ folder, user, postgres, valkey }: { folder: string; user: AppUser; postgres: PostgresServer; valkey: ValkeyServer }): HostInventory {
  return {
    host: hostUnder(folder, { name: `real-${process.pid}`, user: user.name, php: [laravelPhp], restart: ['true'] }),
    // There is no HTTP here: what is compared does not ask for it.
    api: { url: 'http://127.0.0.1:9', token: 'no-such-token' },
    testUser: 'probe@authos.test',
    databaseUrl: postgres.url,
    databaseAdminUrl: postgres.adminUrl,
    databaseFolder: postgres.dataFolder,
    cacheUrl: `${valkey.url}/1`,
    webhookNetworks: [],
  };
}

interface ApplicationParts extends Pick<Application, 'host' | 'place' | 'activities' | 'postgres' | 'valkey'> {
  cacheUrl: string;
  user: AppUser;
}

function application({ cacheUrl, user, ...parts }: ApplicationParts): Application {
  const { host, postgres } = parts;
  const [program = '', ...before] = host.php;
  return {
    ...parts,
    artisan: (...args) =>
      inActivity(() => localShell({ records: host.records, scrub: createScrub([]) }).run(program, [...before, 'artisan', ...args, '--no-interaction', '--no-ansi'], { cwd: host.root, asUser: host.user })),
    async sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      try {
        return (await client.query<Row>(text, values)).rows;
      } finally {
        await client.end();
      }
    },
    async cacheKeys() {
      const redis = new Redis(cacheUrl);
      try {
        return await redis.dbsize();
      } finally {
        redis.disconnect();
      }
    },
    startWorker: () =>
      startOwned({
        name: 'queue worker',
        file: program,
        args: [...before, join(host.root, 'artisan'), 'queue:work', 'database', '--queue=default', '--sleep=0.1', '--tries=1'],
        folder: host.root,
        logFile: join(host.records, 'worker.log'),
        ...(process.getuid?.() === 0 ? { user } : {}),
      }),
  };
}
