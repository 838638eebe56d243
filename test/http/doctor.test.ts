import { afterEach, describe, expect, it } from 'vitest';
import { call, remembering, served, tokens } from './world.js';

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

describe('POST /api/doctor', () => {
  it('examines for a person, and for nobody else, and says so in the log without what was found', async () => {
    const asked: unknown[] = [];
    const server = await served(remembering().incidents, {}, {
      examination: async (options) => {
        asked.push(options);
        return { at: 0, until: 1, green: false, checks: [], runbooks: [], roster: [], people: [{ id: 'alice', name: 'Alice', ways: [{ channel: 'email', address: 'alice@authos.test', looked: { state: 'works', says: '' } }] }] };
      },
    });
    close = server.close;
    const url = `${server.url}/api/doctor`;
    expect((await call(url, { body: {} })).status).toBe(401);
    expect((await call(url, { body: {}, token: tokens.monitoring })).status).toBe(403);
    expect((await call(url, { body: { sendTest: 'yes' }, token: tokens.alice })).status).toBe(400);
    expect(asked).toEqual([]);
    expect((await call(url, { body: { sendTest: true }, token: tokens.alice })).json).toMatchObject({ green: false });
    expect(asked).toEqual([{ sendTest: true }]);
    expect(server.log.some((line) => line.includes('"msg":"doctor"') && line.includes('"person":"alice"'))).toBe(true);
    expect(server.log.join('')).not.toContain('alice@authos.test');
  });
});
