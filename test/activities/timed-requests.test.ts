import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import { authosApi } from '../../src/activities/health-api.js';
import { measurablePath, percentile } from '../../src/activities/request-timing.js';
import { timedRequestActivities } from '../../src/activities/timed-requests.js';
import { type Answers, authosApiOf, Status } from './authos-api.js';
import { line, logWorld } from './log-world.js';
import { placeOn } from './support.js';

const metrics = '/api/v1/monitoring/metrics/api';
const minute = 60_000;
const run = <T>(act: () => Promise<T>): Promise<T> =>
  new MockActivityEnvironment({ currentAttemptScheduledTimestampMs: Date.now() }, { logger: new DefaultLogger('ERROR') }).run(act) as Promise<T>;

/** Answers after so many ms; the n-th of a path after what the list says, the last one from then on. */
function slow(...ms: number[]) {
  let n = 0;
  return (_: IncomingMessage, response: ServerResponse): void => {
    const wait = ms[Math.min(n, ms.length - 1)] ?? 0;
    n += 1;
    setTimeout(() => response.end('{}'), wait);
  };
}

async function world(answers: Answers) {
  const logs = await logWorld();
  const api = await authosApiOf(answers);
  const address = { baseUrl: api.baseUrl, token: 'a token of ours' };
  const { identifySlowEndpoints, proveResponseTimes } = timedRequestActivities({ hosts: [logs.host], apiOf: () => authosApi(address), addressOf: () => address });
  const place = placeOn(logs.host);
  const window = { samples: 1, every: 0, notBefore: 0, since: Date.now() - 10 * minute };
  return {
    ...logs,
    api,
    find: () => run(() => identifySlowEndpoints({ place })),
    prove: (endpoints: string[], lookBack = false) => run(() => proveResponseTimes({ place, endpoints, minute, lookBack, window })),
  };
}

describe('slow endpoints', () => {
  it('are found by own requests: never health, never one with parameters, never another host', async () => {
    const { find, api } = await world({
      [metrics]: { top_endpoints: { 'GET /api/health/detailed': 900, 'GET //evil.example/x': 800, 'GET /users/{id}': 700, 'POST /login': 600, 'GET api/v1/slow': 500, 'GET /api/v1/fast': 400, 'GET /api/v1/gone': 300 } },
      '/api/v1/slow': slow(0, 0, 0, 510),
      '/api/v1/fast': slow(0),
    });
    const { evidence, data } = await find();
    expect(data).toEqual({ slow: ['/api/v1/slow'], fast: ['/api/v1/fast'] });
    expect(evidence).toContain('/api/v1/gone: not measured, it answered 404');
    const paths = new Set(api.asked.map((asked) => asked.replace(/\?.*/, '')));
    expect([...paths]).toEqual([`GET ${metrics}`, 'GET /api/v1/slow', 'GET /api/v1/fast', 'GET /api/v1/gone']);
    // The first three are dropped, and one over the maximum is enough; 20 count.
    expect(api.asked.filter((asked) => asked.endsWith('/slow'))).toHaveLength(4);
    expect(api.asked.filter((asked) => asked.endsWith('/fast'))).toHaveLength(23);
  });

  it.each([
    ['HTML', '<html></html>'],
    ['a database that is down', new Status(500)],
    ['no endpoints', { total_requests: 3 }],
    ['a list', { top_endpoints: ['GET /x'] }],
    ['none that is measurable', { top_endpoints: { 'POST /login': 5 } }],
  ])('can not be found with %s, which is said and proves nothing', async (_, answer) => {
    const { find, prove } = await world({ [metrics]: answer });
    expect(await find()).toMatchObject({ evidence: expect.stringMatching(/^no endpoint can be measured: /), data: { slow: [], fast: [] } });
    expect(await prove([])).toMatchObject({ kind: 'unknown' });
  });

  it.each([
    ['GET /api/v1/users', '/api/v1/users'],
    ['GET|HEAD api/v1/users', '/api/v1/users'],
    ['/api/v1/users', '/api/v1/users'],
    ['/.well-known/jwks.json', undefined],
    ['GET /api/v1.2/jwks.json', '/api/v1.2/jwks.json'],
    ['GET /api/../../etc/passwd', undefined],
    ['GET /a/./b', undefined],
    ['GET /a//b', undefined],
    ['GET http://evil.example/a', undefined],
    ['GET //evil.example/a', undefined],
    ['GET /\\evil.example', undefined],
    ['GET /a@evil.example', undefined],
    ['GET /a?b=c', undefined],
    ['GET /a#b', undefined],
    ['GET /a%2f..%2fb', undefined],
    ['GET /users/{id}', undefined],
    ['GET /users/:id', undefined],
    ['GET /a\r\nHost: evil', undefined],
    ['GET /a\0b', undefined],
    ['GET /$(reboot)', undefined],
    ['DELETE /api/v1/users', undefined],
    ['GET /api/v1/auth/logout', undefined],
    ['GET /unsubscribe/now', undefined],
    ['GET /api/health', undefined],
    ['GET /api/health/database', undefined],
    ['GET /api/v1/monitoring/errors', undefined],
    [`GET /${'a'.repeat(10_240)}`, undefined],
    ['', undefined],
  ])('named %j are requested as %j', (name, path) => {
    expect(measurablePath(name)).toBe(path);
  });
});

