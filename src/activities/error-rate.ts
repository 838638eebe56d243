import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { SampleWindow, Verdict } from '../domain/step.js';
import type { AuthosApi } from './health-api.js';
import { readHealth } from './health-api.js';
import { hostNamed, wholeNumber } from './known-hosts.js';
import { readLogLines } from './logs.js';
import { errorOfLine, recentErrors } from './recent-errors.js';
import type { RecordedError } from './recent-errors.js';
import { sampled } from './sampling.js';
import { fitted } from './wording.js';

/** Log channels that AuthOS writes its errors to. One error may be in several, so they are compared and never added up. */
export const errorChannels = ['monitoring', 'laravel'] as const;

export interface ErrorRateProof {
  place: Place;
  /** Recovered with this many or fewer in a minute. */
  perMinute: number;
  /** Recovered below this many critical ones in five minutes. */
  criticalBelow: number;
  /** Length of that minute in ms; a drill has shorter ones. */
  minute: number;
  /** True before any act: the time before the run counts too, or the first moments of a run would prove anything. */
  lookBack: boolean;
  window: SampleWindow;
}

/** Errors of one source newer than a moment. */
interface Count {
  source: string;
  errors: number;
  critical: number;
}

/** The proof of High Error Rate. */
export function errorRateActivities({ hosts, apiOf }: { hosts: readonly Host[]; apiOf: (place: Place) => AuthosApi }) {
  return {
    /**
     * Recovered: at most `perMinute` errors in the last minute and fewer than `criticalBelow` critical ones in the last five,
     * by log lines and recent errors newer than the last act, whichever says more; and AuthOS neither unhealthy nor critical.
     * Without a whole minute since the act, without health or without any source it is 'unknown'. A repeat is safe.
     */
    async proveErrorRate({ place, perMinute, criticalBelow, minute, lookBack, window }: ErrorRateProof): Promise<Verdict> {
      wholeNumber('perMinute', perMinute, { min: 0, max: 1_000_000 });
      const host = hostNamed(hosts, place.host);
      const api = apiOf(place);
      // A minute must have passed since the act, or its errors can't be counted.
      const notBefore = lookBack ? window.notBefore : Math.max(window.notBefore, window.since + minute);
      return sampled({ ...window, notBefore }, async () => {
        const now = Date.now();
        const limit = lookBack ? Number.NEGATIVE_INFINITY : window.since;
        if (limit > now - minute) {
          return { kind: 'unknown', evidence: `the act ended less than a minute ago by this host's clock (${new Date(now).toISOString()})` };
        }
        const fiveMinutes = Math.max(limit, now - 5 * minute);
        const [health, { known, unknown, errors, critical }] = await Promise.all([readHealth(api, 'detailed'), countErrors(host, api, { lastMinute: now - minute, fiveMinutes })]);
        const sources = [...known.map((count) => `${count.source} ${count.errors}`), ...unknown].join(', ');
        const evidence = fitted(`${errors} errors in the last minute, ${critical} critical in the last five (${sources}); health ${health.status}`, 1_000);
        if (errors > perMinute || critical >= criticalBelow) return { kind: 'not recovered', evidence };
        if (health.status === 'unhealthy' || health.status === 'critical') return { kind: 'not recovered', evidence };
        if (health.status === 'unknown') return { kind: 'unknown', evidence: `${evidence}: ${fitted(health.message, 300)}` };
        return known.length === 0 ? { kind: 'unknown', evidence } : { kind: 'recovered', evidence };
      });
    },
  };
}

/** Errors newer than two moments by whichever source says more: API and logs. `known` is empty if none could say. */
export async function countErrors(host: Host, api: AuthosApi, since: Since): Promise<{ known: Count[]; unknown: string[]; errors: number; critical: number }> {
  const counts = await Promise.all([countFromApi(api, since), ...errorChannels.map((channel) => countFromLog(host, channel, since))]);
  const known = counts.filter((count) => 'errors' in count);
  const unknown = counts.flatMap((count) => ('unknown' in count ? [count.unknown] : []));
  return { known, unknown, errors: Math.max(0, ...known.map((count) => count.errors)), critical: Math.max(0, ...known.map((count) => count.critical)) };
}

/** Moments, ms since the epoch. */
interface Since {
  lastMinute: number;
  fiveMinutes: number;
}

async function countFromApi(api: AuthosApi, since: Since): Promise<Count | { unknown: string }> {
  const recent = await recentErrors(api);
  if ('unknown' in recent) return recent;
  return counted('API', recent.errors, since);
}

async function countFromLog(host: Host, channel: string, since: Since): Promise<Count | { unknown: string }> {
  const count: Count = { source: `${channel} log`, errors: 0, critical: 0 };
  const read = await readLogLines({ host, channel, since: Math.min(since.fiveMinutes, since.lastMinute) }, (line) => {
    const error = errorOfLine(line);
    if (error) add(count, error, since);
  });
  // What was read may already be too much; only its absence needs every file.
  if (count.errors === 0 && read.problems.length > 0) return { unknown: fitted(read.problems.join(', '), 300) };
  return read.there === 0 ? { unknown: `no ${channel} log` } : count;
}

function counted(source: string, errors: RecordedError[], since: Since): Count {
  const count: Count = { source, errors: 0, critical: 0 };
  for (const error of errors) add(count, error, since);
  return count;
}

function add(count: Count, { at, critical }: RecordedError, { lastMinute, fiveMinutes }: Since): void {
  if (at >= lastMinute) count.errors += 1;
  if (critical && at >= fiveMinutes) count.critical += 1;
}

export type ErrorRateActivities = ReturnType<typeof errorRateActivities>;
