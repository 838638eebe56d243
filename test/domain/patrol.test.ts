import { describe, expect, it } from 'vitest';
import { ruleFor } from '../../src/alerts/rules.js';
import { goRound, type HostReading, judge, noPatrol, type PatrolMemory, type Reading, type SiteReading } from '../../src/domain/patrol.js';

const minute = 60_000;

function host(more: Partial<HostReading> = {}): HostReading {
  return {
    host: 'app-1',
    disks: { '/': { usedPercent: 50, writable: true } },
    certificates: { 'auth.example.com': { daysLeft: 60, alarmDays: 7, warnDays: 30 } },
    logins: { addresses: [], accounts: [] },
    errors: { errors: 0, critical: 0 },
    unknown: {},
    ...more,
  };
}

function site(more: Partial<SiteReading> = {}): SiteReading {
  return {
    health: [{ name: 'AuthosDatabase', title: 'AuthOS: database', firing: false }],
    database: { kind: 'accepting', words: 'accepts connections' },
    api: { requests: 1_000, averageMs: 50, maxMs: 300 },
    performance: { cacheHits: 900, cacheMisses: 100, slowQueries: 2 },
    webhooks: [],
    queues: { default: 3 },
    unknown: {},
    ...more,
  };
}

function reading(hosts: HostReading[] = [host()], siteReading: SiteReading | undefined = site(), at = 0): Reading {
  return { at, environment: 'production', hosts, silent: {}, ...(siteReading && { site: siteReading }) };
}

const before = reading();
const calm = { silent: {}, growing: {} };
/** Names of what fires, notices marked. */
const firing = (now: Reading, earlier: Reading | undefined = before): string[] =>
  judge(now, earlier, calm).filter(({ state }) => state === 'firing').map(({ alertname, notice }) => `${alertname}${notice ? ' (notice)' : ''}`);
const stateOf = (now: Reading, alertname: string, earlier: Reading | undefined = before): string | undefined => judge(now, earlier, calm).find((one) => one.alertname === alertname)?.state;

describe('the triggers that a host tells', () => {
  it.each<[Partial<HostReading>, string[]]>([
    [{}, []],
    [{ disks: { '/': { usedPercent: 79.9, writable: true } } }, []],
    [{ disks: { '/': { usedPercent: 80, writable: true } } }, ['DiskSpaceEarly (notice)']],
    [{ disks: { '/': { usedPercent: 90, writable: true } } }, ['DiskSpaceEarly (notice)']],
    [{ disks: { '/': { usedPercent: 90.1, writable: true } } }, ['DiskSpaceCritical']],
    [{ disks: { '/': { usedPercent: 5, writable: false } } }, ['DiskSpaceCritical']],
    [{ certificates: { x: { daysLeft: 30, alarmDays: 7, warnDays: 30 } } }, []],
    [{ certificates: { x: { daysLeft: 29.9, alarmDays: 7, warnDays: 30 } } }, ['SslCertificateEarly (notice)']],
    [{ certificates: { x: { daysLeft: 7, alarmDays: 7, warnDays: 30 } } }, ['SslCertificateEarly (notice)']],
    [{ certificates: { x: { daysLeft: 6.9, alarmDays: 7, warnDays: 30 } } }, ['SslCertificateExpiry']],
    [{ certificates: { x: { daysLeft: -1, alarmDays: 7, warnDays: 30 } } }, ['SslCertificateExpiry']],
    [{ certificates: { x: { daysLeft: 60, alarmDays: 7, warnDays: 30, problem: 'not trusted' } } }, ['SslCertificateExpiry']],
    [{ errors: { errors: 10, critical: 2 } }, []],
    [{ errors: { errors: 11, critical: 0 } }, ['HighErrorRate']],
    [{ errors: { errors: 3, critical: 3 } }, ['HighErrorRate']],
    [{ logins: { addresses: [10, 4], accounts: [10], last: 1 } }, []],
    [{ logins: { addresses: [11], accounts: [], last: 1 } }, ['BruteForceAttack']],
    [{ logins: { addresses: [], accounts: [11], last: 1 } }, ['BruteForceAttack']],
    [{ logins: { addresses: [5, 5, 5], accounts: [], last: 1 } }, ['BruteForceAttack']],
  ])('%j: %j', (more, names) => {
    expect(firing(reading([host(more)]))).toEqual(names);
  });

  it('are not told again by the hour that still holds an attack which is over', () => {
    const logins = { addresses: [40], accounts: [], last: 1_000 };
    expect(stateOf(reading([host({ logins })]), 'BruteForceAttack', reading([host({ logins })]))).toBe('fine');
    expect(stateOf(reading([host({ logins: { ...logins, last: 2_000 } })]), 'BruteForceAttack', reading([host({ logins })]))).toBe('firing');
  });

  it('are unknown, never fine, where a figure is missing', () => {
    const { errors: _, logins: __, ...rest } = host();
    expect(stateOf(reading([rest]), 'HighErrorRate')).toBe('unknown');
    expect(stateOf(reading([rest, host({ host: 'app-2', errors: { errors: 20, critical: 0 } })]), 'HighErrorRate')).toBe('firing');
    expect(stateOf(reading([rest]), 'BruteForceAttack')).toBe('unknown');
    expect(stateOf(reading([]), 'HighErrorRate')).toBe('unknown');
  });
});

