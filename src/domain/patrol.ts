import { attackOver } from './login-attack.js';
import type { Severity } from './severity.js';

/** What the patrol looks at, from the config. Plain JSON: the argument of the workflow `patrol`. */
export interface PatrolPlan {
  environments: { name: string; hosts: { name: string; mounts: string[]; domains: string[] }[]; queues: string[] }[];
  /** How often it looks, ms. */
  every: number;
  /** A minute of the incident process, ms: a drill has shorter ones. */
  minute: number;
  /** Of the incidents that it opens. Hex of the keys that sign people's actions. */
  publicKeys: string[];
  /** Where people find incidents. */
  console: string;
}

/** A total since some moment, which may begin again at 0. */
type Totals = Record<string, number>;

/** What one host says. What could not be read is absent, and named with its reason in `unknown`. */
export interface HostReading {
  host: string;
  disks: Record<string, { usedPercent: number; writable: boolean }>;
  certificates: Record<string, { daysLeft?: number; alarmDays: number; warnDays: number; problem?: string }>;
  /** Failed logins of the last hour for each address and each account, most first, and when the last one was. */
  logins?: { addresses: number[]; accounts: number[]; last?: number };
  errors?: { errors: number; critical: number };
  unknown: Record<string, string>;
}

/** What an environment says of itself, read by one of its hosts. */
export interface SiteReading {
  /** AuthOS's own checks, as the alerts that its health body stands for. */
  health: { name: string; title: string; firing: boolean }[];
  database?: { kind: string; words: string };
  api?: Totals;
  performance?: Totals;
  webhooks?: { webhook: string; success: number; failed: number; timeouts: number }[];
  queues: Record<string, number>;
  unknown: Record<string, string>;
}

/** All of one environment at one moment. */
export interface Reading {
  /** ms since the epoch. */
  at: number;
  environment: string;
  hosts: HostReading[];
  site?: SiteReading;
  /** Workers that did not answer, with the reason. */
  silent: Record<string, string>;
}

/** One trigger, judged. `notice` is an early warning: told once, and nobody is paged. */
export interface Judgement {
  key: string;
  /** What the routing rules know it by. */
  alertname: string;
  title: string;
  labels: Record<string, string>;
  state: 'firing' | 'fine' | 'unknown';
  notice?: true;
  severity?: Severity;
}

/** What a patrol leaves for the next one. */
export interface PatrolMemory {
  readings: Reading[];
  /** By key: since when it fires and when that was last handed on, ms since the epoch. */
  firing: Record<string, { since: number; toldAt: number; judgement: Judgement }>;
  /** By source: runs in a row without an answer. */
  silent: Record<string, number>;
  /** By queue: runs in a row in which it had more failed jobs than before. */
  growing: Record<string, number>;
}

export const noPatrol: PatrolMemory = { readings: [], firing: {}, silent: {}, growing: {} };

/** The numbers of the runbooks' "Alert Trigger" and "Prevention", and where the text has none, ours. */
export const thresholds = {
  errorsPerMinute: 10,
  criticalInFiveMinutes: 3,
  averageMs: 100,
  maxMs: 500,
  slowQueries: 5,
  suspiciousAddresses: 3,
  suspiciousFrom: 5,
  webhookSuccessPercent: 95,
  webhookDeliveriesAtLeast: 20,
  webhookFailedADay: 50,
  webhookTimeouts: 10,
  hitRatePercent: 50,
  lookupsAtLeast: 100,
  diskPercent: 90,
  diskWarnPercent: 80,
  failedJobs: 100,
  growingRuns: 3,
  silentRuns: 3,
  requestsAtLeast: 10,
} as const;

/** A total's growth; undefined where either is missing or it began again (midnight, a cleared cache): that says nothing. */
export function delta(before: Totals | undefined, now: Totals | undefined, name: string): number | undefined {
  const [a, b] = [before?.[name], now?.[name]];
  return a === undefined || b === undefined || b < a ? undefined : b - a;
}

