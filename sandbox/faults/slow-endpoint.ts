import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheConfig } from '../bin/lib/config.mjs';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { AlertmanagerPayload, Fault } from './fault.js';
import { timesOf } from './traffic.js';

const slowMs = 100;

/**
 * The config was cached while `.env` switched off the directory's cache; the `.env` has been right again since, but nobody built
 * the config cache again. So each request counts all logins anew, until the config cache is.
 */
export function slowEndpoint(): Fault {
  const path = '/api/v1/directory';
  return {
    name: 'slow-endpoint',
    runbook: 'highApiResponseTimes',
    title: 'A stale config cache keeps an endpoint from using the cache',
    async put(authos) {
      const file = join(authos.root, '.env');
      const right = await readFile(file, 'utf8');
      await writeFile(file, right.replace('DIRECTORY_CACHE_SECONDS=300', 'DIRECTORY_CACHE_SECONDS=0'));
      cacheConfig(authos.root);
      await authos.user.own(join(authos.root, 'bootstrap/cache/config.php'));
      await writeFile(file, right);
      await addLoginsUntilSlow(authos, path);
    },
    alert: (authos) => slowAlert(authos, path),
    over: (authos) => examine(authos, path),
    answers: undecided,
  };
}

/** A query that looks people up in a large table has no index, which a person must add: the runbook only names the table. */
export function missingIndex(): Fault {
  const path = '/api/v1/activity';
  return {
    name: 'missing-index',
    runbook: 'highApiResponseTimes',
    title: 'An endpoint reads a large table without an index',
    async put(authos) {
      await authos.sql("insert into users (name, email, password) select 'User ' || n, 'user' || n || '@authos.test', 'x' from generate_series(1, 20) n");
      await addLoginsUntilSlow(authos, path);
    },
    alert: (authos) => slowAlert(authos, path),
    over: (authos) => examine(authos, path),
    answers: undecided,
    async byHand(authos) {
      await authos.sql('create index authentication_logs_user_id_index on authentication_logs (user_id, created_at)');
      return 'added the index on authentication_logs that the run named';
    },
  };
}

/** Logins of many people, so many that reading them all takes too long on this machine. Throws if no number of them does. */
async function addLoginsUntilSlow(authos: Authos, path: string): Promise<void> {
  for (let rows = 0; rows < 1_000_000; rows += 100_000) {
    await authos.sql(
      `insert into authentication_logs (user_id, event, success, ip_address, created_at)
       select n % 5000, 'login', n % 5 <> 0, '203.0.113.' || n % 255, localtimestamp - make_interval(mins => n % 200000) from generate_series(1, 100000) n`,
    );
    await authos.sql('analyze authentication_logs');
    // Clearly slow, also for whoever measures while the machine has less to do. And asked for, so that AuthOS's metrics name it.
    if (Math.min(...(await timesOf(authos, path, 4))) > 2 * slowMs) return;
  }
  throw new Error(`${path} is not slow even with a million logins`);
}

async function slowAlert(authos: Authos, path: string): Promise<AlertmanagerPayload> {
  const worst = Math.round(Math.max(...(await timesOf(authos, path, 2))));
  return alertmanagerPayload({
    labels: { alertname: 'HighApiResponseTime', severity: 'warning', environment: authos.environment, job: 'authos' },
    annotations: { summary: `Slow API in ${authos.environment}`, description: `The 95th percentile is over 100 ms; the slowest took ${worst} ms.` },
    startsAt: new Date(),
  });
}

async function examine(authos: Authos, path: string): Promise<{ over: boolean; evidence: string }> {
  const times = (await timesOf(authos, path, 20)).sort((a, b) => a - b);
  const p95 = Math.round(times[Math.ceil(times.length * 0.95) - 1] ?? Number.NaN);
  return { over: p95 <= slowMs, evidence: `${path}: p95 ${p95} ms of ${times.length} requests` };
}

/** Nothing that these cures need is asked for: what is asked stays open. */
function undecided(): undefined {
  return undefined;
}
