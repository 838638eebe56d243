import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding, SampleWindow, Verdict } from '../domain/step.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import { healthStatuses, readHealth } from './health-api.js';
import type { AuthosApi, HealthReading } from './health-api.js';
import { badInput, hostNamed } from './known-hosts.js';
import { outsideText } from './outside-text.js';
import { sampled } from './sampling.js';
import type { Scrub } from './scrub.js';
import type { Shell } from './shell.js';
import { fitted, listed } from './wording.js';

interface Parts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  scrub: Scrub;
}

/** Status of the whole and of each check, as far as they could be read. */
type Statuses = Record<string, string>;

/** Activities for an alert that fits no runbook. */
export function firstLookActivities({ hosts, shellOf, apiOf, scrub }: Parts) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  return {
    /**
     * Detailed health. The first reading of an incident is kept in the host's records folder, to compare later runs with; a
     * repeat leaves it. What can't be read is not kept.
     */
    async firstHealth({ place, incidentId }: { place: Place; incidentId: string }): Promise<Finding<HealthReading['status']>> {
      const reading = await readHealth(apiOf(place), 'detailed');
      const statuses = statusesOf(reading);
      if (reading.status !== 'unknown') await keepFirst(hostNamed(hosts, place.host), incidentId, statuses);
      const rows = Object.entries(statuses).filter(([name]) => name !== 'all').map(([name, status]) => outsideText(`${name}: ${status}`, scrub, 80));
      return { evidence: listed(`detailed: ${reading.status}, ${outsideText(reading.message, scrub, 300)}`, rows), data: reading.status };
    },

    /** What the database console of the text shows: a connection, the number of users, a value of the cache. Fixed code; reads only. */
    async databaseConsole({ place }: { place: Place }): Promise<Finding<null>> {
      const rows = [];
      for (const [words, code] of consoleChecks) {
        const answer = await tinkerJson(at(place), code);
        rows.push(`${words}: ${outsideText('unknown' in answer ? answer.unknown : JSON.stringify(answer.value), scrub, 300)}`);
      }
      return { evidence: listed('database console', rows), data: null };
    },

    /** `monitor:health --output-format=json` in its own words; exit 1 means that something is not healthy. */
    async checkSystemStatus({ place }: { place: Place }): Promise<Finding<null>> {
      const result = await artisan({ ...at(place), command: 'monitor:health', args: ['--output-format=json'] });
      const said = result.exists && result.exitCode <= 1 ? alertsIn(result.stdout) : undefined;
      if (said === undefined) return { evidence: artisanOutcome('monitor:health', result).evidence, data: null };
      return { evidence: listed(`monitor:health: ${outsideText(said.overall, scrub, 40)}`, said.triggered.map((line) => outsideText(line, scrub, 160))), data: null };
    },

    /**
     * Recovered: the alert's source says resolved, and neither the whole of detailed health nor any check is worse than when the
     * incident began. Without that first reading it is 'unknown'. A repeat is safe.
     */
    async proveAsBefore({ place, incidentId, resolved, window }: { place: Place; incidentId: string; resolved: boolean; window: SampleWindow }): Promise<Verdict> {
      const host = hostNamed(hosts, place.host);
      return sampled(window, async () => {
        const first = await readFirst(host, incidentId);
        const now = await readHealth(apiOf(place), 'detailed');
        if (now.status === 'unknown') return { kind: 'unknown', evidence: `health unknown: ${outsideText(now.message, scrub, 300)}` };
        if (first === undefined) return { kind: 'unknown', evidence: `health is ${now.status}; how it was when the incident began is not known` };
        const worse = worseThan(first, statusesOf(now)).map((line) => outsideText(line, scrub, 80));
        if (worse.length > 0) return { kind: 'not recovered', evidence: fitted(`worse than at the start: ${worse.join(', ')}`, 1_000) };
        if (!resolved) return { kind: 'not recovered', evidence: `health is ${now.status}, no worse than at the start, but the alert's source has not said resolved` };
        return { kind: 'recovered', evidence: `the alert's source says resolved; health is ${now.status}, no worse than at the start` };
      });
    },
  };
}

const consoleChecks = [
  ['DB::connection()->getPdo()', "is_object(app('db')->connection()->getPdo()) ? 'connected' : null"],
  ['User::count()', 'App\\Models\\User::count()'],
  // Whether it is there, not what it is: the cache holds sessions and tokens on some set-ups.
  ["Cache::get('test')", "is_null(cache()->get('test')) ? 'nothing, the cache answers' : 'a value, the cache answers'"],
] as const;

function statusesOf({ status, details }: HealthReading): Statuses {
  const checks = details['checks'];
  const named = typeof checks === 'object' && checks !== null ? Object.entries(checks as Record<string, unknown>).slice(0, 50) : [];
  return {
    all: status,
    ...Object.fromEntries(named.map(([name, check]) => [name.slice(0, 60), typeof check === 'object' && check !== null ? String((check as { status?: unknown }).status).slice(0, 40) : 'unknown'])),
  };
}

/** Names of what is worse now. A check that can't be ranked now but could at the start is worse: its silence is no health. */
function worseThan(first: Statuses, now: Statuses): string[] {
  const rank = (status: string | undefined): number => {
    if (status === 'not_configured') return 0;
    const found = healthStatuses.findIndex((known) => known === status);
    return found === -1 ? healthStatuses.length : found;
  };
  return Object.entries(first).flatMap(([name, status]) => (rank(now[name]) > rank(status) ? [`${name} ${now[name] ?? 'missing'} (was ${status})`] : []));
}

function firstFile({ records }: Host, incidentId: string): string {
  if (!/^[0-9a-f-]{36}$/i.test(incidentId)) throw badInput(`no id of an incident: ${JSON.stringify(incidentId)}`);
  return join(records, 'first-health', `${incidentId}.json`);
}

async function keepFirst(host: Host, incidentId: string, statuses: Statuses): Promise<void> {
  const file = firstFile(host, incidentId);
  await mkdir(join(host.records, 'first-health'), { recursive: true, mode: 0o700 });
  await writeFile(file, JSON.stringify(statuses), { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function readFirst(host: Host, incidentId: string): Promise<Statuses | undefined> {
  const text = await readFile(firstFile(host, incidentId), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Statuses);
}

function alertsIn(text: string): { overall: string; triggered: string[] } | undefined {
  const from = text.indexOf('{');
  try {
    const { overall_status: overall, checks } = JSON.parse(text.slice(from)) as { overall_status?: unknown; checks?: unknown };
    if (typeof overall !== 'string') return undefined;
    const all = Object.entries(typeof checks === 'object' && checks !== null ? (checks as Record<string, { triggered?: unknown; message?: unknown; value?: unknown }>) : {});
    return { overall, triggered: all.filter(([, check]) => check?.triggered === true).map(([name, { value, message }]) => `${name}: ${String(value ?? '')} ${String(message ?? '')}`) };
  } catch {
    return undefined;
  }
}

export type FirstLookActivities = ReturnType<typeof firstLookActivities>;
