import { ApplicationFailure, Context } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import { blockable, isIn } from '../domain/addresses.js';
import type { AccountCount, AddressCount, LoginCounts } from '../domain/login-attack.js';
import { addressRow, attackOver, stillAttackedFrom } from '../domain/login-attack.js';
import type { Place } from '../domain/place.js';
import type { Finding, SampleWindow, Verdict } from '../domain/step.js';
import { clientsSeen } from './access-log.js';
import { figureIn } from './figures.js';
import type { FirewallActivities } from './firewall.js';
import type { AuthosApi } from './health-api.js';
import { readHealth } from './health-api.js';
import { hostNamed, wholeNumber } from './known-hosts.js';
import { lastLogLines, readLogLines } from './logs.js';
import { failedType, LoginTally, successTypes } from './login-tally.js';
import { outsideText } from './outside-text.js';
import { withDatabase } from './postgres.js';
import type { DatabaseOf } from './postgres.js';
import { sampled } from './sampling.js';
import type { Scrub } from './scrub.js';
import { fitted, listed } from './wording.js';

/** The log channel of logins. */
export const securityChannel = 'security';
/** Addresses and accounts that are handed on, worst first: more can't be blocked or told in one incident. */
const mostListed = 100;
/** Fewer failures than this in the time are nobody's business: they are not handed on. */
const listedFrom = stillAttackedFrom;

export interface LoginParts {
  hosts: readonly Host[];
  databaseOf: DatabaseOf;
  apiOf: (place: Place) => AuthosApi;
  scrub: Scrub;
  ownAddresses: () => readonly string[];
  firewall: Pick<FirewallActivities, 'lookAtBlocks'>;
}

export interface WatchLogins {
  place: Place;
  /** Durations in ms, moments in ms since the epoch. */
  hour: number;
  quiet: number;
  since: number;
  every: number;
  until: number;
  known: string[];
}

export interface QuietProof {
  place: Place;
  /** ms that must pass without an attack. */
  quiet: number;
  /** True before any act: the time before the run counts. */
  lookBack: boolean;
  /** True for a first look: quiet so far is enough. */
  soFar: boolean;
  window: SampleWindow;
}

