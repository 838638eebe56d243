import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiServer, incidentId, openIncident, spawned, type ApiServer } from './world.js';

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

describe('the program responder', () => {
  it('gives its result on stdout and 0 to the shell', async () => {
    server.on('GET /api/incidents', { json: { incidents: [] } });
    const { stdout, stderr, exitCode } = await spawned(['incidents'], { url: server.url });
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'No open incidents.', stderr: '', exitCode: 0 });
  });

  it('gives a failure on stderr and its exit code to the shell', async () => {
    server.on(`POST /api/incidents/${incidentId}/actions`, { status: 409, json: { error: 'refused', message: 'no run is going on' } });
    const { stdout, stderr, exitCode } = await spawned(['stop', incidentId, '--reason', 'by hand'], { url: server.url });
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 5 });
    expect(stderr).toMatch(/^responder: no run is going on\n/);
  });

  it('gives exit code 9 for what is queued, though nothing failed', async () => {
    server.on(`POST /api/incidents/${incidentId}/actions`, { status: 202, json: { recorded: 'queued', said: 'kept' } });
    expect((await spawned(['ack', incidentId], { url: server.url })).exitCode).toBe(9);
  });

  it('reads a pipe', async () => {
    server.on('POST /alerts', { status: 202, json: { alerts: [] } });
    const { exitCode } = await spawned(['alert', '--json'], { url: server.url, input: '{"title":"from a pipe"}' });
    expect(exitCode).toBe(0);
    expect(server.seen.at(-1)?.body).toEqual({ title: 'from a pipe' });
  });

  it('ends well when its reader has had enough', async () => {
    server.on(`GET /api/incidents/${incidentId}/report`, { text: 'a line of a long report\n'.repeat(200_000) });
    const printing = spawned(['report', incidentId], { url: server.url });
    printing.stdout?.once('data', () => printing.stdout?.destroy());
    const { exitCode, stderr } = await printing;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('uses colours only where they are wanted', async () => {
    server.on(`GET /api/incidents/${incidentId}`, { json: { view: openIncident(), progress: [] } });
    const escape = '\u001b[';
    const plain = await spawned(['show', incidentId], { url: server.url, env: { CI: 'true' } });
    const forced = await spawned(['show', incidentId], { url: server.url, env: { FORCE_COLOR: '1' } });
    const refused = await spawned(['show', incidentId], { url: server.url, env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
    expect([plain, forced, refused].map(({ stdout }) => stdout.includes(escape))).toEqual([false, true, false]);
  });

  it('ends watching by Ctrl-C with 130 and leaves the incident alone', async () => {
    server.on(`GET /api/incidents/${incidentId}`, { json: { view: openIncident(), progress: [] } });
    const before = server.seen.length;
    const watching = spawned(['watch', incidentId], { url: server.url });
    watching.stdout?.once('data', () => watching.kill('SIGINT')); // a second one would kill it as any program
    const { exitCode, stderr } = await watching;
    expect(exitCode).toBe(130);
    expect(stderr).toContain('no longer watching; the incident goes on.');
    expect(server.seen.slice(before).every(({ method }) => method === 'GET')).toBe(true);
  });

  it('ends watching by Ctrl-C while the server hangs', async () => {
    let asked = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (asked = resolve));
    server.on(`GET /api/incidents/${incidentId}`, () => {
      asked();
      return 'hang';
    });
    const watching = spawned(['watch', incidentId, '--json'], { url: server.url });
    await arrived;
    watching.kill('SIGINT');
    const { exitCode, stdout } = await watching;
    expect(exitCode).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ error: 'interrupted' });
  });
});