type Draft = Omit<Judgement, 'state'>;

/** One judgement: 'unknown' while a figure is missing, so that silence is never taken for health. */
function judged(draft: Draft, fires: boolean | undefined): Judgement {
  return { ...draft, state: fires === undefined ? 'unknown' : fires ? 'firing' : 'fine' };
}

/** Judges every trigger that one environment's reading can tell, against the one before. Pure. */
export function judge(now: Reading, before: Reading | undefined, memory: Pick<PatrolMemory, 'silent' | 'growing'>): Judgement[] {
  const { environment, hosts, site } = now;
  return [
    ...hosts.flatMap((host) => [...judgedDisks(host), ...judgedCertificates(host, environment)]),
    ...judgedErrors(environment, hosts),
    ...judgedLogins(environment, hosts, before?.hosts ?? []),
    ...(site ? [...judgedHealth(environment, site), ...judgedTimes(environment, site, before?.site), ...judgedCache(environment, site, before?.site), ...judgedWebhooks(environment, site, before?.site), ...judgedQueues(environment, site, memory.growing)] : []),
    ...Object.entries(memory.silent)
      .filter(([source]) => source.startsWith(`${environment}:`))
      .map(([source, runs]) =>
        judged({ key: `silent/${source}`, alertname: 'PatrolSourceSilent', title: `Nothing was heard of ${source.slice(environment.length + 1)} in ${runs} looks`, labels: { environment, source }, severity: 'High' }, runs >= thresholds.silentRuns)),
  ];
}

function judgedDisks({ host, disks }: HostReading): Judgement[] {
  return Object.entries(disks).flatMap(([mountpoint, { usedPercent, writable }]) => {
    const labels = { host, mountpoint };
    const words = `${host}:${mountpoint} is ${Math.floor(usedPercent)} % full${writable ? '' : ', and nothing can be written'}`;
    return [
      judged({ key: `disk/${host}:${mountpoint}`, alertname: 'DiskSpaceCritical', title: words, labels }, usedPercent > thresholds.diskPercent || !writable),
      judged({ key: `disk-early/${host}:${mountpoint}`, alertname: 'DiskSpaceEarly', title: words, labels, notice: true }, usedPercent >= thresholds.diskWarnPercent && usedPercent <= thresholds.diskPercent && writable),
    ];
  });
}

function judgedCertificates({ host, certificates }: HostReading, environment: string): Judgement[] {
  return Object.entries(certificates).flatMap(([domain, { daysLeft: days, alarmDays, warnDays, problem }]) => {
    const labels = { environment, domain, seen_from: host };
    const words = `The certificate of ${domain} ${problem ? `does not work: ${problem}` : `has ${days?.toFixed(1)} days left`}`;
    return [
      judged({ key: `certificate/${domain}@${host}`, alertname: 'SslCertificateExpiry', title: words, labels }, problem !== undefined || (days !== undefined && days < alarmDays)),
      judged({ key: `certificate-early/${domain}@${host}`, alertname: 'SslCertificateEarly', title: words, labels, notice: true }, problem === undefined && days !== undefined && days >= alarmDays && days < warnDays),
    ];
  });
}

/** Hosts of one environment may write to one log or each to its own: the worst counts, and a host without a figure proves nothing. */
function judgedErrors(environment: string, hosts: HostReading[]): Judgement[] {
  const known = hosts.flatMap(({ errors }) => errors ?? []);
  const [errors, critical] = [Math.max(0, ...known.map((one) => one.errors)), Math.max(0, ...known.map((one) => one.critical))];
  const fires = errors > thresholds.errorsPerMinute || critical >= thresholds.criticalInFiveMinutes;
  const title = `${errors} errors in the last minute, ${critical} critical ones in the last five`;
  return [judged({ key: `errors/${environment}`, alertname: 'HighErrorRate', title, labels: { environment } }, fires || (known.length > 0 && known.length === hosts.length ? false : undefined))];
}

