import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult, Finding, SampleWindow, Verdict } from '../domain/step.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import { applicationConnects, serverState } from './database-probe.js';
import type { ServerState } from './database-probe.js';
import { connectionsText, longestTransactions, longSessions, readConnections, sessionText, stillThere, terminate } from './database-sessions.js';
import type { Connections, Session } from './database-sessions.js';
import { raisedTo, readMaxConnections, writeMaxConnections, writtenMaxConnections } from './database-settings.js';
import type { MaxConnections } from './database-settings.js';
import { onMount, volumeUsage } from './disk-usage.js';
import { readHealth } from './health-api.js';
import type { AuthosApi } from './health-api.js';
import { hostMisconfigured, hostNamed, wholeNumber } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { sampled } from './sampling.js';
import type { Scrub } from './scrub.js';
import type { ServiceActivities, StartedSince } from './services.js';
import type { Shell } from './shell.js';
import { fitted, listed } from './wording.js';

/** What the config says of a place's PostgreSQL beyond how the application reaches it. */
export interface DatabaseServer {
  /** Where its data is, on the host that runs it. */
  dataFolder: string;
  /** R3 never writes more than this. */
  maxConnectionsAtMost: number;
}

export interface DatabaseServerParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  /** Our own way in: a reserved slot, over the local socket where there is one, so that it works when the database is full. */
  adminOf: DatabaseOf;
  serverOf: (place: Place) => DatabaseServer | undefined;
  services: Pick<ServiceActivities, 'restartService' | 'serviceStartedSince'>;
  scrub: Scrub;
}

/** What D3 and the conditions know of the server; `connections` is absent while it does not let us in. */
export interface ServerLook {
  state: ServerState;
  connections?: Connections;
}

/** At and over this share of max_connections, R2 and R3 act; recovered is below it. */
const full = 80;
/** A restart on a data volume as full as this could not write what it has to. */
const volumeFull = 95;
/** R5 speaks of Disk Space Critical over this. */
const volumeHigh = 90;

