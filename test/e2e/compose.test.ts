import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type Mail, type Mailbox, startMailbox } from '../../sandbox/servers/mailbox.js';
import { onPort } from '../../sandbox/servers/ports.js';
import { type OwnedProcess, plainEnvironment, startOwned } from '../../sandbox/servers/processes.js';
import { startTemporal, type TemporalServer } from '../../sandbox/servers/temporal.js';
import type { Examination } from '../../src/domain/doctor.js';
import { type Composition, composition, interpolated, prepared, variablesOf } from '../support/compose.js';
import { openHostWorld, type HostWorld } from '../support/runbook-world.js';
import { until } from '../support/until.js';

/*
 * What `docker compose up` would start, without containers: the files that the Dockerfile copies, its entry point, and the
 * commands, variables, health checks and order of docker-compose.yml. Temporal's dev server stands in for Temporal on
 * PostgreSQL, the sandbox's mailbox for the mail catcher. Addresses and folders of containers become ones of this machine.
 */
const project = fileURLToPath(new URL('../../', import.meta.url));
const hosts = Array.from({ length: 24 }, (_, index) => `app-${index + 1}`);

let folder: string;
let image: string;
let compose: Composition;
let variables: Record<string, string>;
let temporal: TemporalServer;
let mailbox: Mailbox;
/** The AuthOS host on which the doctor looks. */
let host: HostWorld | undefined;
let entrypoint: string[];
let configFile: string;
/** What is in it. */
let site: Record<string, unknown>;
/** What an address or path of a container is here. */
let here: [string, string][];
const ports: Record<string, number> = {};
const running: Record<string, OwnedProcess> = {};
/** Services in the order in which they were ready, or had ended well. */
const order: string[] = [];

/** What a part may take on a busy machine, ms. */
const patience = 90_000;

const there = (text: string): string => here.reduce((result, [from, to]) => result.replaceAll(from, to), text);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-compose-'));
  const copy = join(folder, 'site');
  // Whether compose takes it is for test/contract; here only its files are needed, and compose may be missing.
  await prepared(copy);
  variables = await variablesOf(join(copy, '.env'));
  compose = await composition();
  image = join(folder, 'image');
  await buildImage();
  [temporal, mailbox] = await Promise.all([startTemporal({ folder: join(folder, 'temporal'), database: 'file' }), startMailbox()]);
  for (const name of ['server', 'incidents', 'runs']) ports[name] = await onPort(undefined, name, async (port) => port);
  configFile = join(folder, 'responder.yaml');
  here = [
    ['@example.com', '@authos.test'],
    ['temporal:7233', temporal.address],
    ['/etc/authos-responder/responder.yaml', configFile],
    ['/var/lib/authos-responder', join(folder, 'state')],
    ['/run/secrets/alertmanager-token', join(copy, 'deploy/secrets/alertmanager-token')],
  ];
  const config = parse(there(await readFile(join(copy, 'responder.yaml'), 'utf8'))) as Record<string, unknown> & { hosts: Record<string, object> };
  const [described] = Object.values(config.hosts);
  site = {
    ...config,
    hosts: Object.fromEntries(hosts.map((name) => [name, described])),
    channels: { email: { host: '127.0.0.1', port: mailbox.port } },
    http: { host: '127.0.0.1', port: ports['server'] },
  };
  await writeFile(configFile, stringify(site));
  for (const name of inOrder()) await up(name);
}, 240_000); // four bundles and six processes

afterAll(async () => {
  await Promise.all(Object.values(running).map((child) => child.stop()));
  await host?.close();
  await mailbox?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What the Dockerfile copies from here, with bundles built from the copy alone. */
async function buildImage(): Promise<void> {
  const dockerfile = await readFile(join(project, 'Dockerfile'), 'utf8');
  const final = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  entrypoint = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(final)?.[1] ?? '[]') as string[];
  await mkdir(image, { recursive: true });
  await symlink(join(project, 'node_modules'), join(image, 'node_modules'));
  const copied = [...final.matchAll(/^COPY (?!--from)(.*) (\S+)$/gm)].flatMap(([, sources]) => (sources ?? '').split(' '));
  for (const name of [...copied, 'scripts/bundles.ts']) await cp(join(project, name), join(image, name), { recursive: true });
  await execa(process.execPath, ['--import', 'tsx', 'scripts/bundles.ts'], { cwd: image, stdin: 'ignore' });
}

function inOrder(): string[] {
  const result: string[] = [];
  const visit = (name: string): void => {
    for (const needed of Object.keys(compose.services[name]?.depends_on ?? {})) visit(needed);
    if (!result.includes(name)) result.push(name);
  };
  for (const name of ['server', 'incidents', 'runs']) visit(name);
  return result;
}

/** Starts a service once what it waits for is so; resolves when it is healthy itself, or has ended well. `more` is for its environment. */
async function up(name: string, more: Record<string, string> = {}): Promise<void> {
  const { depends_on = {}, command = [], environment = {}, image: tag } = compose.services[name] ?? {};
  for (const needed of Object.keys(depends_on)) expect(order, `${name} waits for ${needed}`).toContain(needed);
  if (tag?.startsWith('authos-responder:')) {
    // Both workers listen on one port, each in its own container.
    const [file = '', ...args] = [...entrypoint, ...command];
    const env = { ...plainEnvironment(), ...mapped(environment), ...(ports[name] && name !== 'server' ? { RESPONDER_METRICS_PORT: `${ports[name]}`, RESPONDER_METRICS_HOST: '127.0.0.1' } : {}), ...more };
    const child = await startOwned({ name, file: file === 'node' ? process.execPath : file, args, folder: image, logFile: join(folder, `${name}.log`), env });
    if (command[0] === 'src/setup.ts') expect(await child.exited, await child.lastWords()).toBe('exited with 0');
    else {
      running[name] = child;
      await healthy(name);
    }
  }
  order.push(name);
}

const mapped = (environment: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, there(interpolated(value, variables))]));

