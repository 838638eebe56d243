import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { Finding } from '../domain/step.js';
import { type Deployment, lastDeployment } from './deployment-history.js';
import { errorChannels } from './error-rate.js';
import type { AuthosApi } from './health-api.js';
import { hostNamed } from './known-hosts.js';
import { readLogLines } from './logs.js';
import { outsideText } from './outside-text.js';
import { errorOfLine, recentErrors } from './recent-errors.js';
import type { RecordedError } from './recent-errors.js';
import type { Scrub } from './scrub.js';
import type { Shell } from './shell.js';
import { listed } from './wording.js';

/** What the errors have in common. */
export interface ErrorPattern {
  errors: number;
  /** Errors that name exhausted memory of PHP. */
  memoryExhausted: number;
  /** Errors of a database that can't be reached or is full. */
  databaseUnreachable: number;
  /** True only if the errors began right after the last deployment, which is at most two hours ago. */
  followsDeployment: boolean;
  /** Why it does or does not, in words. */
  why: string;
  deployment?: Deployment;
}

const minute = 60_000;
/** "Only if R1 ties the errors to a deployment of the last 2 h." */
const deploymentAtMost = 120 * minute;
/** Errors of a deployment show soon after it; later ones have another cause. */
const beginsWithin = 30 * minute;
/** Errors of this long before the deployment tell whether the same were there already. */
const lookBefore = 60 * minute;
/** What is counted apart; an outsider can make up endless endpoints. */
const mostGroups = 5_000;

