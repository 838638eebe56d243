import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporal } from '../../sandbox/servers/temporal.js';
import { call } from './world.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-server-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const entry = new URL('../../src/server.ts', import.meta.url).pathname;

/** The server as its own process. `temporal` is where it looks for Temporal. */
async function start({ temporal, port, extra = '' }: { temporal: string; port: number; extra?: string }) {
  const file = join(folder, `${port}.yaml`);
  await writeFile(
    file,
    `environments: { production: { authos: { url: https://auth.example.com, token: env:AUTHOS_TOKEN } } }
hosts: { app-1: { environment: production, root: /var/www/authos } }
people: { alice: { email: alice@example.com, token: env:ALICE_TOKEN } }
sources: { monitoring: { token: env:MONITORING_TOKEN } }
state: ${folder}/state-${port}
http: { port: ${port} }
${extra}`,
  );
  const child = execa('node', ['--import', 'tsx', entry], {
    env: {
      RESPONDER_CONFIG: file,
      TEMPORAL_ADDRESS: temporal,
      AUTHOS_TOKEN: 'authos-token-0123456789',
      ALICE_TOKEN: 'alice-0123456789abcdef',
      MONITORING_TOKEN: 'monitoring-0123456789',
    },
    reject: false,
    all: true,
    forceKillAfterDelay: 10_000,
    timeout: 50_000,
  });
  return { child }; // a child is a promise of its own: returned bare, it would be awaited here
}

async function status(port: number, path: string): Promise<number | undefined> {
  return call(`http://127.0.0.1:${port}${path}`).then(
    (answer) => answer.status,
    () => undefined,
  );
}

describe('the server program', () => {
  it('serves without Temporal, keeps alerts until it is there, and ends on SIGTERM', async () => {
    const [port, temporalPort] = [await getPort(), await getPort()];
    const { child } = await start({ temporal: `127.0.0.1:${temporalPort}`, port });
    try {
      await expect.poll(() => status(port, '/healthz'), { timeout: 20_000 }).toBe(200);
      expect(await status(port, '/readyz')).toBe(503);
      const alert = { token: 'monitoring-0123456789', body: { title: 'x' } };
      const kept = await call(`http://127.0.0.1:${port}/alerts`, alert);
      expect([kept.status, kept.json.alerts]).toEqual([202, [expect.objectContaining({ incidentId: null, state: 'accepted' })]]);
      const temporal = await startTemporal({ folder: join(folder, 'temporal'), database: 'memory', port: temporalPort });
      try {
        await expect.poll(() => status(port, '/readyz'), { timeout: 15_000 }).toBe(200);
        const incidents = async () => (await call(`http://127.0.0.1:${port}/api/incidents`, { token: 'alice-0123456789abcdef' })).json.incidents;
        await expect.poll(incidents, { timeout: 10_000 }).toEqual([expect.objectContaining({ workflowId: 'incident/generalTroubleshooting/production', state: 'open' })]);
        const answer = await call(`http://127.0.0.1:${port}/alerts`, { ...alert, body: { title: 'y', runbook: 'diskSpaceCritical' } });
        expect([answer.status, answer.json.alerts]).toEqual([202, [expect.objectContaining({ fingerprint: expect.stringMatching(/^diskSpaceCritical/), state: 'opened' })]]);
      } finally {
        await temporal.stop();
      }
    } finally {
      child.kill('SIGTERM');
    }
    const { exitCode, all } = await child;
    expect(exitCode).toBe(0);
    expect(all).not.toContain('monitoring-0123456789');
  });

  it('does not start with a wrong config, and says all that is wrong', async () => {
    const result = await (await start({ temporal: '127.0.0.1:1', port: await getPort(), extra: 'colour: red\nautomation: { nope: never }' })).child;
    expect(result.exitCode).toBe(2);
    expect(result.all).toMatch(/can't be used:\n {2}colour: is not a setting\n {2}automation\.nope: is neither a risk/);
  });

  it('does not start on a taken port, and names it', async () => {
    const port = await getPort();
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    try {
      const result = await (await start({ temporal: '127.0.0.1:1', port })).child;
      expect(result.exitCode).toBe(1);
      expect(result.all).toContain(`127.0.0.1:${port}`);
    } finally {
      other.close();
    }
  });
});
