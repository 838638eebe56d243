import { sleep } from '@temporalio/workflow';
import type { Place } from '../domain/place.js';
import type { RunInput } from '../domain/messages.js';
import { openIncident } from './opening.js';
import { restartEverywhere, phpOnAllHosts } from './restart.js';
import { openRun } from './run.js';
import { act, type Condition, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

const nameOf = ({ database, environment }: Place): string => database ?? environment;
const server = (place: Place): string[] => [`service:postgresql@${nameOf(place)}`];
const restartBudget = ({ host }: Place): string => `restart:${host}/postgresql`;
const restartCommand = (place: Place): string => `sudo systemctl restart postgresql, or docker restart -t 120, as the config of ${place.host} says`;
const restartTimeout = { minutes: 6, because: 'PostgreSQL writes a checkpoint before it ends, and may recover when it starts' };
const minutes = (count: number, { times }: Scene): number => count * times.minute;

const checkDatabaseHealth = diagnostic({
  title: 'Check Database Health',
  command: () => 'curl https://<authos>/api/health/database',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkHealth({ place, component: 'database' }),
});

const testDirectConnection = diagnostic({
  title: 'Test Direct Connection',
  command: () => "php artisan tinker --execute 'DB::connection()->getPdo()'; and our own connection in a reserved slot",
  timeout: { minutes: 2, because: 'artisan boots, and a dead server is waited for' },
  find: (on, { place }) => on.testDatabaseConnections({ place }),
});

const checkDatabaseServer = diagnostic({
  title: 'Check Database Server',
  command: () => 'pg_isready; SELECT … FROM pg_stat_activity',
  timeout: { minutes: 1, because: 'a few queries with their own time limits' },
  async find(on, scene) {
    const finding = await on.checkDatabaseServer({ place: scene.place });
    noteResponse(scene, finding.data.state.kind);
    return finding;
  },
});

const checkConnectionPool = diagnostic({
  title: 'Check Connection Pool',
  command: () => "config('database.connections.pgsql'), without the password",
  timeout: { minutes: 1, because: 'artisan boots' },
  find: (on, { place }) => on.checkDatabaseConfig({ place }),
});

const silentSince = 'no response since';

/** Since when every knock of this run got no response. Any answer ends it. */
function noteResponse({ facts }: Scene, kind: string): void {
  if (kind === 'no response') facts[silentSince] ??= Date.now();
  else delete facts[silentSince];
}

/**
 * Down is no response for a whole minute, knocked at every quarter of it: a server that starts, recovers, or has too many clients
 * answers, and a restart would make it worse. A wait of the workflow, so that it costs no worker a slot.
 */
const noResponse: Condition = {
  says: 'pg_isready says no response for 60 s, and the data volume is under 95 % full',
  async holds(on, scene) {
    const { place, facts } = scene;
    const long = minutes(1, scene);
    for (;;) {
      const state = await on.databaseState({ place });
      noteResponse(scene, state.kind);
      const since = facts[silentSince];
      if (typeof since !== 'number') return { holds: false, why: `${state.kind}: ${state.words}` };
      const silent = Date.now() - since;
      if (silent >= long) break;
      await sleep(Math.min(long / 4, long - silent), { summary: 'Does PostgreSQL stay silent for a minute?' });
    }
    const volume = await on.databaseVolumeLetsRestart({ place });
    return { holds: volume.holds, why: `no response for ${Math.round(long / 1_000)} s; ${volume.why}` };
  },
};

async function startedAgain(on: On, { place, lastActAt }: Scene) {
  const { done, evidence } = await on.databaseStartedSince({ place, since: lastActAt });
  return done ? { outcome: 'done' as const, evidence } : undefined;
}

const restartDatabaseService = step({
  title: 'Restart Database Service',
  risk: 'disruptive',
  command: restartCommand,
  when: noResponse,
  touches: server,
  budget: restartBudget,
  settle: 'restart',
  timeout: restartTimeout,
  look: startedAgain,
  isDown: async (on, { place }) => (await on.databaseState({ place })).kind === 'no response',
  do: (on, { place }) => on.restartDatabase({ place, evenIfUp: false }),
});

/** The text names no age; RUNBOOK-SPEC does. */
const tooLong = (scene: Scene): number => minutes(5, scene);

const killLongRunningQueries = step({
  title: 'Kill Long-Running Queries',
  risk: 'disruptive',
  command: () => 'SELECT pg_terminate_backend(pid) of each query and idle transaction over 5 min, blockers first, by pid and backend_start',
  when: {
    says: 'client connections are at 80 % of max_connections, or a session blocks others; and there are sessions over 5 min old',
    holds: (on, scene) => on.longQueriesToKill({ place: scene.place, olderThanMs: tooLong(scene) }),
  },
  touches: (place) => [`sessions:${nameOf(place)}`],
  timeout: { minutes: 3, because: 'up to 200 sessions, each ended and read back' },
  do: (on, scene) => on.killLongQueries({ place: scene.place, olderThanMs: tooLong(scene) }),
});

const increaseMaxConnections = step({
  title: 'Increase Max Connections',
  acts: [
    act({
      name: 'Write a higher max_connections',
      risk: 'destructive',
      command: () => 'ALTER SYSTEM SET max_connections = max(200, 1.5 × current), bounded by the config; SELECT pg_reload_conf()',
      when: {
        says: 'client connections are still at 80 %, there is no standby, and the config allows more',
        holds: (on, { place }) => on.mayRaiseMaxConnections({ place }),
      },
      touches: (place) => [`setting:max_connections@${nameOf(place)}`],
      onceAnIncident: true,
      timeout: { minutes: 2, because: 'one statement, and its effect read back' },
      undo: {
        says: 'writes the old max_connections back; it counts after the next restart',
        async entry(on, { place }) {
          const { current, to } = await on.plannedMaxConnections({ place });
          return {
            kind: 'offered',
            title: `Write max_connections = ${current} back`,
            host: place.host,
            activity: 'restoreMaxConnections',
            argument: { place, ours: to, old: current },
            touches: [`setting:max_connections@${nameOf(place)}`],
          };
        },
      },
      do: (on, { place }) => on.raiseMaxConnections({ place }),
    }),
    act({
      // PostgreSQL applies it only at a restart: the text's reload does nothing. So this is a question of its own.
      name: 'Restart the database, so that it counts',
      risk: 'disruptive',
      command: restartCommand,
      when: { says: 'pending_restart is true', holds: (on, { place }) => on.restartPending({ place }) },
      touches: server,
      budget: restartBudget,
      settle: 'restart',
      timeout: restartTimeout,
      look: startedAgain,
      do: (on, { place }) => on.restartDatabase({ place, evenIfUp: true }),
    }),
  ],
});

const clearConnectionPool = step({
  title: 'Clear Connection Pool',
  risk: 'disruptive',
  command: ({ hosts }) => `php artisan db:wipe-cache, if this AuthOS has it; herd restart, on ${hosts.join(', then ')}`,
  when: {
    says: 'the server lets us in, but not the application, or connections are still at 80 %',
    holds: (on, { place }) => on.poolNeedsClearing({ place }),
  },
  touches: phpOnAllHosts,
  budget: ({ hosts, host }) => `restart:${[...hosts].sort()[0] ?? host}/php`,
  settle: 'restart',
  timeout: { minutes: 5, because: 'artisan boots, then a restart finishes the requests it has' },
  async do(on, { place }, onHost) {
    const wiped = await on.wipeDatabaseCache({ place });
    const restarted = await restartEverywhere(place, onHost);
    return { ...restarted, evidence: `${wiped.evidence}\n${restarted.evidence}` };
  },
});

const highVolume = 'the volume of the database is over 90 %';

interface HighVolume {
  evidence: string;
  /** As the inventory lists it; absent where it does not. */
  mount?: string;
  /** True once an incident of it is open. */
  isOpen: boolean;
}

const checkDiskSpace = step({
  title: 'Check Disk Space',
  acts: [
    act({
      name: 'Check Disk Space',
      risk: 'observe',
      command: () => 'df -h <data folder of the database>',
      touches: () => [],
      timeout: { minutes: 1, because: 'df of one or two volumes' },
      async do(on, { place, facts }) {
        const { evidence, data } = await on.checkDatabaseVolume({ place });
        if (data.high) facts[highVolume] = { evidence, mount: data.mount, isOpen: false } satisfies HighVolume;
        return { outcome: 'done', evidence };
      },
    }),
    act({
      name: 'Open Disk Space Critical',
      risk: 'safe',
      command: ({ host }) => `an alert for Disk Space Critical on ${host}`,
      when: {
        says: 'the volume of the database is over 90 % full, and the inventory lists its mount',
        async holds(_, { facts }) {
          const found = facts[highVolume] as HighVolume | undefined;
          if (!found) return { holds: false, why: 'the volume of the database is not over 90 %, or not known' };
          return { holds: found.mount !== undefined, why: found.mount === undefined ? `${found.evidence}; no mount of the inventory holds it` : found.evidence };
        },
      },
      touches: () => [],
      settle: 'none',
      timeout: { minutes: 2, because: 'one signal' },
      async do(_, scene) {
        const { place, facts } = scene;
        const found = facts[highVolume] as HighVolume;
        const mount = found.mount ?? '';
        const labels = { host: place.host, mountpoint: mount, environment: place.environment };
        const opened = await openIncident(scene, { runbook: 'diskSpaceCritical', target: `${place.host}:${mount}`, labels, title: `Database: ${found.evidence}` });
        found.isOpen = true;
        return opened;
      },
    }),
  ],
});

const recovered: Proof = {
  says: 'database health is healthy, the application and we get a connection, client connections under 80 % for 5 min after settling',
  check(on, scene, window) {
    const blockedAtMostMs = minutes(1, scene);
    // A single look stays one; else five minutes, a look at each: more would be load for a server that has just recovered.
    const isSingle = window.samples === 1;
    const every = isSingle ? window.every : Math.max(window.every, minutes(1, scene));
    const samples = isSingle ? 1 : Math.max(window.samples, Math.ceil(minutes(5, scene) / every) + 1);
    return on.proveDatabase({ place: scene.place, blockedAtMostMs, window: { ...window, every, samples } });
  },
};

/** "Database Connection Failures" as data, with what RUNBOOKS.md says around its steps. */
export const databaseConnectionFailuresProcedure: Procedure = {
  type: 'databaseConnectionFailures',
  title: 'Database Connection Failures',
  severity: 'Critical',
  target: 'database',
  triggers: ['Database health check returns "unhealthy"', 'Connection timeout errors', 'Max connections exceeded'],
  impact: ['Complete service unavailability', 'No authentication possible', 'Data loss potential'],
  prevention: [
    'Monitor connection pool usage',
    'Set up connection pooling (PgBouncer)',
    'Configure proper connection limits',
    'Implement query timeouts',
  ],
  ladder: {
    besides: ['Database Administrator'], // "Immediate escalation to Database Administrator"
    told: [],
    levels: [
      { afterMinutes: 15, role: 'Engineering Manager' },
      { afterMinutes: 30, role: 'CTO' },
    ],
  },
  diagnose: [checkDatabaseHealth, testDirectConnection, checkDatabaseServer, checkConnectionPool],
  resolve: [restartDatabaseService, killLongRunningQueries, increaseMaxConnections, clearConnectionPool, checkDiskSpace],
  recovered,
};

/** Database Connection Failures: docs/runbooks.md#database-connection-failures. */
export async function databaseConnectionFailures(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...databaseConnectionFailuresProcedure.diagnose);
  await run.resolveUntil(recovered, databaseConnectionFailuresProcedure.resolve);
  const high = run.conduct.scene.facts[highVolume] as HighVolume | undefined;
  if (high && !high.isOpen) run.conduct.followUps.push(`Check Disk Space: ${high.evidence}: open Disk Space Critical for it`);
  await run.end();
}
