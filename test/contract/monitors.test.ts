import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { answerQuestions, incidentView } from '../../sandbox/drill/responder.js';
import { openSite, type Site } from '../../sandbox/drill/site.js';
import { addFailedJobs } from '../../sandbox/faults/fill.js';
import { diskFull, faults } from '../../sandbox/faults/index.js';
import type { PatrolMemory } from '../../src/domain/patrol.js';
import type { IncidentSummary } from '../../src/http/incidents.js';
import { patrolId } from '../../src/workflows/names.js';
import { until } from '../support/until.js';
import { describeWith } from './programs.js';

const wholeStory = 120_000;

let folder: string;
let site: Site;
let connection: Connection;
let client: Client;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-monitors-'));
  await chmod(folder, 0o755); // PostgreSQL's user must pass
  site = await openSite({ folder, scale: 1 / 60, times: { closedStays: '20m' }, host: { metricsCachedFor: 0 }, config: { patrol: { every: '2s' } }, onProgress: () => undefined, signal: new AbortController().signal });
  connection = await Connection.connect({ address: site.temporal.address });
  client = new Client({ connection, namespace: site.temporal.namespace });
  // Only the monitors under test speak.
  await until('the schedule of the patrol', async () => client.schedule.getHandle(patrolId).pause().then(() => true, () => false), 20_000);
});
afterAll(async () => {
  await connection?.close();
  await site?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function people<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${site.tokens.people['ops-primary'] ?? ''}`, ...(body && { 'content-type': 'application/json' }) };
  const response = await fetch(`${site.url}/api/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function incidents(): Promise<IncidentSummary[]> {
  return (await people<{ incidents: IncidentSummary[] }>('GET', 'incidents?all=true')).incidents;
}

/** Closed as recovered, with a person who answers yes. */
async function cured(id: string): Promise<void> {
  const answered = new Set<string>();
  await until('the cure', async () => {
    const view = await incidentView(site, id);
    await answerQuestions(site, view, answered, (act) => (act === 'Delete all sessions' ? { approve: true, reason: '' } : undefined));
    return view.state === 'closed' && view.closedAs === 'recovered';
  }, wholeStory);
}

describeWith(['prometheus', 'prometheus-alertmanager'], 'Prometheus and Alertmanager of Debian', () => {
  let exporter: Server;
  let programs: AbortController;
  beforeAll(async () => {
    programs = new AbortController();
    exporter = createServer((_, response) => {
      exported().then((text) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(text), () => response.writeHead(500).end());
    });
    await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
    await monitors((exporter.address() as AddressInfo).port, programs.signal);
  });
  afterAll(() => {
    programs?.abort();
    exporter?.close();
  });

  it('fire on a metric of the sandbox, by Alertmanager and by Prometheus itself into one incident, and resolve it once it is cured', async () => {
    const fault = diskFull();
    await fault.put(site.authos);
    await until('an incident', async () => (await incidents()).length > 0, wholeStory);
    const [first] = await incidents();
    expect(first).toMatchObject({ runbook: 'diskSpaceCritical', target: site.authos.inventory().place.name });
    await until('both senders', async () => {
      const metrics = await (await fetch(`${site.url}/metrics`)).text();
      return /responder_alerts_total\{source="alertmanager",/.test(metrics) && /responder_alerts_total\{source="prometheus \(alertmanager\)",/.test(metrics);
    }, wholeStory);
    await cured(first?.id ?? '');
    expect(await fault.over(site.authos)).toMatchObject({ over: true });
    await until('the resolved', async () => (await incidentView(site, first?.id ?? '')).timeline.some(({ text }) => text.includes('says that it is resolved')) || (await incidentView(site, first?.id ?? '')).alerts.lastStatus === 'resolved', wholeStory);
    expect(await incidents()).toHaveLength(1);
  });

  /** What an exporter on the host would tell, from the sandbox's own health. */
  async function exported(): Promise<string> {
    const health = (await (await fetch(`${site.authos.url}/api/health/disk_space`)).json()) as { result: { used_percentage: number } };
    const { host, mount = '/' } = site.authos.inventory().place;
    return `# TYPE authos_disk_used_percent gauge\nauthos_disk_used_percent{host="${host}",mountpoint="${mount}"} ${health.result.used_percentage}\n`;
  }

  async function monitors(metricsPort: number, cancelSignal: AbortSignal): Promise<void> {
    const home = join(folder, 'monitors');
    await mkdir(home, { recursive: true });
    const [prometheusPort, alertmanagerPort] = [await getPort(), await getPort()];
    const server = { authorization: { credentials: site.tokens.alerts } };
    const files = {
      'rules.yml': { groups: [{ name: 'authos', rules: [{ alert: 'DiskSpaceCritical', expr: 'authos_disk_used_percent > 90', labels: { severity: 'critical' }, annotations: { summary: 'Disk is {{ $value }} % full' } }] }] },
      'prometheus.yml': {
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: ['rules.yml'],
        scrape_configs: [{ job_name: 'authos', static_configs: [{ targets: [`127.0.0.1:${metricsPort}`] }] }],
        alerting: {
          alertmanagers: [
            { static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] },
            // Prometheus itself, without an Alertmanager between.
            { ...server, static_configs: [{ targets: [new URL(site.url).host] }] },
          ],
        },
      },
      'alertmanager.yml': {
        route: { receiver: 'responder', group_by: ['alertname'], group_wait: '1s', group_interval: '1s', repeat_interval: '5s' },
        receivers: [{ name: 'responder', webhook_configs: [{ url: `${site.url}/alerts/alertmanager`, send_resolved: true, http_config: server }] }],
      },
    };
    for (const [name, content] of Object.entries(files)) await writeFile(join(home, name), stringify(content));
    const start = (program: string, args: string[]): void => {
      void execa(program, args, { cwd: home, cancelSignal, cleanup: true, reject: false, stdin: 'ignore', all: true });
    };
    start('prometheus-alertmanager', ['--config.file=alertmanager.yml', `--storage.path=${join(home, 'am')}`, `--web.listen-address=127.0.0.1:${alertmanagerPort}`, '--cluster.listen-address=']);
    start('prometheus', ['--config.file=prometheus.yml', `--storage.tsdb.path=${join(home, 'tsdb')}`, `--web.listen-address=127.0.0.1:${prometheusPort}`]);
    const ready = (port: number) => fetch(`http://127.0.0.1:${port}/-/ready`).then(({ ok }) => ok, () => false);
    await until('both monitors', async () => (await ready(prometheusPort)) && (await ready(alertmanagerPort)), 60_000);
  }
});

/** Faults that can be in one sandbox at a time without hiding each other. */
function patrolled() {
  const names = ['brute-force', 'cache-down', 'certificate-expiring', 'oauth-keys-missing', 'slow-endpoint'];
  return Object.values(faults).flat().filter(({ name }) => names.includes(name));
}

describe('the patrol', () => {
  it('finds by itself what a monitor would tell, opens the same incidents, and hears the end of a fault', async () => {
    await people('PUT', 'mode', { scope: 'global', mode: 'observe-only' });
    const before = new Set((await incidents()).map(({ id }) => id));
    await client.schedule.getHandle(patrolId).unpause();
    const calm = await lastMemory();
    // The sandbox makes its certificate with that fault.
    expect(Object.keys(calm.readings[0]?.hosts[0]?.unknown ?? {}).filter((name) => !name.startsWith('certificate'))).toEqual([]);
    expect(calm.readings[0]?.site?.unknown).toEqual({});
    await fill(85);
    await until('the early warning', () => site.mailbox.messages.some(({ subject, text }) => subject.includes('Notice') && /is 8[4-6] % full/.test(text)), 30_000).catch(async (error: unknown) => {
      const { readings, firing } = await lastMemory();
      throw new Error(`${String(error)}; mails ${site.mailbox.messages.map(({ subject }) => subject).join(', ')}; ${JSON.stringify({ firing, hosts: readings[0]?.hosts })}`);
    });
    await fill(95);
    await addFailedJobs(site.authos, 120);
    for (const fault of patrolled()) await fault.put(site.authos);
    const wanted = [...new Set(['diskSpaceCritical', 'failedQueueJobs', ...patrolled().map(({ runbook }) => runbook)])].toSorted();
    const found = async (): Promise<string[]> => [...new Set((await incidents()).filter(({ id, state }) => !before.has(id) || state !== 'closed').map(({ runbook }) => runbook))].toSorted();
    await until(`incidents of ${wanted.join(', ')}`, async () => {
      const all = await found();
      return wanted.every((runbook) => all.includes(runbook));
    }, wholeStory).catch(async (error: unknown) => {
      throw new Error(`${String(error)}; there are ${(await found()).join(', ')}; ${JSON.stringify((await lastMemory()).readings, null, 1)}`);
    });
    for (const percent of [85, 95]) await rm(filler(percent));
    const disk = (await incidents()).find(({ runbook, state }) => runbook === 'diskSpaceCritical' && state !== 'closed');
    await until('the end of the full disk', async () => (await incidentView(site, disk?.id ?? '')).alerts.lastStatus === 'resolved', 60_000);
  });

  const filler = (percent: number): string => join(site.authos.root, 'storage', 'app', `filler-${percent}`);

  async function fill(percent: number): Promise<void> {
    const { bytes } = await site.authos.capacity.usage();
    await writeFile(filler(percent), randomBytes(Math.floor((bytes.total * percent) / 100 - bytes.used)));
  }

  /** What the latest look left to the next one. */
  async function lastMemory(): Promise<PatrolMemory> {
    let memory: PatrolMemory | undefined;
    await until('a look', async () => {
      const { info } = await client.schedule.getHandle(patrolId).describe();
      const last = info.recentActions.at(-2)?.action;
      if (last?.type === 'startWorkflow') memory = (await client.workflow.getHandle(last.workflow.workflowId).result()) as PatrolMemory;
      return memory !== undefined;
    }, 60_000);
    return memory as PatrolMemory;
  }
});
