import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporal, type TemporalServer } from '../../sandbox/servers/temporal.js';
import { runbooks } from '../../src/catalogue.js';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { loadConfig } from '../../src/config.js';
import { serve, type Serving } from '../../src/http/serve.js';
import { createMetrics } from '../../src/metrics.js';
import { currentTraceparent, inSpan, withTraceparent } from '../../src/telemetry/spans.js';
import { openTraces, type Traces } from '../../src/telemetry/traces.js';
import { workflowBundle } from '../../src/workers/bundle.js';
import { connect, type Connections, workersOf } from '../../src/workers/of-role.js';
import { openReceiver, type Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { quietRuntime } from '../support/world.js';

/** A span as OTLP's JSON has it. */
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

const env = {
  AUTHOS_TOKEN: 'authos-token-0123456789', ALICE_TOKEN: 'alice-0123456789abcdef', MONITORING_TOKEN: 'monitoring-0123456789',
};
const collectorKey = 'collector-0123456789';

let folder: string;
let temporal: TemporalServer;
let collector: Receiver;
let traces: Traces;
let server: Serving;
let connections: Connections;
let ended: Promise<unknown>;
let workers: Worker[];

beforeAll(async () => {
  quietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'responder-traces-'));
  temporal = await startTemporal({ folder, database: 'memory' });
  collector = await openReceiver(() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }));
  const file = join(folder, 'responder.yaml');
  await writeFile(
    file,
    `environments: { production: { authos: { url: https://auth.example.com, token: env:AUTHOS_TOKEN } } }
hosts: { app-1: { environment: production, root: ${folder}/authos } }
people: { alice: { email: alice@example.com, token: env:ALICE_TOKEN, roles: [Primary] } }
sources: { monitoring: { token: env:MONITORING_TOKEN } }
state: ${folder}/state
times: { scale: 0.001 }
http: { port: 0 }`,
  );
  // The SDK reads these itself, as it does in a process of ours.
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${collectorKey}`, OTEL_BSP_SCHEDULE_DELAY: '100' });
  const config = loadConfig({ file, env: { ...env, TEMPORAL_ADDRESS: temporal.address, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  const logger = pino({ level: 'silent' });
  traces = await openTraces(config.traces, logger);
  server = await serve({ config, runbooks: runbooks.map(plainRunbook), logger, traces });
  connections = await connect(config, traces);
  const parts = { config, logger, metrics: createMetrics() };
  workers = (await Promise.all((['incidents', 'runs', 'host:app-1'] as const).map((role) => workersOf(role, parts, connections)))).flat();
  ended = Promise.all(workers.map((worker) => worker.run()));
});

afterAll(async () => {
  for (const worker of workers ?? []) worker.shutdown();
  await ended;
  await server?.close();
  await connections?.close();
  await traces?.close();
  await collector?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

const spans = (): Span[] =>
  collector.json().flatMap(({ resourceSpans }) => (resourceSpans as { scopeSpans: { spans: Span[] }[] }[]).flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
const attribute = (span: Span | undefined, name: string): unknown => Object.values(span?.attributes.find(({ key }) => key === name)?.value ?? {})[0];

async function post(path: string, token: string, body: object, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  expect(response.status, await response.clone().text()).toBeLessThan(300);
  return (await response.json()) as Record<string, unknown>;
}

describe('traces', () => {
  let incidentId: string;
  let workflowId: string;

  it('have one id from the POST of an alert through incident and run to what their activities do', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { alerts } = await post('/alerts', env.MONITORING_TOKEN, { runbook: 'generalTroubleshooting', title: 'Text of an outsider', labels: { host: 'app-1', secret: 'hunter2' } }, { traceparent });
    [{ incidentId, workflowId }] = alerts as [{ incidentId: string; workflowId: string }];
    await until('the page and a look at the host are traced', async () => ['RunActivity:sendPage', 'RunWorkflow:generalTroubleshooting'].every((name) => spans().some((span) => span.name === name)), 20_000);
    await post(`/api/incidents/${encodeURIComponent(workflowId)}/actions`, env.ALICE_TOKEN, { kind: 'resolve', reason: 'words of a person' });
    await until('the incident is over', async () => spans().some(({ name }) => name === 'RunWorkflow:incident'), 20_000);

    const [accepted] = spans().filter(({ name }) => name === 'POST /alerts');
    expect(accepted).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331' });
    const upwards = (span: Span | undefined): string[] => (span ? [span.name, ...upwards(spans().find(({ spanId }) => spanId === span.parentSpanId))] : []);
    const chain = (name: string): string[] => upwards(spans().find((span) => span.name === name && span.traceId === accepted?.traceId));
    const toIncident = ['RunWorkflow:incident', 'SignalWithStartWorkflow:incident', 'accept alert', 'POST /alerts'];
    expect(chain('RunActivity:sendPage')).toEqual(['RunActivity:sendPage', 'StartActivity:sendPage', ...toIncident]);
    const ofHost = spans().find(({ attributes, name }) => name.startsWith('RunActivity:') && attributes.some(({ key, value }) => key === 'temporalWorkflowId' && String(value['stringValue']).includes('/run/')))?.name ?? '';
    expect(chain(ofHost)).toEqual([ofHost, ofHost.replace('Run', 'Start'), 'RunWorkflow:generalTroubleshooting', 'StartChildWorkflow:generalTroubleshooting', ...toIncident]);
  });

  it('say on every span of an incident which it is, and by which runbook', () => {
    const named = ['accept alert', 'RunWorkflow:incident', 'StartActivity:sendPage', 'RunActivity:sendPage', 'StartChildWorkflow:generalTroubleshooting', 'RunWorkflow:generalTroubleshooting', 'SignalWorkflow:ended', 'HandleSignal:ended'];
    const said = named.map((name) => spans().find((span) => span.name === name)).map((span) => [span?.name, attribute(span, 'responder.incident_id'), attribute(span, 'responder.runbook')]);
    expect(said).toEqual(named.map((name) => [name, incidentId, 'generalTroubleshooting']));
  });

  it('hold no text of an alert, no address, no words of a failure, no secret', () => {
    const sent = collector.requests.map(({ body }) => body).join('\n');
    expect(spans().length).toBeGreaterThan(10);
    for (const text of ['Text of an outsider', 'hunter2', 'alice@example.com', 'words of a person', folder, 'ENOENT:', collectorKey, ...Object.values(env)]) expect(sent.includes(text), text).toBe(false);
    expect(collector.requests.every(({ headers, path }) => headers['x-api-key'] === collectorKey && path === '/v1/traces')).toBe(true);
  });

  it('are of the workflow alone: its history replays on a worker that traces nothing', async () => {
    const histories = [await historyOf(connections.client, workflowId), await historyOf(connections.client, `${incidentId}/run/1`)];
    expect(JSON.stringify(histories)).toContain('_tracer-data');
    for (const [index, name] of (['incidents', 'runs'] as const).entries()) {
      await Worker.runReplayHistory({ workflowBundle: await workflowBundle(name) }, histories[index]);
    }
  });

  it('go on from a traceparent that was kept meanwhile, and begin anew without one', async () => {
    const kept = await inSpan('first', {}, async () => currentTraceparent());
    expect(kept).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(withTraceparent(kept, currentTraceparent)).toBe(kept);
    const later = await withTraceparent(kept, () => inSpan('later', {}, async () => currentTraceparent()));
    expect(later?.split('-')[1]).toBe(kept?.split('-')[1]);
    expect(withTraceparent(undefined, currentTraceparent)).toBeUndefined();
    expect(withTraceparent('not one', currentTraceparent)).toBeUndefined();
  });
});

const historyOf = async (client: Client, workflowId: string) => client.workflow.getHandle(workflowId).fetchHistory();
