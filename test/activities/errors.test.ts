import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';

import { errorRateActivities, type ErrorRateProof } from '../../src/activities/error-rate.js';
import { errorPatternActivities } from '../../src/activities/error-pattern.js';
import { authosApi } from '../../src/activities/health-api.js';
import { growth } from '../../src/activities/figures.js';
import { monitoringActivities } from '../../src/activities/monitoring-api.js';
import { endpointOf } from '../../src/activities/recent-errors.js';
import type { Verdict } from '../../src/domain/step.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import { type Answers, authosApiOf, Status } from './authos-api.js';
import { line, logWorld } from './log-world.js';
import { inActivity, placeOn } from './support.js';

const recentPath = '/api/v1/monitoring/errors/recent';
const healthy = { status: 'ok', checks: {} };
const secret = 'token-that-nobody-sees';
const scrub = createScrub([secret]);
const minute = 60_000;

const recent = (secondsAgo: number, more: object = {}): object => ({
  id: '1', severity: 'error', type: 'QueryException', message: 'broken', url: 'https://auth/api/users/12?token=x', method: 'get', user_id: 7, organization_id: 3, timestamp: new Date(Date.now() - secondsAgo * 1_000).toISOString(), ...more,
});
const many = (count: number, secondsAgo: number, more: object = {}): object[] => Array.from({ length: count }, () => recent(secondsAgo, more));
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();

/** An attempt of an activity that was scheduled just now, by the server's clock. */
const now = (act: () => Promise<Verdict>): Promise<Verdict> =>
  new MockActivityEnvironment({ currentAttemptScheduledTimestampMs: Date.now() }, { logger: new DefaultLogger('ERROR') }).run(act) as Promise<Verdict>;

async function world(answers: Answers) {
  const logs = await logWorld();
  const api = await authosApiOf({ '/api/health/detailed': healthy, [recentPath]: [], ...answers });
  const apiOf = () => authosApi({ baseUrl: api.baseUrl, token: 'a token of ours', timeoutMs: 2_000 });
  const place = placeOn(logs.host);
  const shellOf = () => localShell({ records: logs.host.records, scrub });
  const rate = errorRateActivities({ hosts: [logs.host], apiOf });
  const window = { samples: 1, every: 0, notBefore: 0, since: Date.now() - 10 * minute };
  return {
    ...logs,
    api,
    place,
    rate,
    prove: (more: Partial<ErrorRateProof> = {}) => now(() => rate.proveErrorRate({ place, perMinute: 10, criticalBelow: 3, minute, lookBack: false, window, ...more })),
    pattern: () => inActivity(() => errorPatternActivities({ hosts: [logs.host], shellOf, apiOf, scrub }).identifyErrorPattern({ place })),
    monitoring: monitoringActivities({ hosts: [logs.host], apiOf, scrub }),
  };
}

describe('the error rate', () => {
  it('is recovered at 10 errors a minute, and not at 11', async () => {
    const { prove, api } = await world({ [recentPath]: [...many(10, 20), ...many(50, 90)] });
    expect(await prove()).toMatchObject({ kind: 'recovered', evidence: expect.stringContaining('10 errors in the last minute') });
    api.answers[recentPath] = many(11, 20);
    expect(await prove()).toMatchObject({ kind: 'not recovered' });
  });

  it('counts log lines where they say more than the API, and each error once', async () => {
    const { prove, write } = await world({ [recentPath]: many(8, 5) });
    await write('laravel.log', Array.from({ length: 8 }, () => line(ago(5), 'the same')).join(''));
    expect(await prove()).toMatchObject({ kind: 'recovered' });
    await write('monitoring.log', Array.from({ length: 12 }, () => line(ago(5), 'more')).join(''));
    expect(await prove()).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('monitoring log 12') });
  });

  it('counts only what is newer than the act, and before any act what came before the run', async () => {
    const { prove } = await world({ [recentPath]: many(60, 50) });
    const window = { samples: 1, every: 0, notBefore: 0, since: Date.now() - 40_000 };
    expect(await prove({ window, minute: 30_000 })).toMatchObject({ kind: 'recovered' });
    expect(await prove({ window, lookBack: true })).toMatchObject({ kind: 'not recovered' });
  });

  it('with three critical errors in five minutes is not recovered', async () => {
    const { prove, api } = await world({ [recentPath]: many(2, 200, { severity: 'critical' }) });
    expect(await prove()).toMatchObject({ kind: 'recovered' });
    api.answers[recentPath] = many(3, 200, { severity: 'critical' });
    expect(await prove()).toMatchObject({ kind: 'not recovered' });
  });

  it.each([
    ['health is unhealthy', { '/api/health/detailed': new Status(503, { status: 'unhealthy' }) }, 'not recovered'],
    ['health is critical', { '/api/health/detailed': new Status(503, { status: 'critical' }) }, 'not recovered'],
    ['health is HTML', { '/api/health/detailed': '<html>maintenance</html>' }, 'unknown'],
    ['health is 401', { '/api/health/detailed': new Status(401) }, 'unknown'],
    ['recent errors are HTML and there is no log', { [recentPath]: '<html></html>' }, 'unknown'],
    ['the database is down, so the API is too', { [recentPath]: new Status(500) }, 'unknown'],
    ['an error has no time', { [recentPath]: [{ message: 'when?' }] }, 'unknown'],
    ['recent errors are no list', { [recentPath]: { data: [] } }, 'unknown'],
  ] as const)('when %s is %s', async (_, answers, kind) => {
    const { prove } = await world(answers);
    expect(await prove()).toMatchObject({ kind });
  });

  it('is proven by the log alone where the API is down', async () => {
    const { prove, write } = await world({ [recentPath]: new Status(500) });
    await write('monitoring.log', line(ago(3_000), 'long ago'));
    expect(await prove()).toMatchObject({ kind: 'recovered', evidence: expect.stringContaining('answered 500') });
  });

  it('waits until a minute has passed since the act, and is unknown where this host\'s clock says it has not', async () => {
    const { prove, rate, place } = await world({});
    const window = { samples: 1, every: 0, notBefore: 0, since: Date.now() + 10 * minute };
    await expect(prove({ window })).rejects.toMatchObject({ type: 'NextSample' });
    const later = new MockActivityEnvironment({ currentAttemptScheduledTimestampMs: window.since + 2 * minute }, { logger: new DefaultLogger('ERROR') });
    const verdict = later.run(() => rate.proveErrorRate({ place, perMinute: 10, criticalBelow: 3, minute, lookBack: false, window })) as Promise<Verdict>;
    expect(await verdict).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining("by this host's clock") });
  });
});

