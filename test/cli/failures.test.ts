import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { apiServer, incidentId, responder, type ApiServer, type Reply } from './world.js';

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const actions = `POST /api/incidents/${incidentId}/actions`;

/** An address where nothing listens: a port that was free a moment ago. */
async function deadUrl(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return `http://127.0.0.1:${port}`;
}

describe('a failure', () => {
  it.each([
    { status: 404, error: 'unknown_incident', exit: 4, next: 'responder incidents --all' },
    { status: 409, error: 'refused', exit: 5, next: 'responder show' },
    { status: 404, error: 'no_report', exit: 5, next: 'responder show' },
    { status: 410, error: 'closed', exit: 5, next: 'responder report' },
    { status: 401, error: 'unauthorized', exit: 6, next: 'RESPONDER_TOKEN' },
    { status: 403, error: 'forbidden', exit: 6, next: 'whose role' },
    { status: 503, error: 'temporal_unreachable', exit: 8, next: 'Temporal server' },
    { status: 504, error: 'no_worker', exit: 9, next: 'worker' },
    { status: 400, error: 'invalid', exit: 2, next: '--help' },
    { status: 500, error: 'internal', exit: 1, next: 'log of the server' },
  ])('of status $status and word $error exits $exit and says what to do next', async ({ status, error, exit, next }) => {
    server.on('GET /api/incidents', { json: { incidents: [] } });
    server.on(actions, { status, json: { error, message: 'because of this' } });
    const people = await responder(['ack', incidentId], { url: server.url });
    expect(people).toMatchObject({ exitCode: exit, stdout: '' });
    expect(people.stderr).toMatch(/^responder: because of this\n/);
    expect(people.stderr).toContain(next);
    const script = await responder(['ack', incidentId, '--json'], { url: server.url });
    expect(script).toMatchObject({ exitCode: exit, stderr: '' });
    expect(JSON.parse(script.stdout)).toMatchObject({
      error,
      message: 'because of this',
      next: expect.stringContaining(next) as string,
    });
  });

  it.each<{ reply: Reply; exit: number; says: string }>([
    { reply: { status: 502, text: '<html>Bad Gateway</html>' }, exit: 7, says: 'a proxy could not reach the server' },
    { reply: { status: 503, text: 'busy' }, exit: 7, says: 'not available' },
    {
      reply: { status: 404, json: { statusCode: 404, error: 'Not Found', message: 'Route POST:/api not found' } },
      exit: 1,
      says: 'Route POST:/api not found',
    },
    {
      reply: { status: 429, json: { error: 'Too Many Requests' }, headers: { 'retry-after': '7' } },
      exit: 1,
      says: 'Try again in 7 s',
    },
    { reply: { status: 302, json: {}, headers: { location: 'http://127.0.0.1:1/' } }, exit: 1, says: 'answered 302' },
    { reply: { status: 200, text: '<html>Welcome</html>' }, exit: 1, says: 'Is RESPONDER_URL the responder server' },
  ])('of another kind exits $exit and says: $says', async ({ reply, exit, says }) => {
    server.on(actions, reply);
    const { exitCode, stderr } = await responder(['ack', incidentId], { url: server.url });
    expect(exitCode).toBe(exit);
    expect(stderr).toContain(says);
  });

  it('lists the incidents that an ambiguous prefix may mean', async () => {
    const line = {
      workflowId: 'w',
      runbook: 'diskSpaceCritical',
      severity: 'Critical',
      target: 'app-1',
      state: 'open',
      level: 1,
      waitingFor: '',
    };
    const ids = [
      '0199a3b2-7c41-7d3e-8a90-5b1c2d3e4f50',
      '0199a3b2-7c42-7d3e-8a90-5b1c2d3e4f50',
      '0188a3b2-7c42-7d3e-8a90-5b1c2d3e4f50',
    ];
    server.on('GET /api/incidents', { json: { incidents: ids.map((id) => ({ ...line, id })) } });
    const people = await responder(['show', '0199A3'], { url: server.url });
    expect(people.exitCode).toBe(4);
    expect(people.stderr).toContain(
      '2 incidents begin with 0199A3:\n  0199a3b2-7c41  diskSpaceCritical on app-1, open\n  0199a3b2-7c42  ',
    );
    const script = JSON.parse((await responder(['show', '0199A3', '--json'], { url: server.url })).stdout) as {
      error: string;
      matches: { id: string }[];
    };
    expect(script.error).toBe('ambiguous_incident');
    expect(script.matches.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  });

  it('exits 7 when nothing listens, and names the address', async () => {
    const url = await deadUrl();
    const { exitCode, stderr } = await responder(['ack', incidentId], { url });
    expect(exitCode).toBe(7);
    expect(stderr).toContain(`can't reach the responder server at ${url}: connection refused.`);
    expect(stderr).not.toContain('may have been taken');
  });

  it('exits 7 when the server hangs, and warns that the action may have been taken', async () => {
    server.on(actions, 'hang');
    const { exitCode, stdout } = await responder(['ack', incidentId, '--timeout', '1', '--json'], { url: server.url });
    expect(exitCode).toBe(7);
    expect(JSON.parse(stdout)).toMatchObject({
      error: 'timeout',
      message: expect.stringMatching(/no answer from .* within 1 s\. The request may have been taken/) as string,
    });
  });

  it('gives the flag for the address precedence over the variable', async () => {
    server.on('GET /api/incidents', { json: { incidents: [] } });
    const { stdout } = await responder(['incidents', '--url', `${server.url}/`], { url: await deadUrl() });
    expect(stdout).toBe('No open incidents.');
  });

  it.each<{ env: Record<string, string>; exit: number; says: string }>([
    { env: { RESPONDER_TOKEN: '' }, exit: 6, says: 'RESPONDER_TOKEN is not set' },
    { env: { RESPONDER_TOKEN: 'sec\nret' }, exit: 2, says: 'RESPONDER_TOKEN holds characters' },
    { env: { RESPONDER_URL: 'localhost:8080' }, exit: 2, says: 'RESPONDER_URL is "localhost:8080"' },
    { env: { RESPONDER_URL: 'http://alice:secret@localhost' }, exit: 2, says: 'must not hold a name or password' },
    { env: { RESPONDER_URL: 'ftp://alice:secret@localhost' }, exit: 2, says: 'must be an http or https address' },
  ])('of the environment says: $says, without the secret', async ({ env, exit, says }) => {
    const { exitCode, stderr } = await responder(['incidents'], { env });
    expect(exitCode).toBe(exit);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/secret|sec\nret/);
  });

  it('never shows the token', async () => {
    for (const reply of [{ status: 401, json: {} }, { status: 500, text: '' }, 'hang' as const]) {
      server.on(actions, reply);
      const { all } = await responder(['ack', incidentId, '--timeout', '1'], { url: server.url }).then(({ stdout, stderr }) => ({
        all: stdout + stderr,
      }));
      expect(all).not.toContain('token-of-alice');
    }
  });
});

