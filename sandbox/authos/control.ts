import { randomBytes } from 'node:crypto';
import Fastify from 'fastify';

/** What the sandbox does when one of its programs asks: restart a part of itself, grow its volume. */
export type ControlVerb = (body: Record<string, unknown>) => Promise<string>;

export interface Control {
  readonly url: string;
  readonly token: string;
  close(): Promise<void>;
}

/** Listens on a free port for the programs of `sandbox/bin`. A verb that throws is answered with its words and 500. */
export async function openControl(verbs: Record<string, ControlVerb>): Promise<Control> {
  const token = randomBytes(18).toString('base64url');
  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.setErrorHandler((error: Error, _, reply) => reply.code(500).type('text/plain').send(error.message));
  server.addHook('onRequest', async (request, reply) =>
    request.headers.authorization === `Bearer ${token}` ? undefined : reply.code(401).send('unknown token'));
  for (const [verb, act] of Object.entries(verbs)) {
    server.post(`/${verb}`, async (request) => act((request.body ?? {}) as Record<string, unknown>));
  }
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return { url, token, close: () => server.close() };
}
