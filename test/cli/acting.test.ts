import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiServer, incidentId, responder, type ApiServer } from './world.js';

let server: ApiServer;
let folder: string;
beforeAll(async () => {
  server = await apiServer();
  folder = await mkdtemp(join(tmpdir(), 'responder-cli-'));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const actions = `/api/incidents/${incidentId}/actions`;

describe('what a person does with an incident', () => {
  it.each([
    { words: ['ack'], after: [], sent: { kind: 'acknowledge' } },
    { words: ['acknowledge'], after: [], sent: { kind: 'acknowledge' } },
    { words: ['approve'], after: ['1.2'], sent: { kind: 'approve', ask: '1.2' } },
    { words: ['decline'], after: ['1.2'], sent: { kind: 'decline', ask: '1.2' } },
    {
      words: ['decline'],
      after: ['1.2', '--reason', 'still needed'],
      sent: { kind: 'decline', ask: '1.2', reason: 'still needed' },
    },
    { words: ['escalate'], after: [], sent: { kind: 'escalate' } },
    {
      words: ['escalate'],
      after: ['--level', '3', '--reason', 'decide on the rollback'],
      sent: { kind: 'escalate', level: 3, reason: 'decide on the rollback' },
    },
    {
      words: ['snooze'],
      after: ['15', '--reason', 'volume grows'],
      sent: { kind: 'snooze', minutes: 15, reason: 'volume grows' },
    },
    { words: ['note'], after: ['called the provider'], sent: { kind: 'note', text: 'called the provider' } },
    { words: ['note'], after: ['called', 'the', 'provider'], sent: { kind: 'note', text: 'called the provider' } },
    { words: ['check'], after: [], sent: { kind: 'check' } },
    { words: ['check'], after: ['--run'], sent: { kind: 'check', run: true } },
    { words: ['undo'], after: ['1/disable-webhook'], sent: { kind: 'undo', undo: '1/disable-webhook' } },
    { words: ['stop'], after: ['--reason', 'by hand'], sent: { kind: 'stop', reason: 'by hand' } },
    { words: ['resolve'], after: ['--reason', 'false alarm'], sent: { kind: 'resolve', reason: 'false alarm' } },
  ])('sends $sent and tells what the incident said', async ({ words, after, sent }) => {
    server.on(`POST ${actions}`, { json: { recorded: 'applied', said: 'bob holds it until 14:35' } });
    const { stdout, stderr, exitCode } = await responder([...words, incidentId, ...after], { url: server.url });
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '✓ bob holds it until 14:35', stderr: '', exitCode: 0 });
    expect(server.seen.at(-1)).toEqual({
      method: 'POST',
      url: actions,
      authorization: 'Bearer token-of-alice',
      agent: 'responder-cli',
      body: sent,
    });
  });

  it('tells apart an action that waits for a worker', async () => {
    server.on(`POST ${actions}`, { status: 202, json: { recorded: 'queued', said: 'kept for the incident' } });
    const people = await responder(['ack', incidentId], { url: server.url });
    expect(people.exitCode).toBe(9);
    expect(people.stdout).toBe(`queued: kept for the incident\n→ responder show ${incidentId}`);
    const script = await responder(['ack', incidentId, '--json'], { url: server.url });
    expect(script.exitCode).toBe(9);
    expect(JSON.parse(script.stdout)).toEqual({ recorded: 'queued', said: 'kept for the incident' });
  });

  it.each([
    { words: ['approve', incidentId], says: "missing required argument 'ask'" },
    { words: ['snooze', incidentId, '15'], says: "required option '--reason <text>' not specified" },
    { words: ['snooze', incidentId, '1441', '--reason', 'x'], says: 'a whole number of minutes from 1 to 1440' },
    { words: ['snooze', incidentId, '1e1', '--reason', 'x'], says: 'a whole number of minutes from 1 to 1440' },
    { words: ['escalate', incidentId, '--level', 'two'], says: 'a whole number of levels from 1 to 20' },
    { words: ['resolve', incidentId, '--reason', ' '], says: 'It must not be empty' },
    { words: ['note', incidentId, 'x'.repeat(2_001)], says: 'It has 2001 characters; 2000 are the most' },
    { words: ['ack', incidentId, '--why', 'x'], says: "unknown option '--why'" },
    { words: ['ack', 'abc'], says: '"abc" is no incident' },
    { words: ['ack', '../../mode'], says: '"../../mode" is no incident' },
    { words: ['ack', incidentId, 'more'], says: 'too many arguments' },
    { words: ['ack', incidentId, '--timeout', '0'], says: 'a whole number of seconds from 1 to 600' },
    { words: ['acknwledge', incidentId], says: "unknown command 'acknwledge'" },
  ])('sends nothing and says: $says', async ({ words, says }) => {
    const before = server.seen.length;
    const people = await responder(words, { url: server.url });
    expect(people).toMatchObject({ exitCode: 2, stdout: '' });
    expect(people.stderr).toContain(says);
    const script = await responder([...words, '--json'], { url: server.url });
    expect(script).toMatchObject({ exitCode: 2, stderr: '' });
    expect(JSON.parse(script.stdout)).toMatchObject({ error: 'usage', message: expect.stringContaining(says) as string });
    expect(server.seen.length).toBe(before);
  });
});