describe('response times', () => {
  it('are recovered when every endpoint is fast and no query is slow', async () => {
    const { prove, write } = await world({ '/a': slow(400, 400, 400, 1), '/b': slow(0) });
    await write('performance.log', line(new Date(Date.now() - 11 * minute).toISOString(), 'Slow query detected'));
    expect(await prove(['/a', '/b'])).toMatchObject({ kind: 'recovered', evidence: expect.stringContaining('0 new slow-query lines') });
  });

  it.each([
    ['the 95th percentile is over 100 ms', slow(0, 0, 0, 0, 0, 130, 0, 0, 0, 130, 0)],
    ['one takes over 500 ms', slow(0, 0, 0, 0, 0, 0, 520, 0)],
  ])('are not recovered when %s', async (_, answer) => {
    const { prove } = await world({ '/a': answer });
    expect(await prove(['/a'])).toMatchObject({ kind: 'not recovered' });
  });

  it.each([
    ['429', new Status(429)],
    ['500, because the database is down', new Status(500)],
    ['401', new Status(401)],
    ['a redirect', new Status(302)],
  ])('with an endpoint that answers %s are unknown', async (_, answer) => {
    const { prove } = await world({ '/a': answer, '/b': slow(0) });
    expect(await prove(['/b', '/a'])).toMatchObject({ kind: 'unknown' });
  });

  it('with nothing listening are unknown', async () => {
    const { prove } = await world({ '/a': (request: IncomingMessage) => request.socket.destroy() });
    expect(await prove(['/a'])).toMatchObject({ kind: 'unknown' });
  });

  it('with a new slow-query line are not recovered, and before any act neither with one of the last minute', async () => {
    const { prove, write } = await world({ '/a': slow(0) });
    await write('performance.log', line(new Date(Date.now() - 30_000).toISOString(), 'slow query: select 1', {}, 'WARNING'));
    expect(await prove(['/a'])).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('1 new slow-query lines') });
    expect(await prove(['/a'], true)).toMatchObject({ kind: 'not recovered' });
  });

  it("are not held against the runbook's own first requests, which fill a cache", async () => {
    let first = true;
    const { prove, write, api } = await world({});
    api.answers['/a'] = (_: IncomingMessage, response: ServerResponse): void => {
      const written = first ? write('performance.log', line(new Date().toISOString(), 'Slow query detected')) : Promise.resolve();
      first = false;
      written.then(() => response.end('{}'), () => response.destroy());
    };
    expect(await prove(['/a'])).toMatchObject({ kind: 'recovered' });
  });
});

describe('a percentile', () => {
  it.each([
    [[1], 1],
    [Array.from({ length: 20 }, (_, n) => n + 1), 19],
    [Array.from({ length: 100 }, (_, n) => 100 - n), 95],
  ])('of %j at 95 %% is %d', (values, expected) => {
    expect(percentile(values, 0.95)).toBe(expected);
  });
});
