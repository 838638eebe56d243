import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { execa } from 'execa';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issue, makeAuthority } from '../../sandbox/bin/lib/tls/authority.mjs';
import { startTemporal, type TemporalServer } from '../../sandbox/servers/temporal.js';
import { loadConfig } from '../../src/config.js';
import { connect, TemporalUnreachable } from '../../src/workers/of-role.js';
import { handshakeProblem } from '../../src/temporal-handshake.js';
import { openTraces } from '../../src/telemetry/traces.js';
import { openTlsProxy, type TlsProxy } from '../support/tls-proxy.js';
import { quietRuntime } from '../support/world.js';

const apiKey = 'temporal-api-key-0123456789';
const secrets = { AUTHOS_TOKEN: 'authos-token-0123456789', ALICE_TOKEN: 'alice-0123456789abcdef' };

let folder: string;
let temporal: TemporalServer;
let proxy: TlsProxy;
let config: string;
/** All that Temporal's own environment variables say of a right connection. */
let right: Record<string, string>;
let otherCa: string;
/** A client certificate that nobody there knows. */
let strange: Record<string, string>;

beforeAll(async () => {
  quietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'responder-tls-'));
  const [ours, others] = [join(folder, 'ours'), join(folder, 'others')];
  const root = await makeAuthority(ours);
  otherCa = await makeAuthority(others);
  const [server, client] = [await issue(ours, { names: ['temporal.test'] }), await issue(ours, { names: ['responder'], of: 'client' })];
  temporal = await startTemporal({ folder, database: 'memory' });
  proxy = await openTlsProxy({ upstream: temporal.address, server: { key: server.key, cert: server.chain }, ca: await readFile(root, 'utf8'), apiKey });
  const [cert, key] = [join(folder, 'client.pem'), join(folder, 'client.key')];
  await writeFile(cert, client.chain);
  await writeFile(key, client.key, { mode: 0o600 });
  const stranger = await issue(others, { names: ['responder'], of: 'client' });
  strange = { TEMPORAL_TLS_CLIENT_CERT_PATH: join(folder, 'stranger.pem'), TEMPORAL_TLS_CLIENT_KEY_PATH: join(folder, 'stranger.key') };
  await writeFile(join(folder, 'stranger.pem'), stranger.chain);
  await writeFile(join(folder, 'stranger.key'), stranger.key, { mode: 0o600 });
  right = {
    TEMPORAL_ADDRESS: proxy.address, TEMPORAL_TLS: 'true', TEMPORAL_TLS_SERVER_NAME: 'temporal.test', TEMPORAL_TLS_SERVER_CA_CERT_PATH: root,
    TEMPORAL_TLS_CLIENT_CERT_PATH: cert, TEMPORAL_TLS_CLIENT_KEY_PATH: key, TEMPORAL_API_KEY: apiKey,
  };
  config = join(folder, 'responder.yaml');
  await writeFile(
    config,
    `environments: { production: { authos: { url: https://auth.example.com, token: env:AUTHOS_TOKEN } } }
hosts: { app-1: { environment: production, root: /var/www/authos } }
people: { alice: { email: alice@example.com, token: env:ALICE_TOKEN } }`,
  );
});

afterAll(async () => {
  await proxy?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

const without = (...names: string[]): Record<string, string> => Object.fromEntries(Object.entries(right).filter(([name]) => !names.includes(name)));
const connected = async (env: Record<string, string>) => connect(loadConfig({ file: config, env: { ...secrets, ...env } }), await openTraces(false, pino({ level: 'silent' })));

describe('a Temporal behind TLS, client certificates and API keys', () => {
  it('is reached by workers and clients with what the environment names', async () => {
    const { worker, client, close } = await connected(right);
    try {
      const echo = await Worker.create({ connection: worker.connection, namespace: worker.namespace, taskQueue: 'echo', activities: { echo: async () => 'heard' } });
      await echo.runUntil(async () => {
        const { pollers } = await eventually(() => client.workflowService.describeTaskQueue({ namespace: 'default', taskQueue: { name: 'echo' }, taskQueueType: 2 }), ({ pollers: found }) => found.length > 0);
        expect(pollers).toHaveLength(1);
      });
    } finally {
      await close();
    }
    expect(new Set(proxy.authorizations)).toEqual(new Set([`Bearer ${apiKey}`]));
  });

  it.each([
    ['without the authority of its certificate', () => without('TEMPORAL_TLS_SERVER_CA_CERT_PATH'), /of an authority that is not trusted \(\w+\): TEMPORAL_TLS_SERVER_CA_CERT_PATH names/],
    ['with another authority', () => ({ ...right, TEMPORAL_TLS_SERVER_CA_CERT_PATH: otherCa }), /of an authority that is not trusted/],
    ['under another name', () => ({ ...right, TEMPORAL_TLS_SERVER_NAME: 'other.test' }), /for another name \(.*temporal\.test.*\): TEMPORAL_TLS_SERVER_NAME says/],
    ['without a client certificate', () => without('TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'), /it wants a client certificate: TEMPORAL_TLS_CLIENT_CERT_PATH/],
    ['with a client certificate of another authority', () => ({ ...right, ...strange }), /it refuses our client certificate/],
    ['without TLS', () => ({ TEMPORAL_ADDRESS: proxy.address }), /it takes no client without TLS, and TEMPORAL_TLS is not set/],
    ['with a wrong API key', () => ({ ...right, TEMPORAL_API_KEY: 'another-api-key-0123456789' }), /the API key is not known/],
  ])('is refused %s, in words and without the key', async (_, env, words) => {
    const refused = await connected(env()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TemporalUnreachable);
    expect(String(refused)).toMatch(words);
    expect(String(refused)).not.toContain('api-key-0123');
  });

  it('is told by the registering job too, at once', async () => {
    const env = without('TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH');
    const script = fileURLToPath(new URL('../../src/setup.ts', import.meta.url));
    const { stderr, exitCode } = await execa(process.execPath, ['--import', 'tsx', script], { env: { PATH: process.env['PATH'], HOME: folder, ...env }, extendEnv: false, stdin: 'ignore', reject: false });
    expect(stderr).toMatch(/^Temporal can't be reached at 127\.0\.0\.1:\d+: it wants a client certificate/);
    expect(exitCode).toBe(1);
  });

  it.each([['nobody listens', 'TEMPORAL_TLS', '127.0.0.1:1'], ['all is well', '', '']])('has nothing to say of TLS where %s', async (_, tls, address) => {
    expect(await handshakeProblem({ address: address || temporal.address, ...(tls && { tls: true }) })).toBeUndefined();
  });

  it('is told when it speaks none', async () => {
    expect(await handshakeProblem({ address: temporal.address, tls: true })).toMatch(/^it does not speak TLS/);
  });
});

async function eventually<Answer>(ask: () => Promise<Answer>, holds: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
