import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import fastify from 'fastify';
import type { Message } from '../src/channels/channel.js';
import { emailChannel } from '../src/channels/email.js';
import { bundle } from '../src/workers/bundle.js';

/*
 * The floor that first pages are measured against, as two processes, as the product has them: `floor.ts server <port>` takes a
 * POST and starts the workflow; `floor.ts worker <smtp port> <file with the mail>` runs it and sends the mail. And the floor of
 * accepting alerts: `floor.ts empty <port>` answers a POST, and that is all.
 */

export interface FloorActivities {
  send(key: string): Promise<void>;
}

const [role, port = '', file = ''] = process.argv.slice(2);
const address = process.env['FLOOR_TEMPORAL'] ?? '';

if (role === 'server') await serve();
else if (role === 'worker') await work();
else if (role === 'empty') await answer();

async function serve(): Promise<void> {
  const client = new Client({ connection: await Connection.connect({ address }), namespace: 'default' });
  const app = fastify({ logger: { level: 'info' } });
  app.post<{ Params: { key: string } }>('/floor/:key', async (request, reply) => {
    const { key } = request.params;
    await client.workflow.start('floor', { workflowId: `floor/${key}`, taskQueue: 'floor', args: [key] });
    return reply.code(202).send({ key });
  });
  await app.listen({ host: '127.0.0.1', port: Number(port) });
}

async function answer(): Promise<void> {
  const app = fastify();
  app.post('/alerts', async (_, reply) => reply.code(202).send({ alerts: [] }));
  await app.listen({ host: '127.0.0.1', port: Number(port) });
}

async function work(): Promise<void> {
  const page = JSON.parse(await readFile(file, 'utf8')) as Pick<Message, 'subject' | 'text' | 'html'>;
  const incident = { id: 'floor', severity: 'High', title: 'floor', target: 'floor' } as const;
  const channel = emailChannel({ server: { host: '127.0.0.1', port: Number(port) }, from: 'AuthOS Responder <responder@example.com>' });
  const activities: FloorActivities = {
    async send(key) {
      await channel.send({ key: `floor/${key}`, person: { id: 'floor', address: 'floor@example.com' }, kind: 'page', incident, lead: '', links: [], answers: [], ...page, urgency: 'high', late: false });
    },
  };
  const connection = await NativeConnection.connect({ address });
  const workflowBundle = { code: await bundle(fileURLToPath(new URL('floor.workflow.ts', import.meta.url)), false) };
  const workers = await Promise.all([
    Worker.create({ connection, namespace: 'default', taskQueue: 'floor', workflowBundle, maxConcurrentWorkflowTaskExecutions: 40, maxCachedWorkflows: 1_000 }),
    Worker.create({ connection, namespace: 'default', taskQueue: 'floor-pages', activities, maxConcurrentActivityTaskExecutions: 100 }),
  ]);
  console.log('workers run');
  await Promise.all(workers.map((worker) => worker.run()));
}
