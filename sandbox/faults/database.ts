import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { AlertmanagerPayload, Fault } from './fault.js';

const runbook = 'databaseConnectionFailures';

export interface DatabaseFaultOptions {
  /** How old the sessions are at the end of `put`, ms: over "5 min" at the pace of a drill, which is 10 s. */
  agedMs?: number;
}

/** PostgreSQL does not run. A restart cures it. */
export function databaseDown(): Fault {
  let pid = 0;
  return {
    name: 'database-down',
    runbook,
    title: 'PostgreSQL does not run',
    async put(authos) {
      pid = authos.postgres.pid;
      await authos.postgres.stop();
    },
    alert: async (authos) => alert(authos, { alertname: 'PostgresDown', summary: 'PostgreSQL does not answer' }),
    async over(authos) {
      const problem = await connects(authos);
      const isNew = authos.postgres.pid !== pid;
      return { over: problem === undefined && isNew, evidence: problem ?? `the application connects to ${isNew ? 'a new' : 'the old'} PostgreSQL` };
    },
    answers: (act) => (act === 'Restart Database Service' ? { approve: true, reason: '' } : undefined),
  };
}

/**
 * Every slot is taken: clients that began a transaction and forgot it, until the application gets none. Among them a backup,
 * which must live through the cure.
 */
export function databaseExhausted({ agedMs = 11_000 }: DatabaseFaultOptions = {}): Fault {
  let backup: Session | undefined;
  let others: Session[] = [];
  return {
    name: 'database-exhausted',
    runbook,
    title: 'Every connection of PostgreSQL is taken by idle transactions',
    async put(authos) {
      backup = await open(authos, 'pg_dump');
      await backup.client.query('begin; select 1');
      others = [];
      for (;;) {
        const session = await open(authos, 'report-job').catch((error: Error & { code?: string }) => error);
        if (session instanceof Error) {
          if (session.code === '53300') break;
          throw session;
        }
        others.push(session);
        await session.client.query("begin; select 'a value that no page may show'");
      }
      if ((await connects(authos)) === undefined) throw new Error('The application still gets a connection');
      await delay(agedMs);
    },
    alert: async (authos) => alert(authos, { alertname: 'PostgresTooManyConnections', summary: 'FATAL: sorry, too many clients already' }),
    async over(authos) {
      const problem = await connects(authos);
      const backupLives = backup !== undefined && !backup.ended;
      const left = others.filter(({ ended }) => !ended).length;
      await close([...(backup ? [backup] : []), ...others]);
      return {
        over: problem === undefined && backupLives && left === 0,
        evidence: `${problem ?? 'the application connects'}; ${left} of ${others.length} forgotten sessions are left; the backup ${backupLives ? 'goes on' : 'was ended'}`,
      };
    },
    answers: (act) => (act === 'Kill Long-Running Queries' ? { approve: true, reason: '' } : undefined),
  };
}

/** One forgotten transaction holds a lock that the application waits for. Who waits must not be ended with it. */
export function databaseBlocked({ agedMs = 11_000 }: DatabaseFaultOptions = {}): Fault {
  let blocker: Session | undefined;
  let waiting: { session: Session; result: Promise<string> }[] = [];
  return {
    name: 'database-blocked',
    runbook,
    title: 'A forgotten transaction locks a table that the application needs',
    async put(authos) {
      blocker = await open(authos, 'migration');
      await blocker.client.query('begin; lock table oauth_clients in access exclusive mode');
      const sessions = await Promise.all([0, 1, 2].map(() => open(authos, 'authos')));
      waiting = sessions.map((session) => ({
        session,
        result: session.client.query('select count(*) from oauth_clients').then(
          () => 'answered',
          (error: Error) => error.message,
        ),
      }));
      await delay(agedMs);
      const [row] = await authos.sql<{ n: number }>("select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'");
      if (row?.n === undefined || row.n < waiting.length) throw new Error(`Only ${row?.n ?? 0} sessions wait for the lock`);
    },
    alert: async (authos) => alert(authos, { alertname: 'DatabaseConnectionTimeouts', summary: 'Queries wait for a lock' }),
    async over(authos) {
      const [row] = await authos.sql<{ n: number }>("select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'");
      const results = row?.n === 0 ? await Promise.all(waiting.map(({ result }) => result)) : ['still waiting'];
      await close([...(blocker ? [blocker] : []), ...waiting.map(({ session }) => session)]);
      return { over: results.every((result) => result === 'answered'), evidence: `${row?.n ?? '?'} sessions wait for a lock; those that waited: ${results.join(', ')}` };
    },
    answers: (act) => (act === 'Kill Long-Running Queries' ? { approve: true, reason: '' } : undefined),
  };
}

interface Session {
  client: pg.Client;
  /** True once the server has ended it. */
  ended: boolean;
}

async function open(authos: Authos, name: string): Promise<Session> {
  const client = new pg.Client({ connectionString: authos.postgres.url, application_name: name, connectionTimeoutMillis: 5_000 });
  const session: Session = { client, ended: false };
  client.on('error', () => (session.ended = true)); // the server ending it is what the fault waits for
  client.on('end', () => (session.ended = true));
  await client.connect();
  return session;
}

async function close(sessions: Session[]): Promise<void> {
  await Promise.all(sessions.filter(({ ended }) => !ended).map(({ client }) => client.end().catch(() => {})));
}

/** Undefined if the application gets a connection, else why not. */
async function connects(authos: Authos): Promise<string | undefined> {
  return authos.sql('select 1').then(
    () => undefined,
    (error: Error & { code?: string }) => error.message || error.code || 'no connection',
  );
}

function alert(authos: Authos, { alertname, summary }: { alertname: string; summary: string }): AlertmanagerPayload {
  return alertmanagerPayload({
    labels: { alertname, severity: 'critical', database: 'authos', environment: authos.environment, instance: `${authos.name}:9187`, job: 'postgres' },
    annotations: { summary, description: `${summary} on ${authos.name}` },
    startsAt: new Date(),
  });
}
