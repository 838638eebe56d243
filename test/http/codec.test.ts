import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/config.js';
import { call, remembering, served, tokens } from './world.js';

const plain = { metadata: { encoding: Buffer.from('json/plain').toString('base64') }, data: Buffer.from('"disk of app-1"').toString('base64') };

let server: Awaited<ReturnType<typeof served>>;

beforeAll(async () => {
  server = await served(remembering().incidents, {}, { keys: [new Secret(randomBytes(32).toString('hex'))] });
});

afterAll(() => server.close());

const post = (path: string, body: unknown, token: string | undefined = tokens.alice) => call(`${server.url}${path}`, { method: 'POST', token, body });

describe('the codec endpoint', () => {
  it('encrypts and opens payloads as the Temporal UI and CLI send them', async () => {
    const encoded = await post('/codec/encode', { payloads: [plain] });
    expect(encoded.status).toBe(200);
    expect(JSON.stringify(encoded.json)).not.toContain(plain.data);
    const decoded = await post('/codec/decode', encoded.json);
    expect(decoded).toMatchObject({ status: 200, json: { payloads: [plain] } });
  });

  it('opens what a key before closed, and closes with the first', async () => {
    const [old, fresh] = [randomBytes(32), randomBytes(32)].map((key) => new Secret(key.toString('hex'))) as [Secret, Secret];
    const both = await served(remembering().incidents, {}, { keys: [fresh, old] });
    const before = await served(remembering().incidents, {}, { keys: [old] });
    try {
      const at = (url: string, path: string, body: unknown) => call(`${url}${path}`, { method: 'POST', token: tokens.alice, body });
      const kept = await at(before.url, '/codec/encode', { payloads: [plain] });
      expect((await at(both.url, '/codec/decode', kept.json)).json).toEqual({ payloads: [plain] });
      const later = await at(both.url, '/codec/encode', { payloads: [plain] });
      expect((await at(before.url, '/codec/decode', later.json)).status).toBe(400);
    } finally {
      await both.close();
      await before.close();
    }
  });

  it.each([
    ['nobody', undefined, 401],
    ['a monitor', tokens.monitoring, 403],
  ])('opens nothing for %s', async (_who, token, status) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    expect((await fetch(`${server.url}/codec/decode`, { method: 'POST', headers, body: JSON.stringify({ payloads: [plain] }) })).status).toBe(status);
  });

  it('names the key of a payload that it can not open', async () => {
    const sealed = { metadata: { encoding: Buffer.from('binary/encrypted').toString('base64'), 'encryption-key-id': Buffer.from('0011223344556677').toString('base64') }, data: plain.data };
    expect(await post('/codec/decode', { payloads: [sealed] })).toMatchObject({ status: 400, json: { message: expect.stringContaining('"0011223344556677"') as string } });
  });

  it.each([{}, { payloads: 'all' }, { payloads: [3] }])('refuses the body %j', async (body) => {
    expect((await post('/codec/decode', body)).status).toBe(400);
  });

  it.each([
    ['http://127.0.0.1:8233', 'http://127.0.0.1:8233'],
    ['http://elsewhere.example', 'http://127.0.0.1:8233'],
  ])('lets only the UI of the config ask from a page: %s', async (origin, allowed) => {
    const answer = await fetch(`${server.url}/codec/decode`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,x-namespace' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowed);
    const body = JSON.stringify({ payloads: [plain] });
    const asked = await fetch(`${server.url}/codec/decode`, { method: 'POST', headers: { origin, 'content-type': 'application/json', authorization: `Bearer ${tokens.alice}` }, body });
    // Of another origin the browser throws the answer away.
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([200, allowed]);
  });
});