describe('the triggers that AuthOS tells', () => {
  it.each<[Partial<SiteReading>, string[]]>([
    [{}, []],
    [{ health: [{ name: 'AuthosDatabase', title: 'x', firing: true }, { name: 'AuthosDiskSpace', title: 'left to the disks', firing: true }] }, ['AuthosDatabase']],
    [{ database: { kind: 'no response', words: 'ECONNREFUSED' } }, ['DatabaseConnectionFailures']],
    [{ database: { kind: 'full', words: 'too many clients' } }, ['DatabaseConnectionFailures']],
    [{ database: { kind: 'unknown', words: 'ENOTFOUND' } }, []], // our own trouble
    [{ api: { requests: 1_100, averageMs: 55, maxMs: 300 } }, ['HighApiResponseTime']], // the last hundred took 105 ms
    [{ api: { requests: 1_100, averageMs: 54, maxMs: 300 } }, []], // 94 ms
    [{ api: { requests: 1_009, averageMs: 200, maxMs: 300 } }, []], // too few to say
    [{ api: { requests: 1_100, averageMs: 50, maxMs: 501 } }, ['HighApiResponseTime']],
    [{ api: { requests: 5, averageMs: 900, maxMs: 900 } }, ['HighApiResponseTime']], // began again at midnight, and a new maximum
    [{ performance: { cacheHits: 900, cacheMisses: 100, slowQueries: 7 } }, ['HighApiResponseTime']],
    [{ performance: { cacheHits: 949, cacheMisses: 151, slowQueries: 2 } }, ['CacheHitRateLow']], // 49 of 100
    [{ performance: { cacheHits: 950, cacheMisses: 150, slowQueries: 2 } }, []],
    [{ performance: { cacheHits: 900, cacheMisses: 199, slowQueries: 2 } }, []], // 99 lookups are too few
    [{ performance: { cacheHits: 1, cacheMisses: 999, slowQueries: 2 } }, []], // was cleared
    [{ webhooks: [{ webhook: '7', success: 18, failed: 1, timeouts: 0 }] }, []], // too few deliveries
    [{ webhooks: [{ webhook: '7', success: 19, failed: 1, timeouts: 0 }] }, []], // 95 %
    [{ webhooks: [{ webhook: '7', success: 18, failed: 2, timeouts: 0 }] }, ['WebhookDeliveryFailures']],
    [{ webhooks: [{ webhook: '7', success: 9_000, failed: 51, timeouts: 0 }] }, ['WebhookDeliveryFailures']],
    [{ webhooks: [{ webhook: '7', success: 9_000, failed: 10, timeouts: 10 }] }, ['WebhookDeliveryFailures']],
    [{ queues: { default: 100 } }, []],
    [{ queues: { default: 101 } }, ['FailedQueueJobs']],
  ])('%j: %j', (more, names) => {
    const maxOnly = more.api?.['requests'] === 5 ? reading([host()], site({ api: { requests: 1_000, averageMs: 50, maxMs: 300 } })) : before;
    expect(firing(reading([host()], site(more)), maxOnly)).toEqual(names);
  });

  it('say nothing about rates at the first look, and nothing about a webhook that was cured', () => {
    expect(judge(reading([host()], site({ api: { requests: 9, averageMs: 900, maxMs: 900 } })), undefined, calm).filter(({ state }) => state === 'firing')).toEqual([]);
    const webhooks = [{ webhook: '7', success: 10, failed: 90, timeouts: 0 }];
    expect(firing(reading([host()], site({ webhooks })), reading([host()], site({ webhooks })))).toEqual([]);
  });

  it('have names that the routing rules send to their runbook', () => {
    const routed = ['DiskSpaceCritical', 'SslCertificateExpiry', 'HighErrorRate', 'BruteForceAttack', 'DatabaseConnectionFailures', 'HighApiResponseTime', 'CacheHitRateLow', 'WebhookDeliveryFailures', 'FailedQueueJobs'].map((name) => ruleFor(name)?.rule.runbook);
    expect(routed).toEqual(['diskSpaceCritical', 'sslCertificateExpiry', 'highErrorRate', 'bruteForceAttack', 'databaseConnectionFailures', 'highApiResponseTimes', 'cacheSystemFailure', 'webhookDeliveryFailures', 'failedQueueJobs']);
    expect(ruleFor('PatrolSourceSilent')).toBeUndefined(); // a person judges
  });
});