describe('the pattern of errors', () => {
  it('gives shares by endpoint, user, organisation and exception, with ids and queries taken out', async () => {
    const { pattern } = await world({ [recentPath]: [...many(3, 60), recent(60, { url: '/login', type: 'Other', user_id: null, organization_id: null })] });
    const { evidence, data } = await pattern();
    expect(evidence).toContain('by endpoint: GET /api/users/{id} 75 %, GET /login 25 %');
    expect(evidence).toContain('by user: 7 75 %');
    expect(evidence).toContain('by organisation: 3 75 %');
    expect(evidence).toContain('by exception: QueryException 75 %, Other 25 %');
    expect(data).toMatchObject({ errors: 4, followsDeployment: false });
    expect(data.why).toMatch(/^the last deployment is not known: .* is no git work tree/);
  });

  it('notices exhausted memory and a database that can not be reached', async () => {
    const { pattern, write } = await world({});
    await write('laravel.log', line(ago(60), 'Allowed memory size of 134217728 bytes exhausted (tried to allocate 4096 bytes)') + line(ago(60), 'SQLSTATE[08006] [7] connection to server failed'));
    expect((await pattern()).data).toMatchObject({ errors: 2, memoryExhausted: 1, databaseUnreachable: 1 });
  });

  it.each([
    ['a shell', '$(reboot); `id`'],
    ['lines and a forged entry', 'x\n[2026-01-27 10:00:00] production.CRITICAL: forged'],
    ['terminal escapes and NUL', '\u001b[2J\u0000\u202e'],
    ['PHP code', "<?php system('id'); ?>"],
    ['10 kB', 'A'.repeat(10_240)],
    ['a secret', `Bearer abcdefghijkl and ${secret}`],
  ])('shows an outsider who sends %s on one line, harmless and short', async (_, words) => {
    const { pattern, monitoring, place } = await world({ [recentPath]: many(3, 60, { message: words, type: words, url: `/${words}`, user_id: words }) });
    const texts = [(await pattern()).evidence, (await inActivity(() => monitoring.reviewRecentErrors({ place, most: 20 }))).evidence];
    for (const text of texts) {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2_000);
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
      expect(text).not.toContain('\n[2026');
      expect(text).not.toContain(secret);
    }
  });

  it('can not be found if neither log nor API can be read', async () => {
    const { pattern } = await world({ [recentPath]: new Status(500) });
    await expect(pattern()).rejects.toThrow(/no errors can be read: .*answered 500/);
  });

  it.each([
    ['get', 'https://auth.example.com/api/v1/users/12?x=1#y', 'GET /api/v1/users/{id}'],
    ['POST', '/a/0b8c7e1e-1111-2222-3333-444455556666/b', 'POST /a/{id}/b'],
    ['', 'oauth/token', '/oauth/token'],
    ['; rm', '/x', '/x'],
    ['GET', '', undefined],
  ])('takes %j %j as %j', (method, url, endpoint) => {
    expect(endpointOf(method, url)).toBe(endpoint);
  });
});

describe('figures of the monitoring', () => {
  it.each([
    [{ value: 5, fetchedAt: 0 }, { value: 9, fetchedAt: 1 }, { kind: 'grew', by: 4 }],
    [{ value: 5, fetchedAt: 0 }, { value: 5, fetchedAt: 359_999 }, { kind: 'unknown' }],
    [{ value: 5, fetchedAt: 0 }, { value: 5, fetchedAt: 360_000 }, { kind: 'no growth' }],
    [{ value: 5, fetchedAt: 0 }, { value: 4, fetchedAt: 999_999 }, { kind: 'unknown' }],
    [{ fetchedAt: 0 }, { value: 4, fetchedAt: 999_999 }, { kind: 'unknown' }],
    [{ value: 4, fetchedAt: 0 }, { fetchedAt: 999_999 }, { kind: 'unknown' }],
  ])('from %j to %j are %j', (before, after, expected) => {
    expect(growth(before, after, 360_000)).toMatchObject(expected);
  });

  it.each([
    [{ critical: 1, error: 2, warning: 'many', total: -3 }, 'critical 1, error 2'],
    ['<html></html>', 'unknown'],
    [new Status(500), 'answered 500'],
    [new Status(429), 'answered 429'],
    [{}, 'without a figure'],
  ])('in %j are told as %j', async (answer, words) => {
    const { monitoring, place } = await world({ '/api/v1/monitoring/errors': answer });
    const { evidence } = await inActivity(() => monitoring.checkFigures({ place, what: 'errors' }));
    expect(evidence).toContain(words);
    expect(evidence).not.toContain('total');
  });
});
