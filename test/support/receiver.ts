import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the receiver does with one request. */
export type Reply = 'hang' | 'cut' | { status: number; headers?: Record<string, string>; body?: string };

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  url: string;
  requests: Received[];
  /** The bodies, as JSON. */
  json(): Record<string, unknown>[];
  close(): Promise<void>;
}

/** A real HTTP server that reads each request whole and then does as `reply` says, on its count of requests (from 1). */
export async function openReceiver(reply: (request: Received, number: number) => Reply, port = 0): Promise<Receiver> {
  const requests: Received[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const received = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      requests.push(received);
      const what = reply(received, requests.length);
      if (what === 'hang') return;
      if (what === 'cut') return request.socket.destroy();
      response.writeHead(what.status, what.headers).end(what.body);
    })().catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    json: () => requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
