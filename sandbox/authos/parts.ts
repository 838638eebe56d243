import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PostgresServer } from '../servers/postgres.js';
import { startPostgres } from '../servers/postgres.js';
import type { ValkeyServer } from '../servers/valkey.js';
import { startValkey } from '../servers/valkey.js';
import type { Capacity, CapacityOptions } from './capacity.js';
import { openCapacity } from './capacity.js';
import type { Cleanup } from './cleanup.js';
import { copyCluster } from './cluster-template.js';

export interface Parts {
  capacity: Capacity;
  postgres: PostgresServer;
  valkey: ValkeyServer;
}

export interface PartsOptions {
  /** The sandbox's own folder. */
  folder: string;
  volume: CapacityOptions;
  postgresFolder: string;
  valkey: { folder: string; password: string };
}

/** Starts volume and servers side by side. Waits for all, also when one fails, so that none is forgotten; throws the first failure. */
export async function startParts({ folder, volume, postgresFolder, valkey }: PartsOptions, undo: Cleanup): Promise<Parts> {
  const opening = openCapacity(volume);
  const database = copyCluster(postgresFolder).then(() => startPostgres({ folder: postgresFolder }));
  const cache = startValkey(valkey);
  await Promise.allSettled([
    opening.then((started) => undo.add('volume', () => started.close())),
    database.then((started) => undo.add('PostgreSQL', () => stopPostgres(started, folder))),
    cache.then((started) => undo.add('Valkey', () => started.stop())),
  ]);
  const [started, postgres, store] = await Promise.all([opening, database, cache]);
  return { capacity: started, postgres, valkey: store };
}

/** PostgreSQL may have put its data and socket where its user can reach them: outside our folder. */
async function stopPostgres(postgres: PostgresServer, folder: string): Promise<void> {
  await postgres.stop();
  for (const place of [dirname(postgres.dataFolder), postgres.socketFolder]) {
    if (!place.startsWith(`${folder}/`)) await rm(place, { recursive: true, force: true });
  }
}
