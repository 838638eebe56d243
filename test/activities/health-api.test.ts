import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it, onTestFinished } from 'vitest';

import { authosApi, healthActivities, readHealth } from '../../src/activities/health-api.js';
import { createScrub } from '../../src/activities/scrub.js';
import { hostUnder, inActivity, placeOn } from './support.js';

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const saying =
  (status: number, body: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const component = (status: string) => ({
  component: 'queue',
  result: { status, message: 'said so', failed_jobs: 120 },
  timestamp: '',
});
const read = async (answer: RequestListener, what = 'queue', timeoutMs = 10_000) => {
  const baseUrl = await serve(answer);
  return inActivity(async () => readHealth(authosApi({ baseUrl, timeoutMs }), what));
};

describe('the health of AuthOS', () => {
  it.each([
    [200, 'healthy'],
    [200, 'degraded'],
    [503, 'unhealthy'],
    [503, 'critical'],
    [200, 'not_configured'],
  ] as const)('with %d and %s is %s', async (status, said) => {
    expect(await read(saying(status, component(said)))).toMatchObject({
      status: said,
      message: 'said so',
      details: { failed_jobs: 120 },
    });
  });

  it('is read from the whole, where it is called ok', async () => {
    expect(await read(saying(200, { status: 'ok', checks: {} }), 'detailed')).toMatchObject({ status: 'healthy' });
  });

  it.each([
    ['HTML', saying(200, '<html>Down for maintenance</html>'), 'answered 200 with HTML instead of JSON'],
    ['an empty body', saying(200, ''), 'answered 200 with an empty body instead of JSON'],
    ['a status nobody knows', saying(200, component('splendid')), 'answered 200: said so'],
    ['no status', saying(200, { result: {} }), 'answered 200 without a status'],
    ['a 404 that looks healthy', saying(404, component('healthy')), 'answered 404'],
    ['too many requests', saying(429, { error: 'slow down' }), 'answered 429: slow down'],
    ['a number', saying(200, '1'), 'instead of JSON'],
    [
      'a body without end',
      ((_request, response) => void response.end('x'.repeat(2_000_000))) as RequestListener,
      'more than 1048576 bytes',
    ],
    ['a dropped connection', ((request) => void request.socket.destroy()) as RequestListener, 'gave no answer'],
    [
      'a redirect',
      ((_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()) as RequestListener,
      'answered 302',
    ],
  ])('is unknown with %s, never healthy', async (_what, answer, because) => {
    const reading = await read(answer);
    expect(reading.status).toBe('unknown');
    expect(reading.message).toContain(because);
  });

  it('is unknown when nothing comes in time, or nobody listens', async () => {
    expect(await read(() => {}, 'queue', 200)).toMatchObject({
      status: 'unknown',
      message: expect.stringContaining('nothing within 0.2 s'),
    });
    expect(await inActivity(async () => readHealth(authosApi({ baseUrl: 'http://127.0.0.1:1' }), 'queue'))).toMatchObject({
      status: 'unknown',
    });
  });

  it.each(['../v1/users', 'queue/../../x', '', 'Queue', 'a b'])('of %j is refused', async (what) => {
    await expect(inActivity(async () => readHealth(authosApi({ baseUrl: 'http://127.0.0.1:1' }), what))).rejects.toMatchObject({
      type: 'BadInput',
    });
  });

  it('shows every check and no secret in its evidence', async () => {
    const body = {
      status: 'critical',
      checks: {
        database: { status: 'unhealthy', message: 'could not connect: password=hunter2hunter2' },
        cache: { status: 'healthy' },
      },
    };
    const baseUrl = await serve(saying(503, body));
    const { checkHealth } = healthActivities({ apiOf: () => authosApi({ baseUrl }), scrub: createScrub([]) });
    const place = placeOn(hostUnder('/srv'));
    const { evidence, data } = await inActivity(() => checkHealth({ place, component: 'detailed' }));
    expect(evidence).toContain('detailed: critical, HTTP 503');
    expect(evidence).toContain('database: unhealthy, could not connect');
    expect(evidence + JSON.stringify(data)).not.toContain('hunter2');
  });
});

describe('the token', () => {
  it('goes to AuthOS as a bearer token, and never to another address', async () => {
    let seen: string | undefined;
    const baseUrl = await serve((request, response) => {
      seen = request.headers.authorization;
      saying(200, {})(request, response);
    });
    await inActivity(async () => authosApi({ baseUrl, token: 'token-1234' }).get('/api/v1/monitoring/errors'));
    expect(seen).toBe('Bearer token-1234');
    await expect(inActivity(async () => authosApi({ baseUrl, token: 'token-1234' }).get('//evil.test/x'))).rejects.toMatchObject({
      type: 'BadInput',
    });
  });
});

it('a request ends when its activity is cancelled', async () => {
  let arrived: () => void = () => {};
  const asked = new Promise<void>((resolve) => (arrived = resolve));
  const baseUrl = await serve(() => arrived());
  const activity = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const running = activity.run(async () => authosApi({ baseUrl }).get('/api/health'));
  running.catch(() => {});
  await asked;
  activity.cancel();
  await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
});