/** Activities that read who fails to log in. They change nothing; a repeat is safe. */
export function loginActivities({ hosts, databaseOf, apiOf, scrub, ownAddresses, firewall }: LoginParts) {
  function untouchable(host: Host) {
    const { allow = [], trustedProxies = [] } = host.blocking ?? {};
    return { allow, trustedProxies, own: ownAddresses() };
  }

  async function tallyOf(host: Host, since: number): Promise<{ tally: LoginTally; gaps: string[]; there: number }> {
    const { allow = [] } = host.blocking ?? {};
    const tally = new LoginTally((address) => !isIn(allow, address));
    const read = await readLogLines({ host, channel: securityChannel, since, containing: [failedType, ...successTypes] }, (line) => tally.add(line));
    const gaps = [
      ...read.problems,
      ...(read.there === 0 ? [`there is no ${securityChannel} log`] : []),
      ...(tally.unreadable > 0 ? [`${tally.unreadable} failed logins whose line can't be read`] : []),
      ...(tally.forgot ? ['more addresses than can be kept: counts are lower bounds'] : []),
    ];
    return { tally, gaps, there: read.there };
  }

  /** Successful logins by the application's own table; undefined if it can't say. */
  async function successesInDatabase(place: Place, host: Host, addresses: string[], ms: number): Promise<Map<string, number> | { unknown: string }> {
    try {
      return await withDatabase(databaseOf, place, async (client) => {
        // Its times have no zone: they are the application's local time.
        await client.query("select set_config('TimeZone', $1, false)", [host.timeZone]);
        const { rows } = await client.query<{ address: string; n: string }>(
          `select replace(split_part(ip_address::text, '/', 1), '::ffff:', '') as address, count(*) as n from authentication_logs
           where success and created_at > localtimestamp - make_interval(secs => $2)
             and replace(split_part(ip_address::text, '/', 1), '::ffff:', '') = any($1) group by 1`,
          [addresses, ms / 1_000],
        );
        return new Map(rows.map(({ address, n }) => [address, Number(n)]));
      }, 10_000);
    } catch (error) {
      return { unknown: error instanceof Error ? error.message : String(error) };
    }
  }

  async function count(place: Place, hour: number): Promise<LoginCounts> {
    const host = hostNamed(hosts, place.host);
    const until = Date.now();
    const from = until - hour;
    const { tally, gaps } = await tallyOf(host, from);
    const worst = [...tally.addresses].filter(([, { failures }]) => failures >= listedFrom).sort(([, a], [, b]) => b.failures - a.failures).slice(0, mostListed);
    const names = worst.map(([address]) => address);
    const seen = host.blocking === undefined ? { unknown: 'the config names no access log' } : await clientsSeen(host.blocking.accessLog, names, from);
    const successes = names.length === 0 ? new Map<string, number>() : await successesInDatabase(place, host, names, hour);
    if ('unknown' in seen) gaps.push(`access log: ${seen.unknown}`);
    if ('unknown' in successes) gaps.push(`successful logins of the database: ${successes.unknown}`);
    const lists = untouchable(host);
    const addresses = worst.map(([address, one]): AddressCount => {
      const verdict = blockable(address, lists);
      const known = 'unknown' in successes ? (one.successes > 0 ? one.successes : null) : Math.max(one.successes, successes.get(address) ?? 0);
      return {
        address,
        failures: one.failures,
        // A success that was forgotten, or in a file that could not be read, is not known to be none.
        successes: known === 0 && tally.forgot ? null : known,
        accounts: one.accounts.length,
        seenByWebServer: 'unknown' in seen ? null : seen.seen.has(address),
        ...('never' in verdict ? { never: verdict.never } : {}),
      };
    });
    const accounts = [...tally.accounts]
      .filter(([, failures]) => failures >= listedFrom)
      .sort(([, a], [, b]) => b - a)
      .slice(0, mostListed)
      .map(([email, failures]): AccountCount => ({ email, failures }));
    return {
      from,
      until,
      ...(tally.first === undefined ? {} : { first: tally.first }),
      ...(tally.last === undefined ? {} : { last: tally.last }),
      failures: tally.failures,
      distinct: tally.addresses.size,
      addresses,
      accounts,
      gaps: gaps.map((gap) => outsideText(gap, scrub, 200)),
    };
  }

  return {
    /** D1: AuthOS's own figures of today's logins, or in words why there are none. */
    async checkSecurityMetrics({ place }: { place: Place }): Promise<Finding<{ failed?: number }>> {
      const path = '/api/v1/monitoring/metrics/authentication';
      const answer = await apiOf(place).get(path);
      if (answer.kind === 'unknown') return { evidence: `unknown: ${outsideText(answer.because, scrub, 300)}`, data: {} };
      if (answer.status !== 200) return { evidence: `unknown: ${path} answered ${answer.status}`, data: {} };
      const figure = (...keys: string[]): number | undefined => figureIn(answer.body, ...keys);
      const [failed, successful] = [figure('today', 'failed'), figure('today', 'successful')];
      const { suspicious_ips: suspicious } = answer.body as { suspicious_ips?: unknown };
      const rows = (Array.isArray(suspicious) ? (suspicious as { ip_address?: unknown; attempts?: unknown }[]) : [])
        .slice(0, 20)
        .map((one) => `${outsideText(String(one?.ip_address), scrub, 60)}: ${outsideText(String(one?.attempts), scrub, 20)} attempts`);
      const sentence = `today (up to 6 min old): ${failed ?? 'unknown'} failed, ${successful ?? 'unknown'} successful logins; ${rows.length} suspicious addresses`;
      return { evidence: listed(sentence, rows), data: failed === undefined ? {} : { failed } };
    },

    /** D2: the failed logins among the last `most` lines of the security log. */
    async reviewFailedLogins({ place, most }: { place: Place; most: number }): Promise<Finding<{ failures: number }>> {
      wholeNumber('most', most, { min: 1, max: 1_000 });
      const last = await lastLogLines({ host: hostNamed(hosts, place.host), channel: securityChannel, most });
      if (!last) return { evidence: `there is no ${securityChannel} log`, data: { failures: 0 } };
      const failed = last.lines.filter(({ context }) => context['type'] === failedType);
      const rows = failed.slice(-12).map(({ at, context }) => {
        const [ip, email, reason] = ['ip', 'email', 'reason'].map((key) => outsideText(String(context[key] ?? '–'), scrub, 60));
        return `${new Date(at).toISOString()} ${ip ?? ''} ${email ?? ''} ${reason ?? ''}`;
      });
      return { evidence: listed(`${last.name}: ${failed.length} failed logins in the last ${last.lines.length} lines${last.problems.length > 0 ? `; ${last.problems.join(', ')}` : ''}`, rows), data: { failures: failed.length } };
    },

    /** D3 and D4: failed logins of the last `hour` ms, per address and per account, with what decides about a block. */
    async countLogins({ place, hour }: { place: Place; hour: number }): Promise<LoginCounts> {
      wholeNumber('hour', hour, { min: 1, max: 7 * 24 * 3_600_000 });
      return count(place, hour);
    },

    /**
     * R5: looks every `every` ms until an address that is not `known` is over the threshold, until no attack was seen for `quiet` ms
     * since `since` and the last block, or until `until`. It waits by failing retryably, which costs no events and no slot.
     */
    async watchLogins({ place, hour, quiet, since, every, until, known }: WatchLogins): Promise<Finding<{ fresh: string[] }>> {
      const host = hostNamed(hosts, place.host);
      const { allow = [] } = host.blocking ?? {};
      const [counts, blocks] = await Promise.all([count(place, hour), firewall.lookAtBlocks({ place })]);
      const fresh = counts.addresses.filter(({ address, failures, never }) => failures > attackOver && never === undefined && !known.includes(address));
      if (fresh.length > 0) return { evidence: listed(`${fresh.length} new addresses over the threshold`, fresh.map(addressRow)), data: { fresh: fresh.map(({ address }) => address) } };
      const now = Date.now();
      const from = Math.max(since, blocks.lastAt ?? 0, now - quiet);
      const { tally } = await tallyOf(host, from);
      const goesOn = [...tally.addresses].some(([address, { failures }]) => failures >= stillAttackedFrom && !isIn(allow, address)) || [...tally.accounts.values()].some((failures) => failures >= stillAttackedFrom);
      if (!goesOn && from <= now - quiet) return { evidence: `no attack for ${Math.round(quiet / 1_000)} s`, data: { fresh: [] } };
      if (Context.current().info.currentAttemptScheduledTimestampMs >= until) return { evidence: `${goesOn ? 'the attack goes on' : 'no attack'}, from nobody new`, data: { fresh: [] } };
      throw ApplicationFailure.create({ message: 'watches on', type: 'LookAgain', nextRetryDelay: Math.max(1, every), category: 'BENIGN' });
    },

    /**
     * The proof on one host: for `quiet` ms, and since the last block and act, no address outside the allow-list and no account has
     * 3 failed logins, and every block of ours is in force. 'Unknown' while that time has not passed, where logs have gaps, or
     * while AuthOS does not answer or has no database: nobody can fail to log in then.
     */
    async proveNoAttack({ place, quiet, lookBack, soFar, window }: QuietProof): Promise<Verdict> {
      const host = hostNamed(hosts, place.host);
      return sampled(window, async () => {
        const [blocks, health] = await Promise.all([firewall.lookAtBlocks({ place }), readHealth(apiOf(place), 'database')]);
        const now = Date.now();
        const from = Math.max(lookBack ? 0 : window.since, blocks.lastAt ?? 0);
        const since = Math.max(from, now - quiet);
        const { tally, gaps } = await tallyOf(host, since);
        const { allow = [] } = host.blocking ?? {};
        const attackers = [...tally.addresses].filter(([address, { failures }]) => failures >= stillAttackedFrom && !isIn(allow, address));
        const accounts = [...tally.accounts.values()].filter((failures) => failures >= stillAttackedFrom);
        const seconds = Math.round((now - since) / 1_000);
        const evidence = `${tally.failures} failed logins in ${seconds} s; ${attackers.length} addresses and ${accounts.length} accounts with ${stillAttackedFrom} or more; ${blocks.inForce.length} blocks in force`;
        if (attackers.length > 0 || accounts.length > 0) return { kind: 'not recovered', evidence };
        if (blocks.broken.length > 0) return { kind: 'not recovered', evidence: fitted(`${evidence}; not in force: ${blocks.broken.join(', ')}`, 1_000) };
        if (gaps.length > 0) return { kind: 'unknown', evidence: fitted(`${evidence}; ${gaps.join(', ')}`, 1_000) };
        // Without its database nobody can log in, and so nobody can fail.
        if (health.status !== 'healthy' && health.status !== 'degraded') return { kind: 'unknown', evidence: `${evidence}; but the database of AuthOS is ${health.status}: nobody can log in` };
        if (!soFar && from > now - quiet) return { kind: 'unknown', evidence: `${evidence}; that is less than the ${Math.round(quiet / 1_000)} s it takes` };
        return { kind: 'recovered', evidence };
      });
    },
  };
}

export type LoginActivities = ReturnType<typeof loginActivities>;