/** The health check of docker-compose.yml, until it holds. */
async function healthy(name: string): Promise<void> {
  const [kind, program, ...args] = compose.services[name]?.healthcheck?.test ?? [];
  expect([kind, program]).toEqual(['CMD', 'node']);
  const at = args.map((arg) => arg.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${ports[name]}`));
  await until(`${name} is healthy`, async () => (await execa(process.execPath, at, { cwd: image, reject: false, stdin: 'ignore' })).exitCode === 0, patience);
}

const call = (path: string, token: string | undefined, body?: object): Promise<Response> =>
  fetch(`http://127.0.0.1:${ports['server']}${path}`, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });

/** Sends a disk's alert as Alertmanager does: again, until it is accepted. Answers the incident's workflow id. */
async function alertOf(host: string): Promise<string> {
  const token = await readFile(there('/run/secrets/alertmanager-token'), 'utf8');
  const labels = { alertname: 'DiskSpaceCritical', host, mountpoint: '/', severity: 'critical' };
  const body = { version: '4', alerts: [{ status: 'firing', labels, annotations: { summary: 'Disk full' }, startsAt: new Date().toISOString() }] };
  let workflowId = '';
  await until(`the alert of ${host} is accepted`, async () => {
    const response = await call('/alerts/alertmanager', token, body).catch(() => undefined);
    if (response?.status !== 202) return false;
    const [accepted] = ((await response.json()) as { alerts: { workflowId: string }[] }).alerts;
    workflowId = accepted?.workflowId ?? '';
    return true;
  }, patience);
  return workflowId;
}

/** Whether it is the first page to the Primary about a host. */
const isPageAbout = (host: string, { subject, to }: Mail): boolean => to.includes('ops-primary@authos.test') && (subject.endsWith(` on ${host}:/ – Level 1`) || subject.endsWith(` on ${host}:/ – Level 1 (late)`));
const pagesAbout = (host: string): number => mailbox.messages.filter((mail) => isPageAbout(host, mail)).length;

/** Waits until the alerts of these hosts are incidents of their own that page, each with a run that goes on. */
async function nothingIsLost(of: string[], ids: string[]): Promise<void> {
  expect(new Set(ids).size).toBe(of.length);
  await until('a page about each host', () => of.every((host) => pagesAbout(host) > 0), patience);
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: 'authos-responder' });
    for (const id of ids) {
      const { view: { incident } } = (await (await call(`/api/incidents/${encodeURIComponent(id)}`, variables['OPS_PRIMARY_TOKEN'])).json()) as { view: { incident: { id: string } } };
      // Its first step is on a host without a worker: what shows that the run got that far is the activity that waits for one.
      await until(`the run of ${id} goes on`, () => client.workflow.getHandle(`${incident.id}/run/1`).describe().then(({ historyLength }) => historyLength > 4, () => false), patience);
    }
  } finally {
    await connection.close();
  }
}

