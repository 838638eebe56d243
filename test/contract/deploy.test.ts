import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBinary } from '../../sandbox/servers/binaries.js';
import { loadConfig } from '../../src/config.js';
import { type Composition, composition, interpolated, prepared, variablesOf } from '../support/compose.js';
import { describeWith } from './programs.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const required = ['TEMPORAL_DB_PASSWORD', 'OPS_PRIMARY_TOKEN', 'OPS_SECONDARY_TOKEN', 'MONITORING_TOKEN', 'PAYLOAD_KEY', 'RESPONDER_LINK_KEY', 'ALERTMANAGER_TOKEN_FILE'];
const ours = ['setup', 'server', 'incidents', 'runs'];

let folder: string;
let compose: Composition;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-deploy-'));
  compose = await composition();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const said = (file: string, args: string[], options: { cwd?: string; env?: Record<string, string> } = {}) =>
  execa(file, args, { cwd: project, reject: false, all: true, stdin: 'ignore', ...options });

describeWith(['docker-compose'], 'docker-compose.yml', () => {
  let site: string;

  beforeAll(async () => {
    site = join(folder, 'site');
    const { exitCode, all } = await prepared(site);
    expect(exitCode, all).toBe(0);
    expect(all).toContain('docker-compose.yml: checked');
  });

  it('is accepted by compose after one command, which makes what is missing and prints no secret', async () => {
    const before = await readFile(join(site, '.env'), 'utf8');
    const again = await said('sh', ['deploy/prepare.sh'], { cwd: site });
    expect(again.exitCode, again.all).toBe(0);
    expect(await readFile(join(site, '.env'), 'utf8')).toBe(before);
    for (const secret of Object.values(await variablesOf(join(site, '.env'))).filter((value) => /^[0-9a-f]{64}$/.test(value))) expect(again.all).not.toContain(secret);
    expect((await stat(join(site, '.env'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(site, 'deploy/secrets'))).mode & 0o777).toBe(0o700);
  });

  it('opens to containers what a clone under a strict umask has closed to them', async () => {
    const strict = join(folder, 'strict');
    await prepared(strict, { closed: true });
    for (const name of ['deploy/alertmanager.yml', 'deploy/prometheus', 'deploy/prometheus/rules/authos.yml', 'deploy/temporal/schema.sh', 'responder.yaml']) expect((await stat(join(strict, name))).mode & 0o004, name).toBe(0o004);
    expect((await stat(join(strict, '.env'))).mode & 0o077).toBe(0);
  });

  it('has a config that a host takes with the environment of docs/install.md', async () => {
    const guide = await readFile(join(project, 'docs/install.md'), 'utf8');
    const [, change = ''] = /^sed '(s\|.*\|)' responder\.yaml/m.exec(guide) ?? [];
    await writeFile(join(site, 'host.yaml'), (await said('sed', [change, join(site, 'responder.yaml')])).stdout);
    const [, block = ''] = /```sh\n(AUTHOS_TOKEN=[^`]*)```/.exec(guide) ?? [];
    await writeFile(join(folder, 'host.env'), block.replaceAll(/…$/gm, 'c3'.repeat(32)));
    const env = await variablesOf(join(folder, 'host.env'));
    expect(loadConfig({ file: join(site, 'host.yaml'), env }).temporal).toMatchObject({ address: '127.0.0.1:7233', namespace: 'authos-responder' });
  });

  it.each(required)('refuses to start without %s', async (name) => {
    const variables = await variablesOf(join(site, '.env'));
    await writeFile(join(site, 'without.env'), Object.entries(variables).map(([key, value]) => `${key}=${key === name ? '' : value}\n`).join(''));
    const { exitCode, all } = await said('docker-compose', ['--env-file', 'without.env', 'config', '--quiet'], { cwd: site });
    expect(exitCode).not.toBe(0);
    expect(all).toContain('run deploy/prepare.sh');
  });

  it('has a config that our programs take with the variables that compose gives them', async () => {
    const variables = await variablesOf(join(site, '.env'));
    const config = (await readFile(join(site, 'responder.yaml'), 'utf8')).replace('/run/secrets/alertmanager-token', join(site, 'deploy/secrets/alertmanager-token'));
    await writeFile(join(site, 'here.yaml'), config);
    for (const name of ['server', 'incidents', 'runs']) {
      const env = Object.fromEntries(Object.entries(compose.services[name]?.environment ?? {}).map(([key, value]) => [key, interpolated(value, variables)]));
      const loaded = loadConfig({ file: join(site, 'here.yaml'), env });
      expect(loaded.temporal.address).toBe('temporal:7233');
      expect(loaded.state).toBe('/var/lib/authos-responder');
    }
  });
});

describe('docker-compose.yml confines what it runs', () => {
  it('publishes ports on loopback alone', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('takes rights, memory and processor from every service, and starts it again', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      expect({ name, ...service }).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], mem_limit: expect.any(String), cpus: expect.any(Number), restart: expect.stringMatching(/^(unless-stopped|on-failure)$/) });
    }
    for (const name of [...ours, 'postgres', 'temporal-schema', 'temporal', 'mail', 'prometheus', 'alertmanager']) expect(compose.services[name]?.read_only, name).toBe(true);
  });

  it('lets nobody but Temporal to its database', () => {
    expect(compose.networks['inner']).toEqual({ internal: true });
    const inside = Object.entries(compose.services).filter(([, { networks }]) => (networks as string[]).includes('inner')).map(([name]) => name);
    expect(inside).toEqual(['postgres', 'temporal-schema', 'temporal']);
    expect(compose.services['postgres']?.networks).toEqual(['inner']);
  });

  it('names an exact version of every image', () => {
    for (const { image } of Object.values(compose.services)) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[\w.]+)?(@sha256:[0-9a-f]{64})?$/);
  });

  it('gives a worker longer to stop than it takes for itself', async () => {
    const build = await readFile(join(project, 'src/workers/build.ts'), 'utf8');
    const own = Number(/shutdownGraceTime = '(\d+) minutes'/.exec(build)?.[1]) * 60;
    expect(own).toBeGreaterThan(0);
    for (const name of ['incidents', 'runs']) expect(Number.parseInt(compose.services[name]?.stop_grace_period ?? '', 10)).toBeGreaterThan(own);
    const unit = await readFile(join(project, 'deploy/systemd/authos-responder-host@.service'), 'utf8');
    expect(Number(/TimeoutStopSec=(\d+)s/.exec(unit)?.[1])).toBeGreaterThan(own);
  });
});

describe('the image', () => {
  it('is built from a Dockerfile in which hadolint finds nothing', async () => {
    const { exitCode, all } = await said(await findBinary('hadolint'), ['Dockerfile']);
    expect(all).toBe('');
    expect(exitCode).toBe(0);
  });

  it('takes in only what its .dockerignore lets through, and copies nothing else', async () => {
    const allowed = (await readFile(join(project, '.dockerignore'), 'utf8')).split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const copied = [...(await readFile(join(project, 'Dockerfile'), 'utf8')).matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources]) => (sources ?? '').split(' '));
    expect(new Set(copied)).toEqual(new Set(allowed));
  });
});

describeWith(['prometheus', 'prometheus-alertmanager'], 'Prometheus and Alertmanager', () => {
  it('take their configurations', async () => {
    const config = await said('promtool', ['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml']);
    expect(config.exitCode, config.all).toBe(0);
    const alertmanager = await said('amtool', ['check-config', 'deploy/alertmanager.yml']);
    expect(alertmanager.exitCode, alertmanager.all).toBe(0);
  });

  it('take every query of the dashboard', async () => {
    const { panels } = JSON.parse(await readFile(join(project, 'deploy/grafana/responder.json'), 'utf8')) as { panels: { targets: { expr: string }[] }[] };
    const rules = panels.flatMap(({ targets }) => targets.map(({ expr }, index) => ({ record: `query_${index}`, expr })));
    const groups = rules.map((rule, index) => ({ name: `query ${index}`, rules: [rule] }));
    await writeFile(join(folder, 'queries.yml'), JSON.stringify({ groups }));
    const { exitCode, all } = await said('promtool', ['check', 'rules', join(folder, 'queries.yml')]);
    expect(exitCode, all).toBe(0);
  });

  it('ring by our rules when they should, and not else', async () => {
    const { exitCode, all } = await said('promtool', ['test', 'rules', 'test/contract/rules.test.yml']);
    expect(exitCode, all).toBe(0);
  });

  it.each([
    ['about=responder', 'person'],
    ['alertname=DiskSpaceCritical', 'responder'],
  ])('send what has %s to the receiver %s', async (label, receiver) => {
    const { stdout } = await said('amtool', ['config', 'routes', 'test', '--config.file=deploy/alertmanager.yml', label]);
    expect(stdout.trim()).toBe(receiver);
  });
});

describeWith(['systemd'], "the unit of a host's worker", () => {
  it('is valid, and leaves sudo working', async () => {
    const name = 'authos-responder-host@app-1.service';
    const text = await readFile(join(project, 'deploy/systemd/authos-responder-host@.service'), 'utf8');
    // Where node is differs from machine to machine; systemd looks whether it is there.
    await writeFile(join(folder, name), text.replace('/usr/bin/node', process.execPath));
    const { exitCode, all } = await said('systemd-analyze', ['verify', '--man=no', join(folder, name)]);
    expect(all).toBe('');
    expect(exitCode).toBe(0);
    // 8.1 of 10, in tenths; versions of systemd count a little differently.
    const { exitCode: exposed, all: exposure } = await said('systemd-analyze', ['security', '--offline=true', '--threshold=84', '--no-pager', join(folder, name)]);
    expect(exposed, exposure?.split('\n').at(-1)).toBe(0);
    // Each of these makes systemd set NoNewPrivileges for a service with User=, systemd.exec(5).
    expect(text).not.toMatch(/^(NoNewPrivileges|SystemCall\w+|RestrictAddressFamilies|RestrictNamespaces|PrivateDevices|ProtectKernel\w+|ProtectClock|MemoryDenyWriteExecute|RestrictRealtime|RestrictSUIDSGID|DynamicUser|LockPersonality|ProtectHostname)=/m);
  });
});