describe('responder open', () => {
  it('opens an incident and says how to follow it', async () => {
    server.on('POST /api/incidents', {
      status: 202,
      json: { alerts: [{ fingerprint: 'diskSpaceCritical/app-1:/var/www', workflowId: 'w', incidentId, state: 'opened' }] },
    });
    const { stdout, exitCode } = await responder(
      ['open', 'diskSpaceCritical', '--target', 'app-1:/var/www', '--title', 'uploads fail', '--severity', 'High'],
      { url: server.url },
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/opened +diskSpaceCritical\/app-1:\/var\/www/);
    expect(stdout).toContain(`→ responder watch ${incidentId}`);
    expect(server.seen.at(-1)).toMatchObject({
      authorization: 'Bearer token-of-alice',
      body: { runbook: 'diskSpaceCritical', target: 'app-1:/var/www', title: 'uploads fail', severity: 'High' },
    });
  });

  it('takes the server at its word about a runbook that does not exist', async () => {
    server.on('POST /api/incidents', { status: 400, json: { error: 'invalid', message: 'no runbook "diskSpace"' } });
    const { stderr, exitCode } = await responder(['open', 'diskSpace', '--title', 'x'], { url: server.url });
    expect({ stderr, exitCode }).toEqual({
      stderr: 'responder: no runbook "diskSpace"\nSee --help for what it takes.',
      exitCode: 2,
    });
  });
});

describe('responder route', () => {
  it('tells for each alert of the input where it would go, and why', async () => {
    const one = { title: 'Disk is full', status: 'firing', runbook: 'diskSpaceCritical', target: 'x', targetIsClear: false, severity: 'Critical', because: 'rule 3: Disk' };
    server.on('POST /api/route', { json: { alerts: [one] } });
    const { stdout, exitCode } = await responder(['route', '-', '--format', 'grafana'], { url: server.url, input: '{"alerts":[]}' });
    expect(exitCode).toBe(0);
    expect(server.seen.at(-1)).toMatchObject({ url: '/api/route?format=grafana', authorization: 'Bearer token-of-alice', body: { alerts: [] } });
    expect(stdout).toMatch(/Disk is full +firing +diskSpaceCritical\/x \(not clear: only observes\) +rule 3: Disk/);
  });
});

describe('responder alert', () => {
  const opened = { alerts: [{ fingerprint: 'diskSpaceCritical/app-1', workflowId: 'w', incidentId, state: 'opened' }] };

  it('sends one alert from flags, with the token of the monitors', async () => {
    server.on('POST /alerts', { status: 202, json: opened });
    const flags = [
      '--runbook',
      'diskSpaceCritical',
      '--target',
      'app-1',
      '--title',
      'disk',
      '--status',
      'resolved',
      '--label',
      'team=web',
      '--label',
      'query=a=b',
    ];
    expect((await responder(['alert', ...flags], { url: server.url })).exitCode).toBe(0);
    expect(server.seen.at(-1)).toEqual({
      method: 'POST',
      url: '/alerts',
      authorization: 'Bearer token-of-monitor',
      agent: 'responder-cli',
      body: {
        runbook: 'diskSpaceCritical',
        target: 'app-1',
        title: 'disk',
        status: 'resolved',
        labels: { team: 'web', query: 'a=b' },
      },
    });
  });

  it('sends a captured file as it is, to the route of its format', async () => {
    const file = join(folder, 'captured.json');
    await writeFile(file, '{"version":"4","alerts":[]}');
    server.on('POST /alerts/alertmanager', { status: 202, json: { alerts: [] } });
    const { stdout } = await responder(['alert', '--format', 'alertmanager', '--file', file], { url: server.url });
    expect(stdout).toBe('The server found no alert in it.');
    expect(server.seen.at(-1)?.body).toEqual({ version: '4', alerts: [] });
  });

  it('reads the standard input', async () => {
    server.on('POST /alerts', { status: 202, json: opened });
    const { stdout, exitCode } = await responder(['alert', '--json'], { url: server.url, input: '{"title":"from a pipe"}' });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(opened);
    expect(server.seen.at(-1)?.body).toEqual({ title: 'from a pipe' });
  });

  it('exits 9 for an alert that is kept but of which nobody knows what it opened', async () => {
    server.on('POST /alerts', { status: 202, json: { alerts: [{ ...opened.alerts[0], incidentId: null, state: 'queued' }] } });
    const { stdout, exitCode } = await responder(['alert', '--title', 'disk'], { url: server.url });
    expect(exitCode).toBe(9);
    expect(stdout).toMatch(/queued +diskSpaceCritical\/app-1\n\nQueued: Temporal keeps it/);
  });

  it.each([
    { words: ['--runbook', 'x'], says: 'needs --title' },
    { words: ['--file', '/no/such/file'], says: "can't read /no/such/file" },
    { words: ['--file', '-', '--title', 'x'], says: 'not both' },
    { words: ['--title', 'x', '--format', 'alertmanager'], says: '--format goes with --file' },
    { words: ['--title', 'x', '--label', 'noequals'], says: 'NAME=VALUE' },
    { words: ['--file', '-'], says: 'the standard input holds no JSON' },
  ])('refuses flags that do not fit: $says', async ({ words, says }) => {
    const before = server.seen.length;
    const { stderr, exitCode } = await responder(['alert', ...words], { url: server.url, input: '{broken' });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(says);
    expect(server.seen.length).toBe(before);
  });

  it('names the variable of the token that it lacks', async () => {
    const { stderr, exitCode } = await responder(['alert', '--title', 'x'], {
      url: server.url,
      env: { RESPONDER_ALERT_TOKEN: '' },
    });
    expect(exitCode).toBe(6);
    expect(stderr).toContain('RESPONDER_ALERT_TOKEN is not set');
  });
});
