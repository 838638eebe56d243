import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runbooks } from '../../src/catalogue.js';
import type { Simulation } from '../../src/simulate/simulation.js';
import { responder } from '../cli/world.js';

const day = 24 * 60 * 60_000;
const in20Days = new Date(Math.ceil(Date.now() / day) * day + 20 * day + 2 * 60 * 60_000);

let folder: string;
/** Stands where mail, AuthOS and database would be: whoever connects to it has left the simulation. */
let world: Server;
let visitors = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulate-'));
  world = createServer((socket) => {
    visitors += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(world, 'listening');
  const { port } = world.address() as AddressInfo;
  const iso = (offset: number): string => new Date(in20Days.getTime() + offset).toISOString();
  const config = {
    environments: { production: { authos: { url: `http://127.0.0.1:${port}`, token: 'env:TOKEN' }, database: { url: 'env:DATABASE' } } },
    hosts: { 'app-1': { environment: 'production', root: '/srv/authos' }, 'app-2': { environment: 'production', root: '/srv/authos' } },
    people: {
      alice: { name: 'Alice', contacts: [{ webhook: 'bridge' }, { email: 'alice@authos.test' }] },
      bob: { email: 'bob@authos.test' },
      carol: { name: 'Carol', email: 'carol@authos.test' },
    },
    roles: { Primary: { rotation: ['alice', 'bob'], handOver: '09:00', zone: 'UTC', since: '2026-11-02' }, Secondary: ['alice'] },
    // Only at the time that is simulated.
    overrides: [{ role: 'Primary', from: iso(-day), until: iso(day), people: ['carol'] }],
    channels: { email: { host: '127.0.0.1', port }, webhooks: { bridge: { url: 'env:BRIDGE', secret: 'env:SECRET' } } },
    state: join(folder, 'state'),
  };
  await writeFile(join(folder, 'responder.yaml'), stringify(config));
  Object.assign(env, { BRIDGE: `http://127.0.0.1:${port}/`, DATABASE: `postgresql://x:y@127.0.0.1:${port}/authos` });
});
afterAll(async () => {
  world.close();
  await rm(folder, { recursive: true, force: true });
});

const env: Record<string, string> = { TOKEN: 'a-token-of-the-test', SECRET: `whsec_${Buffer.alloc(32, 'a').toString('base64')}` };

const simulated = (...words: string[]) => responder(['simulate', ...words], { env: { ...env, RESPONDER_CONFIG: join(folder, 'responder.yaml') } });

describe('responder simulate', () => {
  it('plays a night of the config at that time, which nobody answers, and leaves everybody alone', { timeout: 240_000 }, async () => {
    const { stdout, exitCode } = await simulated('databaseConnectionFailures', '--at', in20Days.toISOString(), '--hours', '1', '--json');
    const night = JSON.parse(stdout) as Simulation;
    expect(exitCode).toBe(0);
    expect(night.at - in20Days.getTime()).toBeLessThan(30_000);
    const minutes = (at: number): number => Math.round((at - night.at) / 60_000);
    const pages = night.pages.filter(({ kind }) => kind === 'page').map(({ at, person, channel, address, why }) => `${minutes(at)} ${person} by ${channel} to ${address}: ${why}`);
    expect(pages.slice(0, 4)).toEqual([
      '0 carol by email to carol@authos.test: Primary (level 1)',
      '0 dba by email to dba@example.com: Database Administrator (level 1)',
      '5 alice by webhook to bridge: Secondary (level 1)',
      '10 engineering-manager by email to engineering-manager@example.com: Escalation contact (level 1)',
    ]);
    // Nobody is there and the database is down, so the restart goes ahead once its question expires; what loses data does not.
    expect(night.asks[0]).toMatchObject({ act: 'Restart Database Service', risk: 'disruptive', answer: { answer: 'expired' } });
    expect(night.acts[0]).toMatchObject({ act: 'Restart Database Service', outcome: expect.stringMatching(/^would run: sudo systemctl restart postgresql/) as string });
    expect(night.acts.filter(({ risk, outcome }) => risk === 'destructive' && outcome.startsWith('would run'))).toEqual([]);
    expect(night.looks[0]).toBe('would run: curl https://<authos>/api/health/database');
    expect(night.end).toMatchObject({ state: 'open', level: 3 });
    expect(visitors).toBe(0);
  });

  it('tells people who is paged once somebody acknowledged and fell asleep', { timeout: 240_000 }, async () => {
    const { stdout, exitCode } = await simulated('databaseConnectionFailures', '--scenario', 'ack-then-silence', '--hours', '1');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Simulated: Database Connection Failures \(databaseConnectionFailures, Critical\) on production:database, ack-then-silence, from /);
    expect(stdout).toMatch(/acknowledge +(alice|bob) /);
    // Somebody was there: what disturbs needs an answer, and no repeat goes out before the acknowledgement lapses.
    expect(stdout).toMatch(/1 +disruptive +Restart Database Service +skipped \(expired\): nobody answered in time/);
    expect(stdout).not.toMatch(/^15 min .* page: Primary/m);
    expect(stdout).toMatch(/lapse +ladder +the acknowledgement of (alice|bob) \(cli\) lapsed\n.*page +ladder +Level 3 CTO, due 31 min/);
    expect(visitors).toBe(0);
  });

  it('ends as recovered where proof holds from some time on', { timeout: 240_000 }, async () => {
    const { stdout, stderr } = await simulated('sslCertificateExpiry', '--scenario', 'recovers-at=20m', '--hours', '1', '--json');
    const night = JSON.parse(stdout) as Simulation;
    expect(night.end).toMatchObject({ state: 'closed', closedAs: 'recovered' });
    expect(night.end.closedAt! - night.at).toBeGreaterThan(30 * 60_000);
    expect(night.pages.at(-1)).toMatchObject({ kind: 'notice', subject: expect.stringContaining('closed, recovered') as string });
    expect(stderr).toBe('');
  });

  it.each([
    [['diskSpaceFull'], `there is no runbook "diskSpaceFull". There are ${runbooks.map(({ type }) => type).join(', ')}.`],
    [['diskSpaceCritical', '--target', 'app-9'], '"app-9" is no host and mount of the config; one is app-1:/.'],
    [['diskSpaceCritical', '--scenario', 'all-is-well'], 'There are nobody-answers, ack-then-silence, approval-expires, recovers-at=20m.'],
    [['diskSpaceCritical', '--at', '2020-01-01T00:00'], '--at 2020-01-01T00:00 is in the past'],
    [['diskSpaceCritical', '--hours', '100'], 'It must be a whole number of hours from 1 to 72.'],
  ])('does not take %j', async (words, message) => {
    const { stderr, exitCode } = await simulated(...words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });

  it('names the config that it can not read', async () => {
    const { stderr, exitCode } = await responder(['simulate', 'diskSpaceCritical'], { env: { RESPONDER_CONFIG: '/nowhere/responder.yaml' } });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("/nowhere/responder.yaml can't be used");
  });
});
