import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mappingSchema } from '../../src/alerts/generic.js';
import { Secret } from '../../src/config.js';
import type { Config } from '../../src/config.js';
import { ApiError } from '../../src/http/errors.js';
import { call, remembering, served, tokens } from './world.js';
import type { Seen } from './world.js';

const secrets = { old: 'old-secret-0123456789', next: 'next-secret-0123456789' };
const both = [new Secret(secrets.old), new Secret(secrets.next)];
const hmac = { secret: both, header: 'x-signature', timestampHeader: 'x-timestamp' };
const sources: Config['sources'] = {
  rotating: { token: [new Secret('rotating-old-0123456789'), new Secret('rotating-new-0123456789')], requestsPerMinute: 1_000 },
  kuma: { basic: { user: 'kuma', password: both }, requestsPerMinute: 1_000 },
  signed: { hmac: { ...hmac, over: 'timestamp.body' }, requestsPerMinute: 1_000 },
  sentry: { hmac: { ...hmac, header: 'sentry-hook-signature', over: 'body' }, requestsPerMinute: 1_000 },
  slow: { token: [new Secret('slow-0123456789abcdef')], requestsPerMinute: 2 },
  small: { token: [new Secret('small-0123456789abcdef')], requestsPerMinute: 1_000, bodyLimit: 1_024 },
  odd: { token: [new Secret('odd-0123456789abcdef')], requestsPerMinute: 1_000, mapping: mappingSchema.parse({ title: '/what' }) },
  aws: { sns: { topics: ['arn:aws:sns:eu-central-1:123456789012:alarms'] }, requestsPerMinute: 1_000 },
};

let base: string;
let seen: Seen;
let log: string[];
let close: () => Promise<void>;
let isDown = false;
beforeAll(async () => {
  const memory = remembering();
  const { accept } = memory.incidents;
  memory.incidents.accept = async (routed) => {
    if (isDown) throw new ApiError('temporal_unreachable', 'Temporal can not be reached; try again');
    return accept(routed);
  };
  seen = memory.seen;
  ({ url: base, log, close } = await served(memory.incidents, {}, { sources }));
});
afterAll(() => close());
beforeEach(() => {
  seen.accepted.length = 0;
  isDown = false;
});

const alert = { title: 'x' };
const send = (headers: Record<string, string>, body: unknown = alert, path = '/alerts') => call(`${base}${path}`, { body, headers });
const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
function signature(body: string, { secret = secrets.old, at = Math.floor(Date.now() / 1_000) }: { secret?: string; at?: number } = {}) {
  return { 'x-timestamp': String(at), 'x-signature': createHmac('sha256', secret).update(`${at}.${body}`).digest('hex') };
}

