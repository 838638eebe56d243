import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, remembering, served, tokens } from './world.js';

const alice = { token: tokens.alice };
let server: Awaited<ReturnType<typeof served>>;
beforeAll(async () => {
  server = await served(remembering().incidents);
});
afterAll(() => server.close());

const cto = async (query: string): Promise<unknown> => {
  const { json } = await call(`${server.url}/api/oncall${query}`, alice);
  return (json as { roles: { role: string }[] }).roles.find(({ role }) => role === 'CTO');
};

describe('GET /api/oncall', () => {
  it('tells who has each role at a moment, why, and when that changes', async () => {
    expect(await cto('?at=2026-12-25T00:00:00Z')).toEqual({
      role: 'CTO', people: [{ id: 'alice', name: 'Alice' }], by: 'override', reason: 'holiday', next: { at: Date.parse('2026-12-26T18:00:00Z'), people: [{ id: 'cto', name: 'cto' }] },
    });
    expect(await cto('?at=2026-12-27T00:00:00%2B01:00')).toEqual({ role: 'CTO', people: [{ id: 'cto', name: 'cto' }], by: 'list' });
  });

  it('tells it of this moment if none is given', async () => {
    const { json, status } = await call(`${server.url}/api/oncall`, alice);
    expect(status).toBe(200);
    expect(Math.abs(Number((json as { at: number }).at) - Date.now())).toBeLessThan(60_000);
  });

  it.each(['tomorrow', '2026-12-25', '2026-12-25T00:00:00', '1'])('refuses the moment %j', async (at) => {
    const { status, json } = await call(`${server.url}/api/oncall?at=${encodeURIComponent(at)}`, alice);
    expect(status).toBe(400);
    expect(JSON.stringify(json)).toContain('must be a moment such as 2026-12-24T18:00:00+01:00');
  });

  it('needs the token of a person', async () => {
    expect((await call(`${server.url}/api/oncall`, { token: tokens.monitoring })).status).toBe(403);
    expect((await call(`${server.url}/api/oncall`, {})).status).toBe(401);
  });
});
