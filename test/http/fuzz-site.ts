import { createHmac } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { startTemporal } from '../../sandbox/servers/temporal.js';
import { runbooks as procedures } from '../../src/catalogue.js';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { loadConfig } from '../../src/config.js';
import { searchAttributes } from '../../src/domain/search-attributes.js';
import { serve } from '../../src/http/serve.js';
import { certificateUrl, snsSender, topic } from '../alerts/sns-sender.js';
import type { SnsSender } from '../alerts/sns-sender.js';
import type { FuzzBody } from './fuzz-bodies.js';

const secret = 'a-secret-of-the-fuzz-0123456789';
const hmac = { secret: 'env:FUZZ_SECRET' };

/** A source for each format, and between them each kind of credential. */
const sources = {
  own: { token: 'env:FUZZ_OWN' },
  alertmanager: { token: 'env:FUZZ_ALERTMANAGER' },
  grafana: { hmac: { ...hmac, header: 'X-Grafana-Alerting-Signature', timestampHeader: 'X-Grafana-Alerting-Timestamp', over: 'timestamp:body' } },
  prometheus: { token: 'env:FUZZ_PROMETHEUS' },
  authos: { basic: { user: 'authos', password: 'env:FUZZ_AUTHOS' } },
  cloudwatch: { sns: { topics: [topic] } },
  'uptime-kuma': { basic: { user: 'kuma', password: 'env:FUZZ_KUMA' } },
  sentry: { hmac: { ...hmac, secret: 'env:FUZZ_SENTRY', header: 'Sentry-Hook-Signature', over: 'body' } },
  sns: { token: 'env:FUZZ_SNS' },
  cloudevents: { token: 'env:FUZZ_CLOUDEVENTS' },
  generic: { token: 'env:FUZZ_GENERIC', mapping: { title: '/event/name', alertname: '/event/name', status: '/event/state', severity: '/event/urgency', startsAt: '/event/since', target: '/host' } },
};

const env = Object.fromEntries(['SECRET', 'OWN', 'ALERTMANAGER', 'PROMETHEUS', 'AUTHOS', 'KUMA', 'SENTRY', 'SNS', 'CLOUDEVENTS', 'GENERIC', 'AUTHOS_API'].map((name) => [`FUZZ_${name}`, `${secret}-${name}`]));
const secretOf = (name: string): string => env[`FUZZ_${name}`] ?? '';

/** What the server said. */
export interface Answer {
  status: number;
  text: string;
  tookMs: number;
}

/** An incident that Temporal has. */
export interface Started {
  workflowId: string;
  runbook: string;
  target: string;
}

/** The HTTP server of the product in this process, with its spool on a disk, in front of a Temporal server without workers. */
export interface FuzzSite {
  config: ReturnType<typeof loadConfig>;
  send(body: FuzzBody): Promise<Answer>;
  /** What all alerts became that were accepted, by the server's own count. */
  accepted(): Promise<number>;
  /** Everything that runs in Temporal, once the spool is empty. */
  started(): Promise<Started[]>;
  /** Lines of the log at level error. */
  errors: string[];
  close(): Promise<void>;
}

export async function openFuzzSite(folder: string): Promise<FuzzSite> {
  const temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'memory' });
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const sender = await snsSender();
  const errors: string[] = [];
  const config = await configIn(folder, temporal.address);
  const logger = pino({ level: 'error' }, { write: (line) => void errors.push(line) });
  const server = await serve({ config, runbooks: procedures.map(plainRunbook), logger, traces: { client: {} }, fetchText: async (url) => (url === certificateUrl ? sender.pem : Promise.reject(new Error('no network in tests'))) });
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  return {
    config,
    errors,
    send: (body) => sendTo(server.url, body, sender),
    accepted: () => metric('responder_alerts_total'),
    async started() {
      while ((await metric('responder_spool_entries')) > 0) await new Promise((resolve) => setTimeout(resolve, 100));
      return startedIn(client);
    },
    async close() {
      await server.close();
      await connection.close();
      await temporal.stop();
    },
  };
}