describe('round after round', () => {
  const full = reading([host({ disks: { '/': { usedPercent: 95, writable: true } } })]);
  /** What each round hands on, `name status`. */
  function rounds(readings: Reading[]): string[][] {
    let memory: PatrolMemory = noPatrol;
    return readings.map((one, n) => {
      const round = goRound(memory, [one], { minute }, n * minute);
      memory = JSON.parse(JSON.stringify(round.memory)) as PatrolMemory; // as Temporal keeps it
      return [...round.alerts.map(({ judgement, status }) => `${judgement.alertname} ${status}`), ...round.notices.map(({ alertname }) => `${alertname} notice`)];
    });
  }

  it('hands on what begins and what ends, and what lasts every ten minutes', () => {
    const told = rounds([before, full, full, ...Array<Reading>(9).fill(full), before, before]);
    expect(told).toEqual([[], ['DiskSpaceCritical firing'], ...Array<string[]>(9).fill([]), ['DiskSpaceCritical firing'], ['DiskSpaceCritical resolved'], []]);
  });

  it('tells an early warning once, until it has been fine in between', () => {
    const early = reading([host({ disks: { '/': { usedPercent: 85, writable: true } } })]);
    expect(rounds([early, ...Array<Reading>(20).fill(early), before, early])).toEqual([['DiskSpaceEarly notice'], ...Array<string[]>(20).fill([]), [], ['DiskSpaceEarly notice']]);
  });

  it('does not take a host that says nothing for a cure', () => {
    const gone: Reading = { ...reading([], undefined), silent: { 'app-1': 'no worker' } };
    expect(rounds([full, gone, gone])).toEqual([['DiskSpaceCritical firing'], [], []]);
  });

  it('raises a source that is silent three times in a row, and says when it is back', () => {
    const gone: Reading = { ...reading([], undefined), silent: { 'app-1': 'no worker' } };
    expect(rounds([gone, gone, before, gone, gone, gone, gone, before])).toEqual([[], [], [], [], [], ['PatrolSourceSilent firing'], [], ['PatrolSourceSilent resolved']]);
    const { performance: _, ...rest } = site();
    const mute = reading([host()], { ...rest, unknown: { performance: 'answered 401' } });
    expect(rounds([mute, mute, mute])).toEqual([[], [], ['PatrolSourceSilent firing']]);
  });

  it.each<[string, Reading]>([
    ["app-1's disk /", reading([host({ disks: {}, unknown: { 'disk /': 'df: no such file' } })])],
    ["app-1's certificate auth.example.com", reading([host({ certificates: {}, unknown: { 'certificate auth.example.com': 'no address' } })])],
    ['the database', reading([host()], site({ database: { kind: 'refuses us', words: 'password authentication failed' }, unknown: {} }))],
    ['the tables of jobs and webhooks', reading([host()], site({ queues: {}, unknown: { tables: 'permission denied' } }))],
  ])('raises %s that can not be read any more, and not what never could', (source, blind) => {
    expect(rounds([before, blind, blind, blind, before])).toEqual([[], [], [], ['PatrolSourceSilent firing'], ['PatrolSourceSilent resolved']]);
    const { memory } = [before, blind, blind, blind].reduce((last, one) => goRound(last.memory, [one], { minute }, 0), goRound(noPatrol, [], { minute }, 0));
    expect(Object.keys(memory.firing)).toEqual([`silent/production:${source}`]);
    if (source !== 'the database') expect(rounds([blind, blind, blind, blind])).toEqual([[], [], [], []]);
  });

  it('does not call silent what only lies in a database that is down', () => {
    const { logins: _, ...rest } = host({ unknown: { logins: 'ECONNREFUSED' } });
    const down = reading([rest], site({ database: { kind: 'no response', words: 'ECONNREFUSED' }, queues: {} }));
    expect(rounds([before, down, down, down])).toEqual([[], ['DatabaseConnectionFailures firing'], [], []]);
  });

  it('knows jobs that fail again and again by three looks in a row', () => {
    const jobs = (failed: number): Reading => reading([host()], site({ queues: { default: failed } }));
    expect(rounds([jobs(1), jobs(2), jobs(3), jobs(4), jobs(4)])).toEqual([[], [], [], ['FailedQueueJobs firing'], ['FailedQueueJobs resolved']]);
  });
});