/** PHP's own words. */
const exhausted = /Allowed memory size of \d+ bytes exhausted|Out of memory \(allocated/i;
const unreachable = /SQLSTATE\[(?:08\w{3}|57P0\d|53300)\]|connection refused|too many (?:clients|connections)|remaining connection slots|could not connect to server|connection to server .{0,80} failed|timeout expired/i;

/** Activities that find out what errors have in common. They change nothing; a repeat is safe. */
export function errorPatternActivities({
  hosts,
  shellOf,
  apiOf,
  scrub,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  scrub: Scrub;
}) {
  return {
    /**
     * The share of the errors by endpoint, by user or organisation and by exception type, and whether the commonest began after
     * the last deployment. From the log that has most of them, else from the API's last hour. Throws, and is retried, if
     * neither can be read.
     */
    async identifyErrorPattern({ place }: { place: Place }): Promise<Finding<ErrorPattern>> {
      const host = hostNamed(hosts, place.host);
      const deployed = await lastDeployment({ host, shell: shellOf(host) });
      const deployment = 'unknown' in deployed ? undefined : deployed;
      const now = Date.now();
      const isRecent = deployment !== undefined && deployment.deployedAt > now - deploymentAtMost;
      const since = isRecent ? Math.min(deployment.deployedAt - lookBefore, now - lookBefore) : now - lookBefore;
      const groups = await largestSource(host, apiOf(place), since);
      const tie = 'unknown' in deployed ? { follows: false, why: `the last deployment is not known: ${deployed.unknown}` } : judgeTie(groups, deployed, now);
      const common = {
        errors: groups.total,
        memoryExhausted: groups.memoryExhausted,
        databaseUnreachable: groups.databaseUnreachable,
        followsDeployment: tie.follows,
        why: outsideText(tie.why, scrub, 400),
        ...(deployment ? { deployment } : {}),
      };
      const show = (what: string, shares: Map<string, number>): string[] =>
        shares.size === 0 ? [] : [`by ${what}: ${topShares(shares, groups.total).map(({ name, percent }) => `${outsideText(name, scrub, 80)} ${percent} %`).join(', ')}`];
      const rows = [
        ...show('endpoint', groups.endpoints),
        ...show('user', groups.users),
        ...show('organisation', groups.organisations),
        ...show('exception', groups.types),
        common.why,
        ...(common.memoryExhausted > 0 ? [`${common.memoryExhausted} name exhausted memory`] : []),
        ...(common.databaseUnreachable > 0 ? [`${common.databaseUnreachable} name a database that can't be reached`] : []),
      ];
      return { evidence: listed(`${groups.total} errors since ${new Date(since).toISOString()} (${groups.source})`, rows), data: common };
    },
  };
}

/** Errors counted as they stream past: memory does not grow with their number. */
class Groups {
  total = 0;
  memoryExhausted = 0;
  databaseUnreachable = 0;
  readonly source: string;
  readonly endpoints = new Map<string, number>();
  readonly users = new Map<string, number>();
  readonly organisations = new Map<string, number>();
  readonly types = new Map<string, number>();
  /** By exception and endpoint: how many, and when they came. */
  readonly kinds = new Map<string, { name: string; errors: number; times: number[] }>();

  constructor(source: string) {
    this.source = source;
  }

  add(error: RecordedError): void {
    this.total += 1;
    if (exhausted.test(error.message)) this.memoryExhausted += 1;
    if (unreachable.test(error.message)) this.databaseUnreachable += 1;
    count(this.types, error.type);
    if (error.endpoint !== undefined) count(this.endpoints, error.endpoint);
    if (error.user !== undefined) count(this.users, error.user);
    if (error.organisation !== undefined) count(this.organisations, error.organisation);
    const key = `${error.type}\n${error.endpoint ?? ''}`;
    const kind = this.kinds.get(key) ?? { name: `${error.type}${error.endpoint === undefined ? '' : ` on ${error.endpoint}`}`, errors: 0, times: [] };
    kind.errors += 1;
    if (kind.times.length < 10_000) kind.times.push(error.at);
    if (this.kinds.size < mostGroups || this.kinds.has(key)) this.kinds.set(key, kind);
  }
}

function count(counts: Map<string, number>, name: string): void {
  if (counts.size < mostGroups || counts.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
}

async function largestSource(host: Host, api: AuthosApi, since: number): Promise<Groups> {
  const problems: string[] = [];
  const sources: Groups[] = [];
  for (const channel of errorChannels) {
    const groups = new Groups(`${channel} log`);
    const read = await readLogLines({ host, channel, since }, (line) => {
      const error = errorOfLine(line);
      if (error) groups.add(error);
    });
    problems.push(...read.problems);
    if (read.there > 0) sources.push(groups);
  }
  const recent = await recentErrors(api);
  if ('unknown' in recent) problems.push(recent.unknown);
  else {
    const groups = new Groups('API, of the last hour');
    for (const error of recent.errors.filter(({ at }) => at >= since)) groups.add(error);
    sources.push(groups);
  }
  const largest = sources.toSorted((a, b) => b.total - a.total)[0];
  if (!largest) throw new Error(`no errors can be read: ${problems.join(', ') || 'there is no log'}`);
  return largest;
}

function topShares(counts: Map<string, number>, total: number): { name: string; percent: number }[] {
  return [...counts.entries()]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([name, errors]) => ({ name, percent: Math.round((errors * 100) / total) }));
}

function judgeTie({ kinds, source }: Groups, { head, deployedAt, timeFrom }: Deployment, now: number): { follows: boolean; why: string } {
  const what = `the last deployment (${head.slice(0, 12)}, ${new Date(deployedAt).toISOString()}${timeFrom === 'commit' ? ', by the time of its commit' : ''})`;
  if (deployedAt <= now - deploymentAtMost) return { follows: false, why: `${what} is more than 2 h ago` };
  const commonest = [...kinds.values()].sort((a, b) => b.errors - a.errors)[0];
  if (!commonest) return { follows: false, why: `no errors that could follow ${what}` };
  // Git and logs keep whole seconds.
  const before = commonest.times.filter((at) => at < deployedAt - 1_000);
  if (before.length > 0) return { follows: false, why: `the commonest error (${commonest.name}) was there before ${what}: ${before.length} times` };
  if (source.startsWith('API') && deployedAt - 5 * minute < now - lookBefore) return { follows: false, why: `the API tells only the last hour, and ${what} is older` };
  const first = Math.min(...commonest.times);
  const after = Math.max(0, Math.round((first - deployedAt) / 1_000));
  if (first > deployedAt + beginsWithin) return { follows: false, why: `the commonest error (${commonest.name}) began ${Math.round(after / 60)} min after ${what}: too late to be tied to it` };
  return { follows: true, why: `the commonest error (${commonest.name}) began ${after} s after ${what} and was not there before` };
}

export type ErrorPatternActivities = ReturnType<typeof errorPatternActivities>;
