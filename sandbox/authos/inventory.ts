import type { Host } from '../../src/domain/inventory.js';
import type { Place } from '../../src/domain/place.js';
import { serviceUnits } from './services.js';
import type { PostgresServer } from '../servers/postgres.js';
import type { Https } from './https.js';
import type { Front } from './front.js';
import type { Supervisor } from './supervisor.js';
import { volumeOf } from './volume.js';
import type { ValkeyServer } from '../servers/valkey.js';

/** How the product reaches a sandbox: what its config would say of a real host. Holds secrets: not for logs. */
export interface Inventory {
  host: Host;
  /** Where a disk incident of this host is. */
  place: Place;
  /** Base of the HTTP API, and the Bearer token for its monitoring. */
  api: { url: string; token: string };
  /** A user for whom a test token may be made. */
  testUser: string;
  databaseUrl: string;
  databaseAdminUrl: string;
  databaseFolder: string;
  redisUrl: string;
  /** The database of that Redis which the cache is in. */
  cacheUrl: string;
  /** The only network besides the public internet that webhook endpoints of this sandbox are in. */
  webhookNetworks: string[];
  /** Folder to put in front of PATH, so that `herd` and the others are found. */
  path: string;
}

export interface InventoryParts {
  name: string;
  environment: string;
  root: string;
  archive: string;
  records: string;
  bin: string;
  mount: string;
  user: string;
  timeZone: string;
  url: string;
  monitoringToken: string;
  testUser: string;
  keyBackup: string;
  https: Https;
  postgres: PostgresServer;
  valkey: ValkeyServer;
  supervisor: Supervisor | undefined;
  front: Front;
  blocksBy: 'ufw' | 'nginx';
  volumeGrows: boolean;
}

/** Never blocked: monitoring, and an office. */
export const allowedNetworks = ['198.51.100.0/24', '2001:db8:aaaa::/48'];

/** Describes the sandbox as an inventory's host. */
export function inventoryOf(parts: InventoryParts): Inventory {
  const { name, environment, root, archive, records, mount, user, timeZone, postgres, valkey, supervisor } = parts;
  return {
    host: {
      name,
      environment,
      root,
      user,
      php: ['herd', 'php'],
      restart: ['herd', 'restart'],
      timeZone,
      mounts: [mount],
      archive,
      records,
      protectedLogs: ['audit', 'security'],
      services: { postgresql: { systemd: serviceUnits.postgresql }, redis: { docker: serviceUnits.redis }, ...(supervisor ? { workers: { supervisor: `${supervisor.program}:*` } } : {}) },
      workersSupervised: supervisor !== undefined,
      ...(supervisor ? { queueWorkers: { configFile: supervisor.configFile, program: supervisor.program, atMost: 3 } } : {}),
      oauthKeySources: [parts.keyBackup],
      certificates: [parts.https.certificate],
      blocking: {
        allow: allowedNetworks,
        trustedProxies: ['192.0.2.7'],
        accessLog: parts.front.accessLog,
        by: parts.blocksBy === 'ufw' ? { ufw: ['ufw'] } : { nginx: { denyFile: parts.front.denyFile, configTest: ['nginx', '-t'], reload: ['nginx', '-s', 'reload'] } },
      },
      volumes: parts.volumeGrows ? [volumeOf(mount)] : [],
    },
    place: { name: `${name}:${mount}`, environment, host: name, hosts: [name], mount, database: 'authos', store: 'redis', queue: 'default', webhook: 'all', domain: parts.https.domain },
    api: { url: parts.url, token: parts.monitoringToken },
    testUser: parts.testUser,
    databaseUrl: postgres.url,
    databaseAdminUrl: postgres.adminUrl,
    databaseFolder: postgres.dataFolder,
    redisUrl: valkey.url,
    cacheUrl: `${valkey.url}/1`,
    webhookNetworks: ['127.0.0.1/32'],
    path: parts.bin,
  };
}
