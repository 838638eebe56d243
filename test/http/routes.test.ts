import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../src/http/errors.js';
import { call, remembering, served, tokens } from './world.js';
import type { Seen } from './world.js';

let base: string;
let log: string[];
let seen: Seen;
let close: () => Promise<void>;
let isDown = false;

beforeAll(async () => {
  const down = new ApiError('temporal_unreachable', 'Temporal can not be reached; try again');
  const memory = remembering({
    async reachable() {
      if (isDown) throw down;
    },
  });
  seen = memory.seen;
  ({ url: base, log, close } = await served(memory.incidents));
});
afterAll(() => close());
beforeEach(() => {
  seen.accepted.length = 0;
  seen.acted.length = 0;
  seen.modes.length = 0;
  isDown = false;
});

const alertmanager = JSON.parse(await readFile(new URL('../alerts/fixtures/alertmanager-disk.json', import.meta.url), 'utf8')) as Record<string, unknown>;
const source = { token: tokens.monitoring };
const alice = { token: tokens.alice };

describe('an alert', () => {
  it('is accepted from Alertmanager, one answer for each of its group', async () => {
    const { status, json } = await call(`${base}/alerts/alertmanager`, { ...source, body: alertmanager });
    expect(status).toBe(202);
    expect(json).toEqual({
      alerts: [
        { fingerprint: 'diskSpaceCritical/app-1:/var', workflowId: 'incident/diskSpaceCritical/app-1~var', incidentId: null, state: 'opened' },
        { fingerprint: 'diskSpaceCritical/app-2:/', workflowId: 'incident/diskSpaceCritical/app-2~', incidentId: null, state: 'ignored' },
        { fingerprint: 'generalTroubleshooting/production', workflowId: 'incident/generalTroubleshooting/production', incidentId: null, state: 'opened' },
      ],
    });
    expect(seen.accepted.find(({ alert }) => alert.target === 'app-1:/var')?.alert).toMatchObject({
      source: 'alertmanager (monitoring)',
      status: 'firing',
      severity: 'Critical',
    });
  });

  it('is accepted in our own format, for no runbook too', async () => {
    const { status } = await call(`${base}/alerts`, { ...source, body: { title: 'The coffee is cold', runbook: 'coffeeMachine' } });
    expect(status).toBe(202);
    expect(seen.accepted[0]?.alert).toMatchObject({ runbook: 'generalTroubleshooting', labels: { responder_note: 'there is no runbook "coffeeMachine"' } });
  });

  it('that has ended reaches its incident before one that still fires', async () => {
    const alert = (status: string) => ({ status, title: status, labels: { environment: 'production' } });
    const { json } = await call(`${base}/alerts`, { ...source, body: { alerts: [alert('firing'), alert('resolved')] } });
    expect(seen.accepted.map((routed) => routed.alert.status)).toEqual(['resolved', 'firing']);
    expect((json.alerts as { state: string }[]).map(({ state }) => state)).toEqual(['joined', 'ignored']);
  });

  it.each(['temporal_unreachable', 'spool_full', 'spool_unwritable'] as const)('that can not be kept (%s) is answered 503 with Retry-After, counted, and a line of level error', async (code) => {
    const { incidents } = remembering({ accept: () => Promise.reject(new ApiError(code, 'try again')) });
    const full = await served(incidents);
    try {
      const { status, json, headers } = await call(`${full.url}/alerts`, { ...source, body: { title: 'x' } });
      expect([status, json.error, headers.get('retry-after')]).toEqual([503, code, '5']);
      expect(full.log.map((line) => JSON.parse(line) as { level: number; msg: string })).toContainEqual(expect.objectContaining({ level: 50, msg: code }));
      expect((await call(`${full.url}/metrics`)).text).toContain(`responder_http_refusals_total{source="monitoring",code="${code}"} 1`);
    } finally {
      await full.close();
    }
  });

  it.each<[string, number, string, Parameters<typeof call>[1]]>([
    ['no token', 401, 'unauthorized', { body: { title: 'x' } }],
    ['a wrong token', 401, 'unauthorized', { body: { title: 'x' }, token: 'monitoring-0123456780' }],
    ['another scheme', 401, 'unauthorized', { body: { title: 'x' }, headers: { authorization: `Basic ${tokens.monitoring}` } }],
    ["a person's token", 403, 'forbidden', { body: { title: 'x' }, ...alice }],
    ['broken JSON', 400, 'malformed_json', { ...source, body: '{"title": "SECRET' }],
    ['no body', 400, 'malformed_json', { ...source, body: '' }],
    ['a prototype', 400, 'malformed_json', { ...source, body: '{"title":"x","__proto__":{"admin":true}}' }],
    ['the wrong type', 400, 'invalid', { ...source, body: { title: ['SECRET'] } }],
    ['a list', 400, 'invalid', { ...source, body: [{ title: 'SECRET' }] }],
    ['a form', 415, 'unsupported_media_type', { ...source, body: 'title=SECRET', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['plain text', 415, 'unsupported_media_type', { ...source, body: '{"title":"x"}', headers: { 'content-type': 'text/plain' } }],
    ['an unknown content type', 415, 'unsupported_media_type', { ...source, body: '{"title":"x"}', headers: { 'content-type': 'application/x-json' } }],
    ['5 MB', 413, 'too_large', { ...source, body: { title: 'x'.repeat(5 * 1_048_576) } }],
  ])('with %s is refused, and nothing of it is repeated', async (_what, status, error, request) => {
    const answer = await call(`${base}/alerts`, { method: 'POST', ...request });
    expect([answer.status, answer.json.error]).toEqual([status, error]);
    expect(typeof answer.json.message).toBe('string');
    expect(answer.text).not.toContain('SECRET');
    expect(seen.accepted).toEqual([]);
  });

  it('that names no field of Alertmanager is told which one is missing', async () => {
    const { status, json } = await call(`${base}/alerts/alertmanager`, { ...source, body: { version: '4' } });
    expect([status, json.error, json.message]).toEqual([400, 'invalid', 'not an alert of Alertmanager: alerts: is missing (array)']);
  });
});

describe("the people's API", () => {
  it.each([
    [{ kind: 'acknowledge' }],
    [{ kind: 'take-over', reason: 'my shift has begun' }],
    [{ kind: 'approve', ask: '1.2' }],
    [{ kind: 'decline', ask: '1.2', reason: 'not now' }],
    [{ kind: 'escalate', level: 3 }],
    [{ kind: 'snooze', minutes: 15, reason: 'driving' }],
    [{ kind: 'note', text: 'Größe 🐢\nsecond line' }],
    [{ kind: 'check', run: true }],
    [{ kind: 'undo', undo: '1/a' }],
    [{ kind: 'stop', reason: 'wrong host' }],
    [{ kind: 'resolve', reason: 'by hand' }],
  ])('passes on %j with the person of the token', async (action) => {
    const { status, json } = await call(`${base}/api/incidents/018f3c/actions`, { ...alice, body: action, headers: { 'user-agent': 'responder-cli/0.1' } });
    expect([status, json]).toEqual([200, { recorded: 'applied', said: 'done' }]);
    expect(seen.acted).toEqual([{ reference: '018f3c', action, acting: { person: 'alice', via: 'cli' } }]);
  });

  it('takes a workflow id in the path, and an idempotency key', async () => {
    const key = '018f3c5e-0000-7000-8000-00000000000a';
    const id = encodeURIComponent('incident/diskSpaceCritical/app-1~var');
    await call(`${base}/api/incidents/${id}/actions`, { ...alice, body: { kind: 'acknowledge' }, headers: { 'idempotency-key': key } });
    expect(seen.acted[0]).toMatchObject({ reference: 'incident/diskSpaceCritical/app-1~var', acting: { id: key, via: 'http' } });
  });

  it.each<[string, string, number, string, Parameters<typeof call>[1]]>([
    ['no token', '/api/incidents', 401, 'unauthorized', {}],
    ["a source's token", '/api/incidents', 403, 'forbidden', source],
    ['a kind nobody knows', '/api/incidents/018f3c/actions', 400, 'invalid', { ...alice, body: { kind: 'reboot' } }],
    ['a field too many', '/api/incidents/018f3c/actions', 400, 'invalid', { ...alice, body: { kind: 'acknowledge', person: 'bob' } }],
    ['a resolve without reason', '/api/incidents/018f3c/actions', 400, 'invalid', { ...alice, body: { kind: 'resolve' } }],
    ['a note without end', '/api/incidents/018f3c/actions', 400, 'invalid', { ...alice, body: { kind: 'note', text: 'x'.repeat(2_001) } }],
    ['a key that is no UUID', '/api/incidents/018f3c/actions', 400, 'invalid', { ...alice, body: { kind: 'acknowledge' }, headers: { 'idempotency-key': '1' } }],
    ['an incident nobody knows', '/api/incidents/018f3c', 404, 'unknown_incident', alice],
    ['a state nobody knows', "/api/incidents?state=open'%20OR%201=1", 400, 'invalid', alice],
    ['a runbook nobody knows', "/api/incidents?runbook=x'%20OR%201=1", 400, 'invalid', alice],
    ['a runbook to open that does not exist', '/api/incidents', 400, 'invalid', { ...alice, body: { runbook: 'nope', title: 'x' } }],
    ['a target to open that does not exist', '/api/incidents', 400, 'invalid', { ...alice, body: { runbook: 'diskSpaceCritical', title: 'x', target: 'app-9:/' } }],
    ['a mode nobody knows', '/api/mode', 400, 'invalid', { ...alice, method: 'PUT', body: { scope: 'global', mode: 'off' } }],
    ['a scope nobody knows', '/api/mode', 400, 'invalid', { ...alice, method: 'PUT', body: { scope: 'nope', mode: 'observe-only' } }],
    ['a route that is none', '/api/nothing', 404, 'not_found', alice],
    ['a report there is not', '/api/incidents/018f3c5e-0000-7000-8000-000000000002/report', 404, 'unknown_incident', alice],
    ['a format there is not', '/api/incidents/018f3c5e-0000-7000-8000-000000000001/report?format=pdf', 400, 'invalid', alice],
  ])('refuses %s', async (_what, path, status, error, request) => {
    const answer = await call(base + path, request);
    expect([answer.status, answer.json.error]).toEqual([status, error]);
    expect(seen.acted).toEqual([]);
    expect(seen.accepted).toEqual([]);
  });

  it('opens an incident by hand, with the severity that the person chose', async () => {
    const body = { runbook: 'diskSpaceCritical', target: 'app-2:/', title: 'looks full', severity: 'High' };
    const { status, json } = await call(`${base}/api/incidents`, { ...alice, body });
    expect([status, json.alerts]).toEqual([202, [expect.objectContaining({ fingerprint: 'diskSpaceCritical/app-2:/', state: 'opened' })]]);
    expect(seen.accepted[0]?.alert).toMatchObject({ severity: 'High', labels: { opened_by: 'alice' } });
  });

  it('gives a report as Markdown or JSON', async () => {
    const path = `${base}/api/incidents/018f3c5e-0000-7000-8000-000000000001/report`;
    const markdown = await call(path, alice);
    expect([markdown.status, markdown.text, markdown.headers.get('content-type')]).toEqual([200, '# Report', 'text/markdown; charset=utf-8']);
    expect((await call(`${path}?format=json`, alice)).json).toEqual({ v: 1 });
  });

  it('turns the kill switch in the name of the person', async () => {
    const { json } = await call(`${base}/api/mode`, { ...alice, method: 'PUT', body: { scope: 'diskSpaceCritical', mode: 'observe-only' } });
    expect(json).toEqual({ global: 'automatic', runbooks: { diskSpaceCritical: 'observe-only' } });
    expect(seen.modes).toEqual([{ scope: 'diskSpaceCritical', mode: 'observe-only', by: 'alice' }]);
  });

  it('leaves the kill switch and new incidents to those to whom the config leaves them', async () => {
    const permissions = { open: ['Security Team'], mode: ['alice'], twoPeople: [], ownRequests: 'refused' as const };
    const { incidents, seen: asked } = remembering();
    const restricted = await served(incidents, {}, { permissions });
    try {
      const opened = await call(`${restricted.url}/api/incidents`, { ...alice, body: { runbook: 'diskSpaceCritical', target: 'app-2:/', title: 'x' } });
      expect([opened.status, opened.json]).toEqual([403, { error: 'forbidden', message: 'open is left to Security Team by the config, and alice is none of them' }]);
      expect((await call(`${restricted.url}/api/mode`, { ...alice, method: 'PUT', body: { scope: 'global', mode: 'observe-only' } })).status).toBe(200);
      expect([asked.accepted.length, asked.modes.length]).toEqual([0, 1]);
      expect((await call(`${restricted.url}/metrics`)).text).toContain('responder_http_refusals_total{source="alice",code="forbidden"} 1');
    } finally {
      await restricted.close();
    }
  });

  it('lists the runbooks', async () => {
    const { json } = await call(`${base}/api/runbooks`, alice);
    expect((json.runbooks as { type: string }[]).map(({ type }) => type)).toEqual(['diskSpaceCritical', 'generalTroubleshooting']);
  });
});

describe('the server', () => {
  it('is healthy by itself and ready only with Temporal', async () => {
    expect((await call(`${base}/readyz`)).status).toBe(200);
    isDown = true;
    expect((await call(`${base}/healthz`)).status).toBe(200);
    const { status, json } = await call(`${base}/readyz`);
    expect([status, json.error]).toEqual([503, 'temporal_unreachable']);
  });

  it('counts what it did', async () => {
    await call(`${base}/alerts`, { ...source, body: { title: 'x' } });
    const { text } = await call(`${base}/metrics`);
    expect(text).toMatch(/responder_alerts_total\{source="responder \(monitoring\)",runbook="generalTroubleshooting",state="opened"\} [1-9]/);
    expect(text).toContain('responder_http_request_seconds_count{method="POST",route="/alerts",status="202"}');
  });

  it('describes its routes, and sends the headers of a careful server', async () => {
    const { json, headers } = await call(`${base}/openapi.json`);
    expect(Object.keys(json.paths as object)).toEqual(expect.arrayContaining(['/alerts', '/alerts/alertmanager', '/api/incidents/{id}/actions']));
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('names the incident on the lines of requests about it, and of an accepted alert', async () => {
    await call(`${base}/api/incidents/018f3c5e-0000-7000-8000-000000000001/report`, { token: tokens.alice });
    await call(`${base}/alerts`, { token: tokens.monitoring, body: { title: 'x' } });
    const lines = log.map((line) => JSON.parse(line) as { msg: string; incidentId?: string | null });
    for (const msg of ['incoming request', 'request completed']) expect(lines).toContainEqual(expect.objectContaining({ msg, incidentId: '018f3c5e-0000-7000-8000-000000000001' }));
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'alert accepted', incidentId: null, workflowId: expect.stringMatching(/^incident\//) }));
  });

  it('writes no token to its log', () => {
    expect(log.length).toBeGreaterThan(0);
    for (const token of Object.values(tokens)) expect(log.join()).not.toContain(token);
  });

  it('tells an address that asks too often to wait, but never a probe', async () => {
    const limited = await served(remembering().incidents, { requestsPerMinute: 3 });
    try {
      const guesses = await Promise.all(Array.from({ length: 5 }, () => call(`${limited.url}/api/incidents`, { token: 'guess-0123456789abcd' })));
      expect(guesses.map(({ status }) => status).sort()).toEqual([401, 401, 401, 429, 429]);
      expect(guesses.find(({ status }) => status === 429)?.json.error).toBe('too_many_requests');
      expect((await call(`${limited.url}/healthz`)).status).toBe(200);
    } finally {
      await limited.close();
    }
  });
});

describe('a question where alerts would go', () => {
  it('is answered with the reason, and opens nothing', async () => {
    const { status, json } = await call(`${base}/api/route?format=alertmanager`, { ...alice, body: alertmanager });
    expect(status).toBe(200);
    expect((json.alerts as object[])[0]).toEqual({
      title: 'Filesystem has less than 5% space left.',
      status: 'firing',
      runbook: 'diskSpaceCritical',
      target: 'app-1:/var',
      targetIsClear: true,
      severity: 'Critical',
      because: expect.stringMatching(/^rule 2: /) as string,
    });
    expect(seen.accepted).toEqual([]);
  });

  it.each([
    ['responder', 'own'],
    ['grafana', 'grafana'],
    ['prometheus', 'prometheus'],
    ['authos', 'authos-detailed'],
    ['uptime-kuma', 'uptime-kuma'],
    ['sentry', 'sentry-metric'],
    ['cloudevents', 'cloudevents'],
  ])('is answered for each alert of a recorded body of %s', async (format, name) => {
    const body: unknown = JSON.parse(await readFile(new URL(`../alerts/fixtures/${name}.json`, import.meta.url), 'utf8'));
    const { status, json } = await call(`${base}/api/route?format=${format}`, { ...alice, body });
    expect([status, (json.alerts as object[]).length > 0]).toEqual([200, true]);
    for (const one of json.alerts as { because: string }[]) expect(one.because).toMatch(/^(?:rule \d+: its name matches|no rule fits its name|the alert asks for)/);
    expect(seen.accepted).toEqual([]);
  });

  it('is refused for a format that is none, and to a source', async () => {
    expect((await call(`${base}/api/route?format=smoke`, { ...alice, body: {} })).json).toMatchObject({ error: 'invalid', message: expect.stringContaining('must be one of responder, alertmanager') as string });
    expect((await call(`${base}/api/route`, { ...source, body: {} })).status).toBe(403);
  });
});
