import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding, SampleWindow, Verdict } from '../domain/step.js';
import type { AuthosApi } from './health-api.js';
import { hostNamed } from './known-hosts.js';
import { readLogLines } from './logs.js';
import { isSlow, measurablePath, slowFrom, timeRequests, type Timing } from './request-timing.js';
import { sampled } from './sampling.js';
import { fitted, listed } from './wording.js';

/** What D2 found: paths by whether our own requests were slow. */
export interface SlowEndpoints {
  slow: string[];
  /** Measured and not slow. */
  fast: string[];
}

/** How AuthOS is reached with own requests. The token stays on this side. */
export type ApiAddressOf = (place: Place) => { baseUrl: string; token: string };

/** The ten most requested are timed. */
const timedAtMost = 10;

/** Activities that time AuthOS with our own requests. They change nothing; a repeat is safe. */
export function timedRequestActivities({ hosts, apiOf, addressOf }: { hosts: readonly Host[]; apiOf: (place: Place) => AuthosApi; addressOf: ApiAddressOf }) {
  async function measurable(place: Place): Promise<string[] | { unknown: string }> {
    const answer = await apiOf(place).get('/api/v1/monitoring/metrics/api');
    if (answer.kind === 'unknown') return { unknown: answer.because };
    if (answer.status !== 200) return { unknown: `/api/v1/monitoring/metrics/api answered ${answer.status}` };
    const { top_endpoints: top } = answer.body as { top_endpoints?: unknown };
    if (typeof top !== 'object' || top === null || Array.isArray(top)) return { unknown: '/api/v1/monitoring/metrics/api names no endpoints' };
    const requests = (count: unknown): number => (typeof count === 'number' && Number.isFinite(count) ? count : 0);
    const paths = Object.entries(top as Record<string, unknown>)
      .sort(([, a], [, b]) => requests(b) - requests(a))
      .flatMap(([name]) => measurablePath(name) ?? []);
    return [...new Set(paths)].slice(0, timedAtMost);
  }

  return {
    /** D2: times the most requested GET endpoints without parameters, and says which are slow. None measurable is a finding. */
    async identifySlowEndpoints({ place }: { place: Place }): Promise<Finding<SlowEndpoints>> {
      const paths = await measurable(place);
      if ('unknown' in paths) return { evidence: fitted(`no endpoint can be measured: ${paths.unknown}`), data: { slow: [], fast: [] } };
      const timings: Timing[] = [];
      for (const path of paths) timings.push(await timeRequests(path, { ...addressOf(place), stopWhenSlow: true }));
      const slow = timings.filter(isSlow).map(({ path }) => path);
      const fast = timings.filter((timing) => 'p95Ms' in timing && !isSlow(timing)).map(({ path }) => path);
      const sentence = timings.length === 0 ? 'no endpoint can be measured: none of the most requested is a GET without parameters' : `${slow.length} of ${timings.length} endpoints are slow`;
      return { evidence: listed(sentence, timings.map(timingText)), data: { slow, fast } };
    },

    /**
     * Recovered: in every sample our own GETs of these endpoints (of the most requested, if none are given) have p95 ≤ 100 ms and
     * max ≤ 500 ms, and the performance log has no new slow query. An endpoint that can't be timed is 'unknown', so is none.
     * Slow queries count from when things have settled after the last act, or from a minute ago before any act.
     */
    async proveResponseTimes({
      place,
      endpoints,
      minute,
      lookBack,
      window,
    }: {
      place: Place;
      endpoints: string[];
      minute: number;
      lookBack: boolean;
      window: SampleWindow;
    }): Promise<Verdict> {
      const host = hostNamed(hosts, place.host);
      return sampled(window, async () => {
        const now = Date.now();
        if (!lookBack && window.since > now) return { kind: 'unknown', evidence: "by this host's clock the act lies in the future" };
        const asked = endpoints.length > 0 ? endpoints.flatMap((path) => measurablePath(path) ?? []) : await measurable(place);
        if ('unknown' in asked) return { kind: 'unknown', evidence: `not proven, no endpoint can be measured: ${asked.unknown}` };
        if (asked.length === 0) return { kind: 'unknown', evidence: 'not proven: there is no endpoint that can be measured' };
        const timings: Timing[] = [];
        for (const path of asked) {
          const timing = await timeRequests(path, { ...addressOf(place), stopWhenSlow: true });
          timings.push(timing);
          if (isSlow(timing)) break;
        }
        // Of the time since the last sample: until then that one looked. A query that our own first requests made slow, since
        // they fill a cache that was just cleared, is no sign.
        const recent = now - (window.samples === 1 ? minute : window.every);
        const warming = timings.flatMap((timing) => ('warming' in timing ? [timing.warming] : []));
        const slowQueries = await newSlowQueries(host, { since: lookBack ? Math.min(recent, now - minute) : Math.max(window.since, window.notBefore, recent), warming });
        const evidence = fitted([...timings.map(timingText), slowQueries.text].join('; '), 1_000);
        if (timings.some(isSlow) || slowQueries.lines > 0) return { kind: 'not recovered', evidence };
        if (timings.some((timing) => 'unknown' in timing) || slowQueries.unknown) return { kind: 'unknown', evidence };
        return { kind: 'recovered', evidence };
      });
    },
  };
}

function timingText(timing: Timing): string {
  if ('unknown' in timing) return `${timing.path}: not measured, ${timing.unknown}`;
  const bounds = isSlow(timing) ? ` (over ${slowFrom.p95Ms} and ${slowFrom.maxMs} ms)` : '';
  return `${timing.path}: p95 ${timing.p95Ms} ms, max ${timing.maxMs} ms of ${timing.requests} requests${bounds}`;
}

interface SlowQueries {
  since: number;
  warming: { from: number; to: number }[];
}

async function newSlowQueries(host: Host, { since, warming }: SlowQueries): Promise<{ lines: number; unknown: boolean; text: string }> {
  let lines = 0;
  const read = await readLogLines({ host, channel: 'performance', since }, ({ at, message }) => {
    // Most logs keep whole seconds only.
    if (/slow[ _-]quer/i.test(message) && !warming.some(({ from, to }) => at >= from - 1_000 && at <= to)) lines += 1;
  });
  const unknown = read.problems.length > 0;
  // Without such a log its lines prove nothing either way: our own requests are the proof.
  const text = unknown ? `slow queries unknown: ${read.problems.join(', ')}` : `${lines} new slow-query lines${read.there === 0 ? ' (there is no performance log)' : ''}`;
  return { lines, unknown, text };
}

export type TimedRequestActivities = ReturnType<typeof timedRequestActivities>;
