import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Authos } from '../authos/authos.js';

/** How an endpoint of somebody else's behaves. */
export type Behaviour = { kind: 'takes' } | { kind: 'answers'; status: number } | { kind: 'hangs' } | { kind: 'redirects'; to: string };

/** A webhook's endpoint: a real server, which checks the signature of what it takes. */
export interface Endpoint {
  readonly url: string;
  readonly secret: string;
  behaviour: Behaviour;
  /** Ids of the deliveries that it took, in order, doubles included. */
  readonly taken: string[];
  /** Requests of any kind. */
  readonly requests: number;
  /** Nobody listens any more, until `reopen`. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}

/** Listens on a free port of an address of this machine. Ends with the sandbox. */
export async function openEndpoint(authos: Authos, { host = '127.0.0.1' }: { host?: string } = {}): Promise<Endpoint> {
  const secret = randomBytes(16).toString('hex');
  const taken: string[] = [];
  const state: { requests: number; behaviour: Behaviour; server: Server | undefined } = { requests: 0, behaviour: { kind: 'takes' }, server: undefined };

  const listen = async (port: number): Promise<number> => {
    const server = createServer((request, response) => {
      state.requests += 1;
      void bodyOf(request).then((body) => {
        const { behaviour } = state;
        if (behaviour.kind === 'hangs') return;
        if (behaviour.kind === 'redirects') return void response.writeHead(302, { location: behaviour.to }).end();
        if (behaviour.kind === 'answers') return void response.writeHead(behaviour.status).end();
        if (request.method === 'HEAD') return void response.writeHead(405).end();
        if (!isSigned(request, body, secret)) return void response.writeHead(401).end();
        const { delivery, event } = JSON.parse(body) as { delivery?: string; event?: string };
        if (event !== 'webhook.test' && delivery !== undefined) taken.push(String(delivery));
        response.writeHead(204).end();
      }).catch(() => response.destroy());
    });
    state.server = server;
    server.listen(port, host);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const ending = (): void => void close();
  const close = async (): Promise<void> => {
    authos.closing.removeEventListener('abort', ending);
    const { server } = state;
    state.server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const port = await listen(0);
  authos.closing.addEventListener('abort', ending, { once: true });
  return {
    url: `http://${host}:${port}/hooks`,
    secret,
    taken,
    get behaviour() {
      return state.behaviour;
    },
    set behaviour(behaviour) {
      state.behaviour = behaviour;
    },
    get requests() {
      return state.requests;
    },
    close,
    async reopen() {
      await listen(port);
      authos.closing.addEventListener('abort', ending, { once: true });
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function isSigned(request: IncomingMessage, body: string, secret: string): boolean {
  const given = Buffer.from(String(request.headers['x-webhook-signature'] ?? ''));
  const right = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  return given.length === right.length && timingSafeEqual(given, right);
}
