import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import type { ApiToken } from '../../src/config/tokens.js';
import { routeScopes } from '../../src/http/scopes.js';
import { call, remembering, served } from './world.js';

const hour = 3_600_000;
const secrets = ['reader', 'laptop', 'laptop-new', 'chief', 'monitor', 'old'].map((name): [string, string] => [name, `${name}-0123456789abcdef`]);
const secretOf = Object.fromEntries(secrets);
const named = (name: string, more: Omit<ApiToken, 'secret' | 'expires'>, expires = Date.now() + hour): [string, ApiToken] => [name, { secret: new Secret(secretOf[name] ?? ''), expires, ...more }];
const ended = Date.parse('2026-03-01T00:00:00Z');

let server: Awaited<ReturnType<typeof served>>;
const { incidents, seen } = remembering();
beforeAll(async () => {
  server = await served(incidents, {}, {
    sources: { grafana: { requestsPerMinute: 100 } },
    named: Object.fromEntries([
      named('reader', { scope: 'read' }),
      named('laptop', { scope: 'act', person: 'alice' }),
      named('laptop-new', { scope: 'act', person: 'alice' }, Date.now() + 2 * hour),
      named('chief', { scope: 'admin', person: 'alice' }),
      named('monitor', { scope: 'alert', source: 'grafana' }),
      named('old', { scope: 'admin', person: 'alice' }, ended),
    ]),
  });
});
afterAll(() => server.close());

describe('a token with a scope and an end', () => {
  const rank = { read: 0, act: 1, admin: 2 };
  it.each(Object.entries(routeScopes))('is let in to %s by its scope, %s, and not by less', async (route, needed) => {
    const [method = '', path = ''] = route.split(' ');
    for (const [name, scope] of [['reader', 'read'], ['laptop', 'act'], ['chief', 'admin']] as const) {
      const { status, json } = await call(server.url + path.replace(':id', '018f3c5e'), { method, token: secretOf[name], ...(method !== 'GET' && { body: {} }) });
      const told = typeof json?.message === 'string' ? json.message : '';
      if (rank[scope] < rank[needed]) expect([status, told]).toEqual([403, `this token may ${scope}; this needs one of scope ${needed}`]);
      else expect([401, 403]).not.toContain(status);
    }
    expect((await call(server.url + path, { method, token: secretOf.monitor, ...(method !== 'GET' && { body: {} }) })).status).toBe(403);
  });

  it('acts as its person, also while it is changed for another', async () => {
    for (const name of ['laptop', 'laptop-new']) {
      expect((await call(`${server.url}/api/incidents/018f3c/actions`, { token: secretOf[name], body: { kind: 'acknowledge' } })).status).toBe(200);
      expect(seen.acted.at(-1)?.acting.person).toBe('alice');
    }
  });

  it('sends alerts as its source, and nothing but a token of that scope does', async () => {
    const statuses = ['monitor', 'reader', 'chief'].map(async (name) => (await call(`${server.url}/alerts`, { token: secretOf[name], body: { title: 'x' } })).status);
    expect(await Promise.all(statuses)).toEqual([202, 403, 403]);
    expect(seen.accepted.map(({ alert }) => alert.source)).toEqual(['responder (grafana)']);
  });

  it('says by its name when it has expired, and never its value', async () => {
    const { status, json, text } = await call(`${server.url}/api/incidents`, { token: secretOf.old });
    expect([status, json.error]).toEqual([401, 'unauthorized']);
    expect(json.message).toContain('the token old expired at 2026-03-01T00:00:00.000Z');
    expect(text + server.log.join()).not.toContain(secretOf.old);
  });
});

describe('the table of scopes', () => {
  it('has every route of people, and is that of the docs', async () => {
    const { json } = await call(`${server.url}/openapi.json`);
    const described = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
      path.startsWith('/api/') && path !== '/api/v2/alerts' ? Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`) : [],
    );
    expect(described.toSorted()).toEqual(Object.keys(routeScopes).filter((route) => !route.includes('/codec/')).toSorted());
    const text = await readFile(new URL('../../docs/security.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `(read|act|admin)` \|(.*)\|$/gm)].flatMap(([, scope = '', row = '']) => [...row.matchAll(/`((?:GET|POST|PUT|DELETE) \/[^`]*)`/g)].map(([, route = '']): [string, string] => [route, scope]));
    expect(Object.fromEntries(rows)).toEqual(routeScopes);
  });
});