/** Over the threshold, and going on: the hour that holds an attack which is over must not open it again. */
function judgedLogins(environment: string, hosts: HostReading[], before: HostReading[]): Judgement[] {
  const perHost = hosts.map(({ host, logins }) => {
    if (!logins) return undefined;
    const earlier = before.find((one) => one.host === host)?.logins?.last ?? 0;
    if ((logins.last ?? 0) <= earlier) return { words: 'no new failed login', fires: false };
    const over = (failures: number): boolean => failures > attackOver;
    const [worst, accounts] = [logins.addresses.filter(over), logins.accounts.filter(over)];
    const suspicious = logins.addresses.filter((failures) => failures >= thresholds.suspiciousFrom);
    const words = `${worst.length} addresses and ${accounts.length} accounts with more than ${attackOver} failed logins in the last hour, ${suspicious.length} suspicious addresses`;
    return { words, fires: worst.length > 0 || accounts.length > 0 || suspicious.length >= thresholds.suspiciousAddresses };
  });
  const worst = perHost.find((one) => one?.fires) ?? perHost.find((one) => one !== undefined);
  const draft = { key: `logins/${environment}`, alertname: 'BruteForceAttack', title: worst?.words ?? 'failed logins are not known', labels: { environment } };
  return [judged(draft, worst?.fires === true ? true : worst === undefined || perHost.includes(undefined) ? undefined : false)];
}

/** AuthOS's own word. What the patrol measures itself, disks, is left to that. */
function judgedHealth(environment: string, { health, database }: SiteReading): Judgement[] {
  const said = health
    .filter(({ name }) => name !== 'AuthosDiskSpace')
    .map(({ name, title, firing }) => judged({ key: `health/${environment}/${name}`, alertname: name, title, labels: { environment } }, firing));
  if (!database || database.kind === 'unknown' || database.kind === 'refuses us') return said;
  const down = database.kind === 'no response' || database.kind === 'full';
  return [...said, judged({ key: `database/${environment}`, alertname: 'DatabaseConnectionFailures', title: `The database ${database.kind === 'full' ? 'has no free connection' : 'gives no answer'}: ${database.words}`.slice(0, 300), labels: { environment } }, down)];
}

function judgedTimes(environment: string, { api, performance }: SiteReading, before: SiteReading | undefined): Judgement[] {
  const requests = delta(before?.api, api, 'requests');
  const spent = (totals: Totals | undefined): Totals | undefined =>
    totals?.['requests'] === undefined || totals['averageMs'] === undefined ? undefined : { ms: totals['requests'] * totals['averageMs'] };
  const ms = delta(spent(before?.api), spent(api), 'ms');
  const average = requests !== undefined && ms !== undefined && requests >= thresholds.requestsAtLeast ? ms / requests : undefined;
  // A maximum since midnight says something new only when it moves.
  const max = api?.['maxMs'] ?? performance?.['maxMs'];
  const maxMoved = delta(before?.api, api, 'maxMs') ?? delta(before?.performance, performance, 'maxMs');
  const slow = delta(before?.performance, performance, 'slowQueries');
  const reasons = [
    average !== undefined && average > thresholds.averageMs ? `${Math.round(average)} ms on average since the last look` : '',
    max !== undefined && max > thresholds.maxMs && (maxMoved ?? 0) > 0 ? `${Math.round(max)} ms at most` : '',
    slow !== undefined && slow >= thresholds.slowQueries ? `${slow} slow queries since the last look` : '',
  ].filter(Boolean);
  const draft = { key: `times/${environment}`, alertname: 'HighApiResponseTime', title: `Responses take ${reasons.join(', ') || 'their usual time'}`, labels: { environment } };
  const known = average !== undefined && maxMoved !== undefined;
  return [judged(draft, reasons.length > 0 ? true : known ? false : undefined)];
}