describe('a source', () => {
  it.each(['rotating-old-0123456789', 'rotating-new-0123456789'])('may have either of two tokens while one is changed: %s', async (token) => {
    expect((await call(`${base}/alerts`, { token, body: alert })).status).toBe(202);
    expect(seen.accepted[0]?.alert.source).toBe('responder (rotating)');
  });

  it('may have a user and a password', async () => {
    expect((await send(basic('kuma', secrets.old))).status).toBe(202);
    expect((await send(basic('kuma', secrets.next))).status).toBe(202);
    for (const wrong of [basic('kuma', 'x'), basic('other', secrets.old), basic('', secrets.old), { authorization: 'Basic !' }]) expect((await send(wrong)).status).toBe(401);
    expect((await call(`${base}/alerts`, { token: `kuma\0${secrets.old}`.replace('\0', '%00'), body: alert })).status).toBe(401);
  });

  it('may sign body and time, with either secret', async () => {
    const text = JSON.stringify({ title: 'signed' });
    expect((await send(signature(text), text)).status).toBe(202);
    expect((await send(signature(text, { secret: secrets.next }), text)).status).toBe(202);
    expect(seen.accepted.map((routed) => routed.alert.source)).toEqual(['responder (signed)', 'responder (signed)']);
  });

  it.each<[string, (text: string) => Record<string, string>]>([
    ['another body', (text) => signature(`${text} `)],
    ['another secret', (text) => signature(text, { secret: 'another-secret-0123456789' })],
    ['a time six minutes ago', (text) => signature(text, { at: Math.floor(Date.now() / 1_000) - 360 })],
    ['a time in six minutes', (text) => signature(text, { at: Math.floor(Date.now() / 1_000) + 360 })],
    ['a time that was changed', (text) => ({ ...signature(text), 'x-timestamp': String(Math.floor(Date.now() / 1_000) - 1) })],
    ['no time', (text) => ({ 'x-signature': signature(text)['x-signature'] })],
    ['half a signature', (text) => ({ ...signature(text), 'x-signature': signature(text)['x-signature'].slice(0, 32) })],
    ['nothing at all', () => ({})],
  ])('is refused with %s', async (_what, headers) => {
    const text = JSON.stringify({ title: 'forged' });
    expect((await send(headers(text), text)).status).toBe(401);
    expect(seen.accepted).toEqual([]);
  });

  it('is heard once for one signature, unless the first time failed', async () => {
    const text = JSON.stringify({ title: 'once' });
    const headers = signature(text);
    isDown = true;
    expect((await send(headers, text)).status).toBe(503);
    isDown = false;
    expect((await send(headers, text)).status).toBe(202);
    expect((await send(headers, text)).status).toBe(401);
    // The refusal must not free it.
    expect((await send(headers, text)).status).toBe(401);
    expect(seen.accepted).toHaveLength(1);
  });

  it('may sign its body alone, as Sentry does', async () => {
    const text = JSON.stringify({ action: 'resolved', data: { metric_alert: { alert_rule: { name: 'Too many errors' } } } });
    const headers = { 'sentry-hook-signature': createHmac('sha256', secrets.next).update(text).digest('hex') };
    expect((await send(headers, text, '/alerts/sentry')).status).toBe(202);
    expect(seen.accepted[0]?.alert).toMatchObject({ source: 'sentry', status: 'resolved', runbook: 'generalTroubleshooting' });
  });

  it('is not let in by a signature that no body follows', async () => {
    const headers = signature('');
    expect((await call(`${base}/alerts`, { method: 'POST', headers })).status).toBe(401);
  });

  it('is told to wait when it sends too much, while others go on', async () => {
    const answers = [];
    for (let count = 0; count < 3; count += 1) answers.push(await call(`${base}/alerts`, { token: 'slow-0123456789abcdef', body: alert }));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 429]);
    expect(Number(answers[2]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await call(`${base}/alerts`, { token: tokens.monitoring, body: alert })).status).toBe(202);
  });

  it('may have a smaller limit for bodies', async () => {
    expect((await call(`${base}/alerts`, { token: 'small-0123456789abcdef', body: { title: 'x'.repeat(1_100) } })).status).toBe(413);
  });

  it('is read by its mapping, which others do not have', async () => {
    expect((await call(`${base}/alerts/generic`, { token: 'odd-0123456789abcdef', body: { what: 'Disk is odd' } })).status).toBe(202);
    expect(seen.accepted[0]?.alert.title).toBe('Disk is odd');
    expect((await call(`${base}/alerts/generic`, { token: tokens.monitoring, body: { what: 'x' } })).status).toBe(400);
  });

  it('is not SNS because it says so', async () => {
    const headers = { 'x-amz-sns-message-type': 'Notification', 'content-type': 'text/plain; charset=UTF-8' };
    for (const body of [{}, { Type: 'Notification', TopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms' }]) {
      expect((await send(headers, body, '/alerts/cloudwatch')).status).toBe(401);
    }
    expect(seen.accepted).toEqual([]);
  });
});

describe('a body', () => {
  const good = { token: tokens.monitoring };
  it.each([
    ['nested 100,000 deep', `{"title":"x","labels":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['with __proto__', '{"title":"x","__proto__":{"admin":true}}'],
    ['with an escaped __proto__', '{"title":"x","\\u005f_proto__":{"admin":true}}'],
    ['with constructor.prototype', '{"title":"x","constructor":{"prototype":{"admin":true}}}'],
    ['of broken UTF-8 text', '{"title":"SECRET'],
  ])('%s is refused, and nothing of it comes back', async (_what, body) => {
    const { status, text } = await call(`${base}/alerts`, { ...good, body });
    expect(status).toBe(400);
    expect(text).not.toContain('SECRET');
    expect(text).not.toContain('admin');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/cloudevents+json', 'text/json'])('of type %s is refused by our own format', async (type) => {
    expect((await call(`${base}/alerts`, { ...good, body: alert, headers: { 'content-type': type } })).status).toBe(415);
  });

  it('of a format with a type of its own is taken under it', async () => {
    const event = { specversion: '1.0', id: '1', source: '/x', type: 'disk' };
    expect((await call(`${base}/alerts/cloudevents`, { ...good, body: event, headers: { 'content-type': 'application/cloudevents+json' } })).status).toBe(202);
  });

  it('that is refused is counted and logged, without a secret', async () => {
    await send(basic('kuma', 'wrong-password-0123'));
    const { text } = await call(`${base}/metrics`);
    expect(text).toMatch(/responder_http_refusals_total\{source="unknown",code="unauthorized"\} \d+/);
    expect(text).toMatch(/responder_http_refusals_total\{source="slow",code="too_many_requests"\} 1/);
    expect(log.join('')).toContain('"code":"unauthorized"');
    for (const secret of [...Object.values(secrets), 'wrong-password-0123', tokens.monitoring]) expect(log.join('')).not.toContain(secret);
  });
});
