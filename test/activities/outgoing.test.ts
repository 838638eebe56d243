import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mayReach, outgoing } from '../../src/activities/outgoing.js';
import { inActivity } from './support.js';

const local = ['127.0.0.1/32'];

async function server(answer: (request: IncomingMessage, response: ServerResponse) => void, host = '127.0.0.1') {
  const requests: string[] = [];
  const http = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''}`);
    answer(request, response);
  });
  http.listen(0, host);
  await once(http, 'listening');
  onTestFinished(async () => {
    http.closeAllConnections();
    http.close();
  });
  return { port: (http.address() as AddressInfo).port, requests };
}

const ask = (url: string, allowed: string[] = local, more: object = {}) => inActivity(() => outgoing({ url, method: 'HEAD', allowed, timeoutMs: 2_000, ...more }));

describe('an address that others chose', () => {
  it.each([
    ['93.184.216.34', true],
    ['2606:2800:220:1:248:1893:25c8:1946', true],
    ['127.0.0.1', false],
    ['::1', false],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.100.100.200', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['fd00:ec2::254', false],
    ['fe80::1', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:169.254.169.254', false],
    ['::127.0.0.1', false],
    ['64:ff9b::7f00:1', false],
    ['2002:7f00:1::', false],
    ['no address', false],
  ])('%s may be reached: %s', (address, expected) => {
    expect(mayReach(address, [])).toBe(expected);
  });

  it('may be inside where the config lists its network, and nowhere else', () => {
    expect(mayReach('10.1.2.3', ['10.1.0.0/16'])).toBe(true);
    expect(mayReach('10.2.2.3', ['10.1.0.0/16'])).toBe(false);
    expect(mayReach('fd00::7', ['10.1.0.0/16', 'fd00::/64'])).toBe(true);
    expect(mayReach('::ffff:10.1.2.3', ['10.1.0.0/16'])).toBe(true);
  });
});

describe('a request to it', () => {
  it.each(['http://127.0.0.1:PORT/', 'http://localhost:PORT/', 'http://2130706433:PORT/', 'http://0x7f.1:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://0:PORT/'])('to %s is not sent without leave', async (url) => {
    const { port, requests } = await server((_, response) => void response.end());
    expect(await ask(url.replace('PORT', String(port)), [])).toMatchObject({ kind: 'refused', because: expect.stringContaining('not an address of the public internet') });
    expect(requests).toEqual([]);
  });

  it.each(['file:///etc/passwd', 'gopher://127.0.0.1/', 'javascript:alert(1)', '$(reboot)', '', 'http://user:word@127.0.0.1/', `http://${'a'.repeat(10_000)}`, "http://a'; drop table webhooks"])(
    'of %j is refused or unanswered, and throws nothing',
    async (url) => {
      expect(['refused', 'no answer']).toContain((await ask(url)).kind);
    },
  );

  it('counts any HTTP answer, and never follows a redirect', async () => {
    const inside = await server((_, response) => void response.end('secret'), '127.0.0.2');
    const { port, requests } = await server((_, response) => void response.writeHead(302, { location: `http://127.0.0.2:${inside.port}/latest/meta-data` }).end());
    expect(await ask(`http://127.0.0.1:${port}/hook`)).toMatchObject({ kind: 'answer', status: 302, address: '127.0.0.1', location: expect.stringContaining('127.0.0.2') });
    expect(requests).toHaveLength(1);
    expect(inside.requests).toEqual([]);
  });

  it('goes to the address that was judged, under the name that was asked', async () => {
    const { port, requests } = await server((_, response) => void response.writeHead(204).end());
    // localhost may have an IPv6 address too: all of them must be allowed.
    expect(await ask(`http://localhost:${port}/x`, ['127.0.0.0/8', '::1/128'])).toMatchObject({ kind: 'answer', status: 204 });
    expect(requests).toEqual([`HEAD /x localhost:${port}`]);
  });

  it('ends after its time where nothing is said, and with the words of a refusal where nobody listens', async () => {
    const silent = await server(() => {});
    expect(await ask(`http://127.0.0.1:${silent.port}/`, local, { timeoutMs: 200 })).toMatchObject({ kind: 'no answer', because: 'nothing within 0.2 s' });
    expect(await ask('http://127.0.0.1:1/')).toMatchObject({ kind: 'no answer', because: expect.stringContaining('ECONNREFUSED') });
  });

  it('is not drowned by a body without end', async () => {
    const { port } = await server((_, response) => {
      const pour = (): void => void (response.destroyed || response.write(Buffer.alloc(64 * 1024), () => setImmediate(pour)));
      pour();
    });
    expect(await ask(`http://127.0.0.1:${port}/`, local, { method: 'POST', body: '{}' })).toMatchObject({ kind: 'answer', status: 200 });
  });
});