async function configIn(folder: string, address: string): Promise<ReturnType<typeof loadConfig>> {
  const file = join(folder, 'responder.yaml');
  await mkdir(join(folder, 'state'), { recursive: true });
  const content = {
    environments: { production: { authos: { url: 'http://127.0.0.1:1', token: 'env:FUZZ_AUTHOS_API' }, domains: ['auth.example.com'], queues: ['default', 'mail'], stores: ['redis'], webhooks: ['42'] } },
    hosts: { 'app-1': { environment: 'production', root: '/srv/authos', mounts: ['/', '/var'] }, 'app-2': { environment: 'production', root: '/srv/authos' } },
    defaults: { host: 'app-1', mount: '/var' },
    channels: {},
    sources,
    http: { port: 0, bodyLimit: 65_536, requestsPerMinute: 1_000_000_000 },
    temporal: { address, namespace: 'default' },
    state: join(folder, 'state'),
    // Repeats are one word in a second instead of ten.
    times: { scale: 0.1 },
  };
  await writeFile(file, stringify({ ...content, sources: Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, { ...source, requestsPerMinute: 1_000_000_000 }])) }));
  return loadConfig({ file, env });
}

async function sendTo(url: string, body: FuzzBody, sender: SnsSender): Promise<Answer> {
  const { path, headers, bytes } = await signedBy(body, sender);
  const startedAt = performance.now();
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': body.contentType, ...headers }, body: new Uint8Array(bytes), signal: AbortSignal.timeout(60_000) });
  return { status: response.status, text: await response.text(), tookMs: performance.now() - startedAt };
}

interface Request {
  path: string;
  headers: Record<string, string>;
  bytes: Buffer;
}

/** The request with which its source would send a body. */
async function signedBy({ source, bytes }: FuzzBody, sender: SnsSender): Promise<Request> {
  const path = source === 'own' ? '/alerts' : source === 'prometheus' ? '/api/v2/alerts' : `/alerts/${source === 'sns' ? 'cloudwatch' : source}`;
  const basic = (user: string, password: string): Request => ({ path, headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }, bytes });
  switch (source) {
    case 'grafana': {
      const at = String(Date.now());
      return { path, bytes, headers: { 'x-grafana-alerting-timestamp': at, 'x-grafana-alerting-signature': createHmac('sha256', secretOf('SECRET')).update(`${at}:`).update(bytes).digest('hex') } };
    }
    case 'sentry':
      return { path, bytes, headers: { 'sentry-hook-signature': createHmac('sha256', secretOf('SENTRY')).update(bytes).digest('hex') } };
    case 'authos':
      return basic('authos', secretOf('AUTHOS'));
    case 'uptime-kuma':
      return basic('kuma', secretOf('KUMA'));
    case 'cloudwatch':
      return { path, headers: { 'x-amz-sns-message-type': 'Notification' }, bytes: await inEnvelope(bytes, sender) };
    default:
      return { path, headers: { authorization: `Bearer ${secretOf(source.toUpperCase())}` }, bytes };
  }
}

/** What a topic sends for an alarm: SNS signs whatever text it is given. */
async function inEnvelope(message: Buffer, sender: SnsSender): Promise<Buffer> {
  const envelope = JSON.parse(await readFile(new URL('../alerts/fixtures/sns.json', import.meta.url), 'utf8')) as Record<string, string>;
  const filled = { ...envelope, Type: 'Notification' as const, SignatureVersion: '2' as const, Message: message.toString('utf8'), Timestamp: new Date().toISOString() };
  return Buffer.from(JSON.stringify({ ...filled, Signature: sender.signature(filled) }));
}

async function startedIn(client: Client): Promise<Started[]> {
  // The index follows what was started by a moment.
  let known: Started[] = [];
  for (;;) {
    const found: Started[] = [];
    for await (const { workflowId, typedSearchAttributes: attributes } of client.workflow.list()) found.push({ workflowId, runbook: attributes.get(searchAttributes.runbook) ?? '', target: attributes.get(searchAttributes.target) ?? '' });
    if (found.length === known.length) return found;
    known = found;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