describe('help', () => {
  it('has examples for every command and the exit codes', async () => {
    const { stdout, exitCode } = await responder(['--help']);
    expect(exitCode).toBe(0);
    for (const { code, meaning } of exitCodes) expect(stdout).toContain(`${code}  ${meaning}`);
    const commands = [...stdout.matchAll(/^ {2}([a-z][a-z-]+)(?:\|[a-z]+)?(?: [[<].*)? {2,}\S/gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== 'help');
    expect(commands).toEqual([
      'incidents',
      'show',
      'watch',
      'report',
      'oncall',
      'trial',
      'doctor',
      'simulate',
      'catalogue',
      'ack',
      'approve',
      'decline',
      'take-over',
      'escalate',
      'snooze',
      'note',
      'check',
      'undo',
      'stop',
      'resolve',
      'mode',
      'silence',
      'open',
      'alert',
      'route',
    ]);
    const helps = await Promise.all(commands.map((name) => responder([name, '--help'])));
    expect(
      helps.filter((help, at) => help.exitCode !== 0 || !help.stdout.includes(`Examples:\n  $ responder ${commands[at]}`)),
    ).toEqual([]);
  });

  it('is an error of usage without a command', async () => {
    const { stderr, exitCode } = await responder([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Usage: responder');
  });
});
