import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What AuthOS answers at a path: JSON, a text as it is, or whatever a function does. */
export type Answers = Record<string, unknown>;

/** AuthOS's edge for a test: answers by path, and keeps what was asked. Down until the test ends if nothing listens. */
export async function authosApiOf(answers: Answers) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    respond(answers[(request.url ?? '').split('?')[0] ?? ''], request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, answers };
}

function respond(answer: unknown, request: IncomingMessage, response: ServerResponse): void {
  if (typeof answer === 'function') return void (answer as (request: IncomingMessage, response: ServerResponse) => void)(request, response);
  const { status, body } = answer instanceof Status ? answer : new Status(answer === undefined ? 404 : 200, answer ?? { message: 'Not Found' });
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** An answer with a status of its own. */
export class Status {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown = { message: 'no' }) {
    this.status = status;
    this.body = body;
  }
}
