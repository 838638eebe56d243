import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiServer, responder, type ApiServer } from './world.js';

const silence = {
  id: '7c41f0a2-0000-4000-8000-000000000001', state: 'active', matchers: [{ name: 'target', operator: '=', value: 'app-1:/var' }],
  startsAt: 0, endsAt: 4_102_444_800_000, author: 'alice', reason: 'the volume is moved', createdAt: 0,
  held: [{ fingerprint: 'diskSpaceCritical/app-1:/var', title: 'Disk \u001b[31mfull', severity: 'Critical', firstAt: 1, lastAt: 2, count: 3, became: 'held' }],
};

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
  server.on('POST /api/silences', { status: 201, json: silence });
  server.on('GET /api/silences', { json: { silences: [silence, { ...silence, id: 'old', state: 'expired', expired: { at: 1, by: 'bob' }, held: [] }] } });
  server.on('DELETE /api/silences/7c41f0a2', { json: { ...silence, state: 'expired' } });
});
afterAll(() => server[Symbol.asyncDispose]());

const lines = (...words: string[]) => responder(['silence', ...words], { url: server.url });

describe('responder silence', () => {
  it('adds one for a length of time, or from one moment to another', async () => {
    await lines('add', 'target=app-1:/var', 'severity!=critical', '--for', '2h', '--reason', 'the volume is moved');
    const sent = server.seen.at(-1)?.body as { matchers: string[]; startsAt?: string; endsAt: string; reason: string };
    expect(sent).toMatchObject({ matchers: ['target=app-1:/var', 'severity!=critical'], reason: 'the volume is moved' });
    expect(sent.startsAt).toBeUndefined();
    expect(Math.abs(Date.parse(sent.endsAt) - Date.now() - 7_200_000)).toBeLessThan(60_000);
    await lines('add', 'a=b', '--from', '2099-01-01T00:00:00Z', '--for', '1h', '--reason', 'x');
    expect(server.seen.at(-1)?.body).toEqual({ matchers: ['a=b'], startsAt: '2099-01-01T00:00:00.000Z', endsAt: '2099-01-01T01:00:00.000Z', reason: 'x' });
  });

  it('lists what holds, and with --all what is over; what it held is safe for a terminal', async () => {
    const { stdout, exitCode } = await lines('list');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^7c41f0a2 {2}active {2}target="app-1:\/var"\n/);
    expect(stdout).toContain('alice: the volume is moved');
    expect(stdout).toMatch(/held +Critical +diskSpaceCritical\/app-1:\/var +3/);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('bob');
    expect((await lines('list', '--all')).stdout).toContain('ended by bob');
  });

  it('ends one by the beginning of its id', async () => {
    expect((await lines('expire', '7c41f0a2')).stdout).toContain('expired');
    expect(server.seen.at(-1)).toMatchObject({ method: 'DELETE', authorization: 'Bearer token-of-alice' });
  });

  it.each([
    { words: ['add', 'a=b', '--reason', 'x'], says: 'give --for or --until' },
    { words: ['add', 'a=b', '--for', '2h', '--until', '2099-01-01', '--reason', 'x'], says: 'give --for or --until' },
    { words: ['add', 'a=b', '--for', '2 weeks', '--reason', 'x'], says: '--for must be a duration' },
    { words: ['add', 'a=b', '--for', '2h'], says: "required option '--reason <text>' not specified" },
    { words: ['add', '--for', '2h', '--reason', 'x'], says: "missing required argument 'matcher'" },
  ])('sends nothing and says: $says', async ({ words, says }) => {
    const before = server.seen.length;
    const { stderr, exitCode } = await lines(...words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(says);
    expect(server.seen.length).toBe(before);
  });
});