function judgedCache(environment: string, { performance }: SiteReading, before: SiteReading | undefined): Judgement[] {
  const hits = delta(before?.performance, performance, 'cacheHits');
  const misses = delta(before?.performance, performance, 'cacheMisses');
  const lookups = hits === undefined || misses === undefined ? undefined : hits + misses;
  const rate = lookups === undefined || lookups < thresholds.lookupsAtLeast ? undefined : ((hits ?? 0) * 100) / lookups;
  const draft = { key: `hit-rate/${environment}`, alertname: 'CacheHitRateLow', title: `${Math.round(rate ?? 0)} % of ${lookups ?? 0} lookups hit the cache since the last look`, labels: { environment } };
  return [judged(draft, rate === undefined ? undefined : rate < thresholds.hitRatePercent)];
}

/** Counts of the last day, which keep a cured webhook over the threshold: so it also takes a new failure. */
function judgedWebhooks(environment: string, { webhooks }: SiteReading, before: SiteReading | undefined): Judgement[] {
  return (webhooks ?? []).map(({ webhook, success, failed, timeouts }) => {
    const all = success + failed;
    const over =
      (all >= thresholds.webhookDeliveriesAtLeast && success * 100 < thresholds.webhookSuccessPercent * all) || failed > thresholds.webhookFailedADay || timeouts >= thresholds.webhookTimeouts;
    const earlier = before?.webhooks?.find((one) => one.webhook === webhook);
    const goesOn = earlier === undefined ? before === undefined || failed > 0 : failed > earlier.failed;
    const title = `Webhook ${webhook}: ${success} of ${all} deliveries arrived in the last day, ${timeouts} ran out of time`;
    return judged({ key: `webhook/${environment}/${webhook}`, alertname: 'WebhookDeliveryFailures', title, labels: { environment, webhook_id: webhook } }, over && goesOn);
  });
}

function judgedQueues(environment: string, { queues }: SiteReading, growing: Record<string, number>): Judgement[] {
  return Object.entries(queues).map(([queue, failed]) => {
    const runs = growing[`${environment}/${queue}`] ?? 0;
    const title = `${failed} failed jobs in queue ${queue}${runs > 0 ? `, more in each of the last ${runs} looks` : ''}`;
    return judged({ key: `queue/${environment}/${queue}`, alertname: 'FailedQueueJobs', title, labels: { environment, queue } }, failed > thresholds.failedJobs || runs >= thresholds.growingRuns);
  });
}

/** What is to be handed on, and what the next patrol needs to know. */
export interface Round {
  memory: PatrolMemory;
  alerts: { judgement: Judgement; status: 'firing' | 'resolved' }[];
  notices: Judgement[];
}

/** A condition that lasts is handed on again after so many minutes: an incident that a person closed meanwhile reopens. */
const againAfterMinutes = 10;

/** One round over all environments. Pure: counts silences, judges, and compares with what fired before. */
export function goRound(memory: PatrolMemory, readings: Reading[], plan: Pick<PatrolPlan, 'minute'>, now: number): Round {
  const counted = { silent: countedSilence(memory.silent, readings), growing: countedGrowth(memory, readings) };
  const judgements = readings.flatMap((reading) => judge(reading, memory.readings.find(({ environment }) => environment === reading.environment), counted));
  const firing = { ...memory.firing };
  const alerts: Round['alerts'] = [];
  const notices: Judgement[] = [];
  for (const judgement of judgements) {
    const known = firing[judgement.key];
    if (judgement.state === 'fine' && known) {
      delete firing[judgement.key];
      if (!judgement.notice) alerts.push({ judgement, status: 'resolved' });
    }
    if (judgement.state !== 'firing') continue;
    const due = !known || (!judgement.notice && now >= known.toldAt + againAfterMinutes * plan.minute);
    if (due && judgement.notice) notices.push(judgement);
    else if (due) alerts.push({ judgement, status: 'firing' });
    firing[judgement.key] = { since: known?.since ?? now, toldAt: due ? now : known.toldAt, judgement };
  }
  // What the config does not name any more can't get better: it is forgotten with its environment or host.
  const kept = Object.fromEntries(Object.entries(firing).filter(([key, { toldAt }]) => judgements.some((one) => one.key === key) || now < toldAt + 24 * 60 * plan.minute));
  return { memory: { readings, firing: kept, ...counted }, alerts, notices };
}

