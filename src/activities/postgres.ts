import { realpath } from 'node:fs/promises';
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import pg from 'pg';
import type { Client, ClientConfig } from 'pg';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding } from '../domain/step.js';
import { volumeUsage } from './disk-usage.js';
import { hostMisconfigured, hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import type { Shell } from './shell.js';
import { bytesText, listed, shownName } from './wording.js';

/** How AuthOS's database of a place is reached; undefined if the config has none. Holds a password: never in results. */
export type DatabaseOf = (place: Place) => ClientConfig | undefined;

/**
 * Connects to the place's database, runs `use` and disconnects. Statements end after `statementTimeoutMs` (30 s), the
 * connection after 5 s, both with the activity. Throws `HostMisconfigured`, not retried, if the config has no database for
 * the place; what PostgreSQL or the network says is thrown as it is, and retried.
 */
export async function withDatabase<T>(
  databaseOf: DatabaseOf,
  place: Place,
  use: (client: Client) => Promise<T>,
  statementTimeoutMs = 30_000,
): Promise<T> {
  const config = databaseOf(place);
  if (config === undefined) throw hostMisconfigured(`environment ${place.environment} has no database in the config`);
  const { cancellationSignal } = Context.current();
  cancellationSignal.throwIfAborted();
  // Our own socket: `end` of a client that is still connecting waits for an answer that may never come.
  const socket = new Socket();
  const client = new pg.Client({
    connectionTimeoutMillis: 5_000,
    ...config,
    stream: () => socket,
    application_name: 'authos-responder',
    statement_timeout: statementTimeoutMs,
    // The server's own limit can't reach us over a dead network.
    query_timeout: statementTimeoutMs + 5_000,
  });
  // Without a listener a connection lost between two queries would end the worker.
  client.on('error', () => {});
  const drop = (): void => void socket.destroy();
  cancellationSignal.addEventListener('abort', drop, { once: true });
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    if (cancellationSignal.aborted) return await Context.current().cancelled;
    throw error;
  } finally {
    cancellationSignal.removeEventListener('abort', drop);
    if (!cancellationSignal.aborted) await client.end().catch(() => {});
    socket.destroy();
  }
}

/** Sizes of the databases, and the room on the volume that holds them. */
export interface DatabaseSizes {
  /** Largest first; those that we may not connect to are left out. */
  databases: { name: string; bytes: number }[];
  totalBytes: number;
  /** 0–100, free on the data directory's volume (the fuller one, if the WAL is elsewhere); absent if not known. */
  volumeFreePercent?: number;
}

const leastFreePercent = 5;

/** Activities that ask PostgreSQL about the disk it uses. */
export function postgresActivities({
  hosts,
  shellOf,
  databaseOf,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  databaseOf: DatabaseOf;
}) {
  /** Room on the database's volume as df sees it, or why it can't be known. */
  async function volume(place: Place, client: Client): Promise<{ freePercent: number; path: string } | { unknown: string }> {
    const host = hostNamed(hosts, place.host);
    const {
      rows: [server],
    } = await client.query<{ address: string | null }>('select host(inet_server_addr()) as address');
    if (!isOurs(server?.address ?? null)) return { unknown: `the database is not on ${host.name} (${String(server?.address)})` };
    let path: string;
    try {
      const {
        rows: [setting],
      } = await client.query<{ data_directory: string }>('show data_directory');
      path = setting?.data_directory ?? '';
    } catch (error) {
      return { unknown: `the data directory is not shown to us: ${error instanceof Error ? error.message : String(error)}` };
    }
    try {
      const shell = shellOf(host);
      const usage = await volumeUsage(shell, path);
      // The WAL is often on a volume of its own, and it is what archiving and deleting write.
      const wal = await realpath(join(path, 'pg_wal')).catch(() => undefined);
      const walUsage = wal === undefined ? usage : await volumeUsage(shell, wal);
      return { freePercent: 100 - Math.max(usage.usedPercent, walUsage.usedPercent), path };
    } catch (error) {
      // A server in a container names a folder that is not here.
      return { unknown: error instanceof Error ? error.message : String(error) };
    }
  }

  return {
    /** D4: the size of every database, and how much of its volume is free, if that is on this host. A repeat is safe. */
    async checkDatabaseSize({ place }: { place: Place }): Promise<Finding<DatabaseSizes>> {
      return withDatabase(databaseOf, place, async (client) => {
        const { rows } = await client.query<{ name: string; bytes: string }>(
          `select datname as name, pg_database_size(oid) as bytes from pg_database
           where datallowconn and has_database_privilege(oid, 'connect') order by 2 desc, 1`,
        );
        const databases = rows.map(({ name, bytes }) => ({ name, bytes: Number(bytes) }));
        const totalBytes = databases.reduce((sum, { bytes }) => sum + bytes, 0);
        const room = await volume(place, client);
        const volumeText =
          'unknown' in room
            ? `room on its volume unknown: ${room.unknown}`
            : `${room.freePercent} % of the volume of ${room.path} free`;
        return {
          evidence: listed(
            `${bytesText(totalBytes)} in ${databases.length} databases; ${volumeText}`,
            databases.map(({ name, bytes }) => `${bytesText(bytes).padStart(8)}  ${shownName(name)}`),
          ),
          data: { databases, totalBytes, ...('unknown' in room ? {} : { volumeFreePercent: room.freePercent }) },
        };
      });
    },

    /** Whether the database's volume has at least 5 % free: deleting rows writes WAL first. What can't be known does not hold. */
    async databaseVolumeHasRoom({ place }: { place: Place }): Promise<Condition> {
      return withDatabase(databaseOf, place, async (client) => {
        const room = await volume(place, client);
        if ('unknown' in room) return { holds: false, why: `room on the database's volume unknown: ${room.unknown}` };
        const why = `${room.freePercent} % free on the database's volume (${room.path})`;
        return { holds: room.freePercent >= leastFreePercent, why: room.freePercent >= leastFreePercent ? why : `only ${why}` };
      });
    },
  };
}

/** Null is a unix socket, which is always here. */
function isOurs(address: string | null): boolean {
  if (address === null) return true;
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some((own) => own.address === address));
}

export type PostgresActivities = ReturnType<typeof postgresActivities>;