describe('the processes of docker-compose.yml', () => {
  it('start in its order and are ready', async () => {
    expect(order.slice(0, 4)).toEqual(['postgres', 'temporal-schema', 'temporal', 'setup']);
    const ready = await call('/readyz', undefined);
    expect(ready.status, await ready.text()).toBe(200);
    for (const name of ['incidents', 'runs']) expect(await running[name]?.lastWords()).toContain('workers run');
  });

  it.each(['server', 'incidents', 'runs'].map((name, index) => ({ name, of: hosts.slice(index * 6, index * 6 + 6) })))(
    'lose no alert, page or run when $name is stopped and started under load',
    async ({ name, of }) => {
      const sending = (async () => {
        const ids: string[] = [];
        for (const host of of) ids.push(await alertOf(host));
        return ids;
      })();
      // In the midst of them: some are paged, others on their way, the rest not yet sent.
      await until('the first page', () => pagesAbout(of[0] ?? '') > 0, patience);
      const child = running[name];
      process.kill(child?.pid ?? 0, 'SIGTERM');
      expect(await child?.exited).toBe('exited with 0');
      await up(name);
      await nothingIsLost(of, await sending);
      expect(of.map((host) => [host, pagesAbout(host)])).toEqual(of.map((host) => [host, 1]));
    },
  );

  it('lose no alert, page or run when Temporal is stopped and started under load', async () => {
    const of = hosts.slice(18);
    const sending = (async () => {
      const ids: string[] = [];
      for (const host of of) ids.push(await alertOf(host));
      return ids;
    })();
    await until('the first page', () => pagesAbout(of[0] ?? '') > 0, patience);
    await temporal.stop();
    temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'file', port: Number(temporal.address.split(':')[1]) });
    await nothingIsLost(of, await sending);
    // A page that was on its way when Temporal went is sent again, as the same mail.
    const mails = (host: string): Set<unknown> => new Set(mailbox.messages.filter((mail) => isPageAbout(host, mail)).map(({ messageId }) => messageId));
    expect(of.map((host) => [host, mails(host).size])).toEqual(of.map((host) => [host, 1]));
  });

  it('bring links in their pages, which open for whoever has the page', async () => {
    const page = mailbox.messages.find((mail) => isPageAbout(hosts[0] ?? '', mail));
    const link = /http:\/\/127\.0\.0\.1:8080(\/links\/\S+)/.exec(page?.text ?? '')?.[1] ?? '';
    const behind = await call(link, undefined);
    expect(behind.status).toBe(200);
    expect(await behind.text()).toContain('Acknowledge');
  });

  it('leave nothing of an alert, an address or a message readable in the database of Temporal', async () => {
    const database = join(folder, 'temporal');
    const kept = Buffer.concat(await Promise.all((await readdir(database)).filter((name) => name.startsWith('temporal.db')).map((name) => readFile(join(database, name)))));
    // A search attribute is readable by design, so what is searched is there.
    expect(kept.includes('diskSpaceCritical')).toBe(true);
    const secrets = Object.entries(variables).flatMap(([name, value]) => (/TOKEN$|KEY$/.test(name) ? [value] : []));
    for (const text of [...secrets, 'Disk full', 'DiskSpaceCritical', 'ops-primary@authos.test', '@authos.test']) expect(kept.includes(text), text).toBe(false);
  });

  it('leave no secret in their logs', async () => {
    const logs = await Promise.all(['server', 'incidents', 'runs'].map((name) => readFile(join(folder, `${name}.log`), 'utf8')));
    const secrets = [...Object.values(variables).filter((value) => /^[0-9a-f]{64}$/.test(value)), await readFile(there('/run/secrets/alertmanager-token'), 'utf8')];
    expect(secrets).toHaveLength(7);
    expect(secrets.filter((secret) => logs.some((log) => log.includes(secret)))).toEqual([]);
  });

  it('satisfy the doctor, with a worker on an AuthOS host, and reach everybody who may be paged', async () => {
    host = await openHostWorld();
    await host.authos.https.put();
    const { environments, hosts: served } = parse(await readFile(host.config.file, 'utf8')) as { environments: object; hosts: object };
    await writeFile(configFile, stringify({ ...site, environments, hosts: served, defaults: {} }));
    await running['server']?.stop();
    await up('server', host.config.env);
    const [file = '', ...args] = [...entrypoint, 'src/worker.ts', `host:${host.authos.name}`];
    const env = { ...plainEnvironment(), ...mapped(compose.services['runs']?.environment ?? {}), ...host.config.env, RESPONDER_METRICS_PORT: '', PATH: host.authos.env()['PATH'] ?? '', SANDBOX_HOME: host.authos.env()['SANDBOX_HOME'] ?? '' };
    const worker = await startOwned({ name: 'host', file: file === 'node' ? process.execPath : file, args, folder: image, logFile: join(folder, 'host.log'), env });
    running['host'] = worker;
    await until('the worker of the host runs', async () => (await worker.lastWords()).includes('workers run'), patience);

    const before = mailbox.messages.length;
    const doctor = (...more: string[]) =>
      execa(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'doctor', ...more], {
        cwd: image, env: { ...plainEnvironment(), RESPONDER_URL: `http://127.0.0.1:${ports['server']}`, RESPONDER_TOKEN: variables['OPS_PRIMARY_TOKEN'] }, extendEnv: false, reject: false, stdin: 'ignore',
      });
    const { stdout, stderr, exitCode } = await doctor('--send-test', '--all');
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
    const reached = mailbox.messages.slice(before).filter(({ subject }) => subject === 'Test page: nothing is wrong').flatMap(({ to }) => to);
    expect(reached.sort()).toEqual(['cto', 'dba', 'engineering-manager', 'infra', 'ops-primary', 'ops-secondary', 'security'].map((id) => `${id}@authos.test`));

    // And red, as soon as something of it is gone.
    await worker.stop();
    const { stdout: json, exitCode: red } = await doctor('--json');
    expect(red, json).toBe(1);
    expect((JSON.parse(json) as Examination).checks.filter(({ state }) => state === 'finding')).toEqual([expect.objectContaining({ subject: host.authos.name, says: 'no worker took the question within 5 s' })]);
  });
});