function countedSilence(before: Record<string, number>, readings: Reading[]): Record<string, number> {
  const silent: Record<string, number> = {};
  for (const reading of readings) {
    for (const [source, isSilent] of sourcesOf(reading)) {
      const key = `${reading.environment}:${source}`;
      silent[key] = isSilent ? (before[key] ?? 0) + 1 : 0;
    }
    for (const [source, isSilent] of partsOf(reading)) {
      const key = `${reading.environment}:${source}`;
      const known = before[key];
      if (!isSilent) silent[key] = 0;
      // What was never read falls silent by no fault: `responder doctor` tells it.
      else if (known !== undefined) silent[key] = known + 1;
    }
    // Nobody looked: what was counted stays.
    for (const host of Object.keys(reading.silent)) {
      for (const [key, runs] of Object.entries(before)) if (key.startsWith(`${reading.environment}:${partOf(host, '')}`)) silent[key] = runs;
    }
  }
  return silent;
}

/** How AuthOS is watched at all, each with true if it says nothing. Its monitoring needs the database, whose outage has an alert of its own. */
function sourcesOf({ hosts, site, silent: workers }: Reading): [string, boolean][] {
  return [
    ...Object.keys(workers).map((host): [string, boolean] => [`the worker of ${host}`, true]),
    ...hosts.map(({ host }): [string, boolean] => [`the worker of ${host}`, false]),
    ...(site ? siteSources.map((source): [string, boolean] => [sourceWords[source], site.unknown[source] !== undefined && (source === 'health' || site.database?.kind === 'accepting')]) : []),
  ];
}

const siteSources = ['health', 'performance'] as const;
const sourceWords = { health: "AuthOS's health API", performance: "AuthOS's monitoring API" } as const;

/** Each thing that a look reads by itself, with true if it could not: one that no longer can be read would never fire again. */
function partsOf({ hosts, site }: Reading): [string, boolean][] {
  const ofHosts = hosts.flatMap(({ host, disks, certificates, logins, errors, unknown }): [string, boolean][] => [
    ...Object.keys(disks).map((mount): [string, boolean] => [partOf(host, `disk ${mount}`), false]),
    ...Object.keys(certificates).map((domain): [string, boolean] => [partOf(host, `certificate ${domain}`), false]),
    ...(logins ? [[partOf(host, 'logins'), false] as [string, boolean]] : []),
    ...(errors ? [[partOf(host, 'errors'), false] as [string, boolean]] : []),
    // Our own part of it may be at fault, or the database that holds it: that has an alert of its own.
    ...Object.keys(unknown).map((name): [string, boolean] => [partOf(host, name), !databaseIsDown(site)]),
  ]);
  if (!site || databaseIsDown(site)) return ofHosts;
  const cannotSay = site.database === undefined || site.database.kind === 'unknown' || site.database.kind === 'refuses us';
  return [...ofHosts, ['the database', cannotSay], ...(cannotSay ? [] : [['the tables of jobs and webhooks', site.unknown['tables'] !== undefined] as [string, boolean]])];
}

const partOf = (host: string, name: string): string => `${host}'s ${name}`;

function databaseIsDown(site: SiteReading | undefined): boolean {
  return ['no response', 'full', 'starting'].includes(site?.database?.kind ?? '');
}

function countedGrowth({ readings: earlier, growing }: PatrolMemory, readings: Reading[]): Record<string, number> {
  const entries = readings.flatMap(({ environment, site }) => {
    const before = earlier.find((one) => one.environment === environment)?.site?.queues;
    return Object.entries(site?.queues ?? {}).map(([queue, failed]): [string, number] => {
      const key = `${environment}/${queue}`;
      const was = before?.[queue];
      return [key, was !== undefined && failed > was ? (growing[key] ?? 0) + 1 : 0];
    });
  });
  return Object.fromEntries(entries);
}
