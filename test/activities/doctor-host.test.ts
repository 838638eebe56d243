import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfiguredHost, loadConfig, Secret } from '../../src/config.js';
import type { Config } from '../../src/config.js';
import type { HostAnswer, HostLook } from '../../src/domain/doctor.js';
import { activitiesOfHost } from '../../src/workers/host-activities.js';
import { openHostWorld, type HostWorld } from '../support/runbook-world.js';
import { inActivity } from './support.js';

let world: HostWorld;
let config: Config;
let host: ConfiguredHost;
const artisan = ['cache:clear', 'queue:restart', 'tinker'];

beforeAll(async () => {
  world = await openHostWorld();
  await world.authos.https.put();
  config = loadConfig(world.config);
  host = Object.values(config.hosts)[0] as ConfiguredHost;
});
afterAll(() => world?.close());

async function findings({ of = host, environment = {} }: { of?: ConfiguredHost; environment?: object } = {}): Promise<HostLook[]> {
  const environments = { ...config.environments, [host.environment]: { ...config.environments[host.environment], ...environment } as Config['environments'][string] };
  const activities = activitiesOfHost({ ...config, environments, hosts: { [of.name]: of } });
  const { looks } = await inActivity(() => activities.examineHost({ host: of.name, artisan }));
  return looks.filter(({ state }) => state === 'finding');
}

/** While a file is away. */
async function without<T>(path: string, act: () => Promise<T>): Promise<T> {
  await rename(path, `${path}.away`);
  return act().finally(() => rename(`${path}.away`, path));
}

const certificate = (): NonNullable<ConfiguredHost['certificates']>[number] => (host.certificates ?? [])[0] as NonNullable<ConfiguredHost['certificates']>[number];
const nobodyListens = 'postgresql://responder:long-password@127.0.0.1:9/authos';

describe('the doctor on a host', () => {
  it('finds nothing wrong where everything is there', async () => {
    expect(await findings()).toEqual([]);
  });

  it('notes an artisan command that this version lacks', async () => {
    const { looks } = await inActivity(() => activitiesOfHost(config).examineHost({ host: host.name, artisan: [...artisan, 'db:wipe-cache'] }));
    expect(looks).toContainEqual({ right: 'application', state: 'note', says: 'this version of the application has no artisan db:wipe-cache', command: 'db:wipe-cache' });
  });

  const table: [what: string, right: string, says: RegExp, see: () => Promise<HostLook[]>][] = [
    ['a user that is not there', 'application', /no user "authos-of-old"/, () => findings({ of: { ...host, user: 'authos-of-old' } })],
    ['an application that is not there', 'application', /no artisan in/, () => without(join(host.root, 'artisan'), findings)],
    ['PHP that is not there', 'application', /command not found: php-of-old/, () => findings({ of: { ...host, php: ['php-of-old'] } })],
    ['logs that are not there', 'reading', /storage\/logs \(ENOENT\)/, () => without(join(host.root, 'storage/logs'), findings)],
    ['no .env', 'env file', /\.env \(ENOENT\)/, () => without(join(host.root, '.env'), findings)],
    ['a restart that is not there', 'restart', /command not found: herd-of-old/, () => findings({ of: { ...host, restart: ['sudo', '-n', 'herd-of-old', 'restart'] } })],
    ['a firewall that is not there', 'firewall', /command not found: ufw-of-old/, () => findings({ of: { ...host, blocking: { ...host.blocking!, by: { ufw: ['ufw-of-old'] } } } })],
    ['a certbot that is not there', 'certbot', /command not found: certbot-of-old/, () => findings({ of: { ...host, certificates: [{ ...certificate(), certbotName: 'a', certbot: ['certbot-of-old'] }] } })],
    ['a certificate that is not there', 'certificate files', /ENOENT/, () => findings({ of: { ...host, certificates: [{ ...certificate(), chainFile: '/nowhere/chain.pem' }] } })],
    ['AuthOS that does not answer', 'AuthOS token', /\/api\/health gave no answer/, () => findings({ environment: { authos: { url: 'http://127.0.0.1:9', token: new Secret('0123456789abcdef') } } })],
    ['a token that AuthOS refuses', 'AuthOS token', /answers 401: it does not take our token/, () => findings({ environment: { authos: { url: world.authos.url, token: new Secret('0123456789abcdef') } } })],
    ['a database that does not answer', 'database looks', /ECONNREFUSED/, () => findings({ environment: { database: { ...config.environments[host.environment]?.database, url: new Secret(nobodyListens), adminUrl: new Secret(nobodyListens) } } })],
    ['a Redis that does not answer', 'Redis', /ECONNREFUSED/, () => findings({ environment: { redis: { url: new Secret('redis://127.0.0.1:9/1'), store: 'redis' } } })],
  ];

  it.each(table)('finds %s', async (_what, right, says, see) => {
    const found = await see();
    expect(found).toContainEqual(expect.objectContaining({ right, says: expect.stringMatching(says) }));
    expect(JSON.stringify(found)).not.toContain('long-password');
  });

  it('finds what a role may not do in the database', async () => {
    const pg = await import('pg');
    const client = new pg.default.Client({ connectionString: world.authos.postgres.adminUrl });
    await client.connect();
    await client.query("create role bare login password 'bare-password'");
    await client.end();
    const url = new URL(config.environments[host.environment]?.database?.url.reveal() ?? '');
    [url.username, url.password] = ['bare', 'bare-password'];
    const found = await findings({ environment: { database: { ...config.environments[host.environment]?.database, url: new Secret(url.href), adminUrl: new Secret(url.href) } } });
    expect(found.map(({ says }) => says)).toEqual(
      expect.arrayContaining(['bare is no member of pg_monitor', 'bare is no member of pg_signal_backend', 'bare may not set max_connections', 'may not delete failed_jobs', 'may not select webhooks', 'may not select authentication_logs']),
    );
  });

  // Root may do all: what a worker of its own user lacks shows only as one, who must be able to read this project.
  const script = fileURLToPath(new URL('examine-as.ts', import.meta.url));
  it.skipIf(process.getuid?.() !== 0)('finds what its own user may not', async ({ skip }) => {
    const another = { uid: 65_534, gid: 65_534 };
    const { exitCode: closed } = await execa('node', ['-e', `require("fs").accessSync(${JSON.stringify(script)})`], { ...another, reject: false });
    if (closed !== 0) skip();
    await chmod(join(world.config.file, '..'), 0o755);
    await chmod(join(host.root, '.env'), 0o600);
    const { stdout } = await execa(process.execPath, ['--import', 'tsx', script, world.config.file, host.name], {
      ...another, cwd: fileURLToPath(new URL('../../', import.meta.url)), env: { ...world.config.env, PATH: process.env['PATH'], HOME: '/nonexistent', TMPDIR: '/tmp' }, extendEnv: false, stdin: 'ignore',
    });
    const { user, looks } = JSON.parse(stdout) as HostAnswer;
    expect(user).toBe('nobody');
    const says = looks.filter(({ state }) => state === 'finding').map(({ right, says: words }) => `${right}: ${words}`);
    const expected = [/^env file: may not write .*\.env \(EACCES\)/, /^storage: may not write/, /^archive: may not write/, /^key files: may not read and write/, /^application: can't run as root/, /^services: sudo does not allow systemctl restart/];
    expect(says).toEqual(expect.arrayContaining(expected.map((one) => expect.stringMatching(one) as string)));
  });
});