/** Activities that look at a PostgreSQL server and cure it. What they end, set or restart, they read back. */
export function databaseServerActivities({ hosts, shellOf, apiOf, adminOf, serverOf, services, scrub }: DatabaseServerParts) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  async function look(place: Place): Promise<ServerLook> {
    const state = await serverState(adminOf, place);
    return state.kind === 'accepting' ? { state, connections: await withDatabase(adminOf, place, readConnections) } : { state };
  }

  function serverFor(place: Place): DatabaseServer {
    const server = serverOf(place);
    if (server === undefined) throw hostMisconfigured(`environment ${place.environment} has no database in the config`);
    return server;
  }

  /** The fuller one of the volumes with the data and the WAL, or why it can't be known. */
  async function dataVolume(place: Place): Promise<{ usedPercent: number; path: string } | { unknown: string }> {
    const { dataFolder } = serverFor(place);
    const { shell } = at(place);
    try {
      const path = await realpath(dataFolder);
      const wal = await realpath(join(path, 'pg_wal')).catch(() => path);
      const volumes = await Promise.all([...new Set([path, wal])].map(async (folder) => ({ usedPercent: (await volumeUsage(shell, folder)).usedPercent, path: folder })));
      return volumes.reduce((one, other) => (other.usedPercent > one.usedPercent ? other : one));
    } catch (error) {
      return { unknown: `how full the volume of ${dataFolder} is can't be read: ${(error as Error).message}` };
    }
  }

  async function startTime(place: Place): Promise<{ started: Date; ageMs: number }> {
    return withDatabase(adminOf, place, async (client) => {
      const { rows: [row] } = await client.query<{ started: Date; age: number }>(
        'select pg_postmaster_start_time() as started, (extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000)::float8 as age',
      );
      return { started: row?.started ?? new Date(0), ageMs: row?.age ?? Number.POSITIVE_INFINITY };
    });
  }

  return {
    /** D2: whether the application gets a connection, and whether we do. That they differ is the finding. A repeat is safe. */
    async testDatabaseConnections({ place }: { place: Place }): Promise<Finding<{ application: string; ours: ServerState['kind'] }>> {
      const [application, ours] = await Promise.all([applicationConnects(at(place)), serverState(adminOf, place)]);
      const isOurs = ours.kind === 'accepting';
      const differ = (application.kind === 'works') === isOurs ? '' : isOurs ? 'The server lets us in, but not the application. ' : 'The application gets in, and we do not. ';
      return {
        evidence: scrub(fitted(`${differ}Application: ${application.words}\nours: ${ours.words}`)),
        data: { application: application.kind, ours: ours.kind },
      };
    },

    /** D3: whether it is ready, connections by state against max_connections, longest transactions, blockers. A repeat is safe. */
    async checkDatabaseServer({ place }: { place: Place }): Promise<Finding<ServerLook>> {
      const seen = await look(place);
      if (seen.connections === undefined) return { evidence: scrub(fitted(`${seen.state.kind}: ${seen.state.words}`)), data: seen };
      const sessions = await withDatabase(adminOf, place, async (client) => {
        const blockers = (await longSessions(client, 0)).filter(({ blocks }) => blocks > 0);
        const longest = (await longestTransactions(client)).filter(({ pid }) => !blockers.some((other) => other.pid === pid));
        return [...blockers, ...longest];
      });
      return { evidence: listed(connectionsText(seen.connections), sessions.map((session) => sessionText(session, scrub)), 10), data: seen };
    },

    /** D4: the application's pgsql settings as it runs with them, the password left out. A repeat is safe. */
    async checkDatabaseConfig({ place }: { place: Place }): Promise<Finding<Record<string, unknown>>> {
      const read = await tinkerJson(at(place), poolSettings);
      if ('unknown' in read) return { evidence: `the settings can't be read: ${read.unknown}`, data: {} };
      const data = (typeof read.value === 'object' && read.value !== null ? read.value : {}) as Record<string, unknown>;
      const persistent = data['persistent'] === true ? '\nconnections are persistent: every PHP process keeps one' : '';
      const text = Object.entries(data).map(([name, value]) => `${name}: ${String(value)}`).join(', ');
      return { evidence: scrub(fitted(`${text || 'no such connection'}${persistent}`)), data };
    },

    /** One knock at the server, without more. A repeat is safe. */
    async databaseState({ place }: { place: Place }): Promise<ServerState> {
      return serverState(adminOf, place);
    },

    /** Whether the data volume leaves room for a restart: under 95 % used. What can't be read does not hold. */
    async databaseVolumeLetsRestart({ place }: { place: Place }): Promise<Condition> {
      const volume = await dataVolume(place);
      if ('unknown' in volume) return { holds: false, why: volume.unknown };
      return { holds: volume.usedPercent < volumeFull, why: `the volume of ${volume.path} is ${volume.usedPercent} % used` };
    },

    /**
     * R1: restarts PostgreSQL by its manager, and waits up to 2 minutes until it lets us in with a start time of after the command.
     * 'Refused' if it answers by now, unless `evenIfUp`. A repeat restarts it again.
     */
    async restartDatabase({ place, evenIfUp }: { place: Place; evenIfUp: boolean }): Promise<ActResult> {
      const before = await serverState(adminOf, place);
      if (!evenIfUp && before.kind !== 'no response') return { outcome: 'refused', evidence: scrub(`not restarted, it answers: ${before.words}`) };
      const began = performance.now();
      const asked = await services.restartService({ place, service: 'postgresql' });
      for (let second = 0; second < 120; second += 1) {
        const state = await serverState(adminOf, place);
        if (state.kind === 'accepting') {
          const { started, ageMs } = await startTime(place);
          const isNew = ageMs <= performance.now() - began + 1_000;
          const evidence = fitted(`${asked.evidence}; pg_postmaster_start_time() is ${started.toISOString()}${isNew ? '' : ': it was not restarted'}`);
          return { outcome: isNew ? 'done' : 'failed', evidence };
        }
        // A manager that says no has nothing under way; a server that recovers may take its time.
        if (asked.outcome !== 'done' && state.kind === 'no response' && second >= 2) break;
        await Context.current().sleep(1_000);
      }
      const state = await serverState(adminOf, place);
      return { outcome: 'failed', evidence: scrub(fitted(`${asked.evidence}; the server: ${state.kind}, ${state.words}`)) };
    },

    /**
     * For a restart whose worker died: whether PostgreSQL started after `since` (ms). One without a response did not. Throws while
     * nobody can know: it answers, and does not let us in.
     */
    async databaseStartedSince({ place, since }: { place: Place; since: number }): Promise<StartedSince> {
      const state = await serverState(adminOf, place);
      if (state.kind === 'no response') return { done: false, evidence: scrub(`no response: ${state.words}`) };
      const { started, ageMs } = await startTime(place);
      return { done: Date.now() - ageMs >= since, evidence: `pg_postmaster_start_time() is ${started.toISOString()}` };
    },

    /** Whether R2 has something to do: connections at 80 % or a session that blocks others, and sessions of that age to end. */
    async longQueriesToKill({ place, olderThanMs }: { place: Place; olderThanMs: number }): Promise<Condition> {
      wholeNumber('olderThanMs', olderThanMs, { min: 100, max: 86_400_000 });
      return withDatabase(adminOf, place, async (client) => {
        const [connections, sessions] = [await readConnections(client), await longSessions(client, olderThanMs)];
        const blockers = sessions.filter(({ blocks }) => blocks > 0);
        const says = connectionsText(connections);
        if (connections.percent < full && blockers.length === 0) return { holds: false, why: `${says}; under ${full} %, and no old session blocks another` };
        if (sessions.length === 0) return { holds: false, why: `${says}; but no query or transaction is older than ${olderThanMs / 1_000} s` };
        return { holds: true, why: listed(`${says}; to be ended: ${sessions.length}`, sessions.map((session) => sessionText(session, scrub)), 8) };
      });
    },

    /** R2: ends those sessions, blockers first, each by pid and start, and reads back that they are gone. A repeat is safe. */
    async killLongQueries({ place, olderThanMs }: { place: Place; olderThanMs: number }): Promise<ActResult> {
      wholeNumber('olderThanMs', olderThanMs, { min: 100, max: 86_400_000 });
      return withDatabase(adminOf, place, async (client) => {
        const sessions = await longSessions(client, olderThanMs);
        if (sessions.length === 0) return { outcome: 'refused', evidence: 'no query or transaction is that old any more' };
        const ended: Session[] = [];
        for (const session of sessions) {
          Context.current().cancellationSignal.throwIfAborted();
          if (await terminate(client, session)) ended.push(session);
        }
        let left = await stillThere(client, ended);
        for (let tries = 0; left > 0 && tries < 20; tries += 1) {
          await Context.current().sleep(250);
          left = await stillThere(client, ended);
        }
        const after = connectionsText(await readConnections(client));
        const sentence = `${ended.length} of ${sessions.length} sessions ended${left === 0 ? '' : `, ${left} of them are still there`}; now ${after}`;
        return { outcome: left > 0 || ended.length === 0 ? 'failed' : 'done', evidence: listed(sentence, ended.map((session) => sessionText(session, scrub)), 8) };
      });
    },

    /** Whether R3 may raise max_connections: still at 80 %, no standby that would stop, room below the config's bound. */
    async mayRaiseMaxConnections({ place }: { place: Place }): Promise<Condition> {
      const { maxConnectionsAtMost } = serverFor(place);
      return withDatabase(adminOf, place, async (client) => {
        const [connections, settings] = [await readConnections(client), await readMaxConnections(client)];
        const says = connectionsText(connections);
        if (connections.percent < full) return { holds: false, why: `${says}; under ${full} %` };
        if (settings.standbys > 0) return { holds: false, why: `${settings.standbys} standbys replay from this server: raise max_connections on them first, or they stop` };
        if (settings.pending) return { holds: false, why: 'another max_connections is written already, and waits for a restart' };
        const to = raisedTo(settings.current, maxConnectionsAtMost);
        if (to <= settings.current) return { holds: false, why: `max_connections is ${settings.current}, and the config allows ${maxConnectionsAtMost}` };
        return { holds: true, why: `${says}; from ${settings.current} to ${to}` };
      });
    },

    /** What R3 would write and what its undo needs. Reads only. */
    async plannedMaxConnections({ place }: { place: Place }): Promise<MaxConnections & { to: number }> {
      const { maxConnectionsAtMost } = serverFor(place);
      const settings = await withDatabase(adminOf, place, readMaxConnections);
      return { ...settings, to: raisedTo(settings.current, maxConnectionsAtMost) };
    },

    /** R3: writes the new value and reads `pending_restart` back. It counts after a restart only. A repeat is safe. */
    async raiseMaxConnections({ place }: { place: Place }): Promise<ActResult> {
      const { maxConnectionsAtMost } = serverFor(place);
      return withDatabase(adminOf, place, async (client) => {
        const { current, pending } = await readMaxConnections(client);
        if (pending) return { outcome: 'done', evidence: 'a new max_connections is written already, and waits for a restart' };
        return writeMaxConnections(client, raisedTo(current, maxConnectionsAtMost));
      });
    },

    /** Whether a new max_connections waits for a restart. */
    async restartPending({ place }: { place: Place }): Promise<Condition> {
      const { current, pending } = await withDatabase(adminOf, place, readMaxConnections);
      return { holds: pending, why: pending ? `max_connections is ${current} until PostgreSQL restarts` : 'no new max_connections waits for a restart' };
    },

    /** Undo of R3: writes the old value back, if ours is still the one that ALTER SYSTEM wrote. A repeat is safe. */
    async restoreMaxConnections({ place, ours, old }: { place: Place; ours: number; old: number }): Promise<ActResult> {
      return withDatabase(adminOf, place, async (client) => {
        const written = await writtenMaxConnections(client);
        if (written === old) return { outcome: 'done', evidence: `max_connections = ${old} is written already` };
        if (written !== ours) return { outcome: 'done', evidence: `max_connections is ${written ?? 'not set'}, not our ${ours}: somebody changed it since, and it stays` };
        return writeMaxConnections(client, old);
      });
    },

    /** Whether the application holds on to connections: it gets none while we do, or is at 80 % still. */
    async poolNeedsClearing({ place }: { place: Place }): Promise<Condition> {
      const { state, connections } = await look(place);
      if (connections === undefined) return { holds: false, why: scrub(`the server does not let us in (${state.kind}): the application's pool is not why`) };
      if (connections.percent >= full) return { holds: true, why: connectionsText(connections) };
      const application = await applicationConnects(at(place));
      return { holds: application.kind === 'fails', why: scrub(fitted(`${connectionsText(connections)}; the application: ${application.words}`, 500)) };
    },

    /** R4, its first half: `db:wipe-cache`, if this AuthOS has exactly this command; stock Laravel has none. A repeat is safe. */
    async wipeDatabaseCache({ place }: { place: Place }): Promise<ActResult> {
      return artisanOutcome('db:wipe-cache', await artisan({ ...at(place), command: 'db:wipe-cache' }));
    },

    /** R5: how full the volume of the data is, or of the WAL where that is fuller. `high` over 90 %. A repeat is safe. */
    async checkDatabaseVolume({ place }: { place: Place }): Promise<Finding<{ usedPercent?: number; high: boolean; mount?: string }>> {
      const volume = await dataVolume(place);
      if ('unknown' in volume) return { evidence: volume.unknown, data: { high: false } };
      const { usedPercent, path } = volume;
      return { evidence: `the volume of ${path} is ${usedPercent} % used`, data: { usedPercent, high: usedPercent > volumeHigh, ...(await mountOf(at(place).host, path)) } };
    },

    /**
     * Recovered: AuthOS calls its database healthy, the application and we get a connection, client connections are under 80 %, and
     * nobody has waited for a lock longer than `blockedAtMostMs`, in every sample. A repeat is safe.
     */
    async proveDatabase({ place, blockedAtMostMs, window }: { place: Place; blockedAtMostMs: number; window: SampleWindow }): Promise<Verdict> {
      return sampled(window, async () => {
        const [health, application, seen] = await Promise.all([readHealth(apiOf(place), 'database'), applicationConnects(at(place)), look(place)]);
        const { state, connections } = seen;
        const says = connections === undefined ? `${state.kind}: ${state.words}` : connectionsText(connections);
        const evidence = scrub(fitted(`AuthOS calls it ${health.status}; the application: ${application.words}; ours: ${says}`, 1_000));
        const isBad =
          health.status === 'unhealthy' || health.status === 'critical' || health.status === 'degraded' || application.kind === 'fails' ||
          (state.kind !== 'accepting' && state.kind !== 'unknown') ||
          (connections !== undefined && (connections.percent >= full || connections.blockedForMs > blockedAtMostMs));
        if (isBad) return { kind: 'not recovered', evidence };
        const isGood = health.status === 'healthy' && application.kind === 'works' && connections !== undefined;
        return { kind: isGood ? 'recovered' : 'unknown', evidence };
      });
    },
  };
}

/** The mount of the inventory that holds a path, if that is the file system it is on. */
async function mountOf(host: Host, path: string): Promise<{ mount?: string }> {
  const real = await realpath(path);
  const containing = host.mounts.filter((mount) => mount === '/' || real === mount || real.startsWith(`${mount}/`));
  const mount = containing.sort((a, b) => b.length - a.length)[0];
  return mount !== undefined && (await onMount(real, mount)) ? { mount } : {};
}

/* Fixed code; neither the password nor a URL, which may hold one, is printed. 12 is PDO::ATTR_PERSISTENT. */
const poolSettings = `(function () {
  $c = config('database.connections.pgsql');
  return is_array($c) ? ['driver' => $c['driver'] ?? null, 'host' => $c['host'] ?? null, 'port' => $c['port'] ?? null,
    'database' => $c['database'] ?? null, 'username' => $c['username'] ?? null, 'url' => ! empty($c['url']),
    'sslmode' => $c['sslmode'] ?? null, 'persistent' => ! empty($c['options'][12] ?? null), 'default' => config('database.default')] : null;
})()`;

export type DatabaseServerActivities = ReturnType<typeof databaseServerActivities>;
