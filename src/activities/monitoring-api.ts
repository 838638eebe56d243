import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding } from '../domain/step.js';
import { errorChannels } from './error-rate.js';
import { figureIn } from './figures.js';
import type { AuthosApi } from './health-api.js';
import { badInput, hostNamed, wholeNumber } from './known-hosts.js';
import { errorLevels } from './log-line.js';
import { lastLogLines } from './logs.js';
import { outsideText } from './outside-text.js';
import { recentErrors } from './recent-errors.js';
import type { Scrub } from './scrub.js';
import { listed } from './wording.js';

/** Figures of one answer of AuthOS's monitoring: a figure it did not give is absent. */
export interface Figures {
  /** ms since the epoch. */
  fetchedAt: number;
  values: Record<string, number>;
}

/** Why an answer has no figures, or its figures. */
export type FiguresAnswer = Figures | { unknown: string; fetchedAt: number };

const endpoints = {
  errors: { path: '/api/v1/monitoring/errors', figures: { critical: ['critical'], error: ['error'], warning: ['warning'], info: ['info'], total: ['total'] } },
  performance: {
    path: '/api/v1/monitoring/metrics/performance',
    figures: {
      averageMs: ['avg_response_time_ms'],
      maxMs: ['max_response_time_ms'],
      slowQueries: ['slow_queries_count'],
      cacheHits: ['cache', 'hits'],
      cacheMisses: ['cache', 'misses'],
      cacheHitRate: ['cache', 'hit_rate'],
    },
  },
  api: { path: '/api/v1/monitoring/metrics/api', figures: { requests: ['total_requests'], averageMs: ['avg_response_time_ms'], maxMs: ['max_response_time_ms'] } },
} as const satisfies Record<string, { path: string; figures: Record<string, string[]> }>;

/** Fetches totals since midnight. HTML, a missing token or a database that is down is 'unknown', in words. A repeat is safe. */
export async function readFigures(api: AuthosApi, what: keyof typeof endpoints): Promise<FiguresAnswer> {
  const { path, figures } = endpoints[what];
  const answer = await api.get(path);
  const fetchedAt = Date.now();
  if (answer.kind === 'unknown') return { unknown: answer.because, fetchedAt };
  if (answer.status !== 200) return { unknown: `${path} answered ${answer.status}`, fetchedAt };
  const values = Object.entries(figures).flatMap(([name, keys]: [string, readonly string[]]) => {
    const value = figureIn(answer.body, ...keys);
    return value === undefined ? [] : [[name, value] as const];
  });
  return values.length === 0 ? { unknown: `${path} answered without a figure`, fetchedAt } : { values: Object.fromEntries(values), fetchedAt };
}

/** Activities that read AuthOS's monitoring and the last lines of its logs. They change nothing; a repeat is safe. */
export function monitoringActivities({ hosts, apiOf, scrub }: { hosts: readonly Host[]; apiOf: (place: Place) => AuthosApi; scrub: Scrub }) {
  async function tail(place: Place, channel: string, most: number): Promise<{ sentence: string; rows: string[]; errors: number }> {
    const last = await lastLogLines({ host: hostNamed(hosts, place.host), channel, most });
    if (!last) return { sentence: `${channel}: no log`, rows: [], errors: 0 };
    const count = (levels: readonly string[]): number => last.lines.filter(({ level }) => levels.includes(level)).length;
    const errors = count(errorLevels);
    const problems = last.problems.length === 0 ? '' : `; ${last.problems.join(', ')}`;
    const rows = last.lines
      .filter(({ level }) => errorLevels.includes(level) || level === 'WARNING')
      .map(({ at, level, message }) => `${new Date(at).toISOString()} ${level} ${outsideText(message, scrub)}`);
    return { sentence: `${last.name}: ${last.lines.length} last lines, ${errors} errors, ${count(['WARNING'])} warnings${problems}`, rows, errors };
  }

  return {
    /** Totals since midnight of `errors` or `performance`, or in words why there are none. */
    async checkFigures({ place, what }: { place: Place; what: 'errors' | 'performance' }): Promise<Finding<FiguresAnswer>> {
      if (!Object.hasOwn(endpoints, what)) throw badInput(`no figures called ${JSON.stringify(what)}`);
      const answer = await readFigures(apiOf(place), what);
      if ('unknown' in answer) return { evidence: `${what}: unknown, ${outsideText(answer.unknown, scrub, 300)}`, data: answer };
      const words = Object.entries(answer.values).map(([name, value]) => `${name} ${value}`);
      return { evidence: `${what} since midnight (up to 6 min old): ${words.join(', ')}`, data: answer };
    },

    /** The last errors that AuthOS recorded, newest first, one a line. `data` is their number, absent if it can't be known. */
    async reviewRecentErrors({ place, most }: { place: Place; most: number }): Promise<Finding<{ errors?: number }>> {
      wholeNumber('most', most, { min: 1, max: 200 });
      const recent = await recentErrors(apiOf(place));
      if ('unknown' in recent) return { evidence: `recent errors unknown: ${outsideText(recent.unknown, scrub, 300)}`, data: {} };
      const rows = recent.errors.map(({ at, type, message, endpoint }) => {
        return `${new Date(at).toISOString()} ${outsideText(type, scrub, 60)}${endpoint === undefined ? '' : ` ${outsideText(endpoint, scrub, 80)}`}: ${outsideText(message, scrub, 120)}`;
      });
      return {
        evidence: listed(`${recent.errors.length}${recent.complete ? '' : ' or more'} errors in the last hour`, rows, most),
        data: { errors: recent.errors.length },
      };
    },

    /** The last `most` lines of a channel: how many are errors, and those that are errors or warnings. */
    async checkErrorLogs({ place, channel, most }: { place: Place; channel: string; most: number }): Promise<Finding<{ errors: number }>> {
      wholeNumber('most', most, { min: 1, max: 1_000 });
      const { sentence, rows, errors } = await tail(place, channel, most);
      return { evidence: listed(sentence, rows.slice(-15), 15), data: { errors } };
    },

    /** The last lines of every channel in a sentence each, and the latest errors of the channels that errors go to. */
    async viewLogs({ place, channels }: { place: Place; channels: string[] }): Promise<Finding<{ errors: number }>> {
      const tails = [];
      for (const channel of channels.slice(0, 20)) tails.push({ channel, ...(await tail(place, channel, 50)) });
      const latest = tails.filter(({ channel }) => (errorChannels as readonly string[]).includes(channel)).flatMap(({ rows }) => rows.slice(-4));
      const errors = tails.reduce((sum, one) => sum + one.errors, 0);
      return { evidence: listed(`${errors} errors in the last 50 lines of ${tails.length} channels`, [...tails.map(({ sentence }) => sentence), ...latest], 20), data: { errors } };
    },
  };
}

export type MonitoringActivities = ReturnType<typeof monitoringActivities>;
