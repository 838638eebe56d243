import type { Host } from '../../src/domain/inventory.js';
import type { Place } from '../../src/domain/place.js';
import type { PostgresServer } from '../servers/postgres.js';
import type { ValkeyServer } from '../servers/valkey.js';

/** How the product reaches a sandbox: what its config would say of a real host. Holds secrets: not for logs. */
export interface Inventory {
  host: Host;
  /** Where a disk incident of this host is. */
  place: Place;
  /** Base of the HTTP API, and the Bearer token for its monitoring. */
  api: { url: string; token: string };
  databaseUrl: string;
  databaseAdminUrl: string;
  redisUrl: string;
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
  postgres: PostgresServer;
  valkey: ValkeyServer;
}

/** Describes the sandbox as an inventory's host. */
export function inventoryOf(parts: InventoryParts): Inventory {
  const { name, environment, root, archive, records, mount, user, timeZone, postgres, valkey } = parts;
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
      workersSupervised: false, // no queue worker runs here
    },
    place: { name: `${name}:${mount}`, environment, host: name, hosts: [name], mount, database: 'authos', store: 'redis', queue: 'default' },
    api: { url: parts.url, token: parts.monitoringToken },
    databaseUrl: postgres.url,
    databaseAdminUrl: postgres.adminUrl,
    redisUrl: valkey.url,
    path: parts.bin,
  };
}
