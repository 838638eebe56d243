import { appendFile, chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { incidentView, sendAlert } from '../../sandbox/drill/responder.js';
import { openSite, type Site } from '../../sandbox/drill/site.js';
import { alertmanagerPayload } from '../../sandbox/faults/alertmanager.js';
import { attack, bruteForce } from '../../sandbox/faults/brute-force.js';
import { failedJobs } from '../../sandbox/faults/queue-jobs.js';
import { failedDeliveries, openHook } from '../../sandbox/faults/webhooks.js';
import { request } from '../../sandbox/faults/traffic.js';
import { runbooks } from '../../src/catalogue.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { hostileTexts } from '../support/hostile.js';

/*
 * A whole site into whose logs, tables and alerts an attacker has written. Each text would make a file if any part of it ever ran: in a
 * shell, in PHP, in SQL. No file, and each incident says what it made of it.
 */

let folder: string;
let site: Site;
/** Whatever runs leaves a file here. */
let canaries: string;
let texts: [string, string][];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-hostile-'));
  await chmod(folder, 0o755);
  canaries = join(folder, 'canaries');
  await mkdir(canaries);
  await chmod(canaries, 0o777);
  texts = Object.entries(hostileTexts(`touch ${canaries}/ran`));
  site = await openSite({ folder: join(folder, 'site'), scale: 1 / 60, times: { silentAfter: '2h' }, host: { queueWorkers: 1, retryAfter: 5, webhookWindow: 1_000 }, onProgress: () => undefined, signal: new AbortController().signal });
  await writeEverywhere(site);
}, 180_000);

afterAll(async () => {
  await site?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const ran = (): Promise<string[]> => readdir(canaries);

/** Into every place that a runbook reads and an outsider can write to. */
async function writeEverywhere({ authos }: Site): Promise<void> {
  const hook = await openHook(authos);
  for (const [index, [, text]] of texts.entries()) {
    const at = new Date().toISOString();
    const type = 'failed_authentication';
    const context = { type, email: text, ip: text, reason: text, url: text, method: text, exception: text, message: text, webhook_id: text, user_id: text };
    for (const channel of ['laravel', 'api', 'security', 'oauth', 'performance', 'monitoring', 'webhooks', 'audit']) {
      const file = join(authos.root, 'storage/logs', `${channel}.log`);
      await appendFile(file, `[${at}] production.ERROR: slow query ${text} ${JSON.stringify(context)}\n${JSON.stringify({ timestamp: at, level: 'ERROR', message: `failed ${text}`, context })}\n`);
    }
    const word = text.replaceAll('\u0000', '');
    await failedJobs(authos, { queue: 'default', count: 1, from: index, job: word, exception: `${word}: ${word}` });
    await authos.sql('insert into oauth_clients (name, revoked) values ($1, false)', [word]);
    await authos.sql('insert into users (name, email, password) values ($1, $2, $1) on conflict do nothing', [word, `${word.slice(0, 200)}@x.test`]);
    await failedDeliveries(authos, hook, { count: 1, status: 500, error: word });
    await request(authos, `/api/v1/${encodeURIComponent(text.slice(0, 2_000))}`);
  }
  await authos.sql('update webhooks set name = $1', [texts.map(([, text]) => text.replaceAll('\u0000', '').slice(0, 20)).join(' ')]);
  // A line of 5 MB, and bytes that are no text.
  for (const channel of ['security', 'laravel']) await appendFile(join(authos.root, 'storage/logs', `${channel}.log`), Buffer.concat([Buffer.alloc(5_000_000, 0x78), Buffer.from([0x0a, 0xff, 0xfe, 0x00, 0x0a])]));
}

/** Follows an incident until its first run has ended. */
async function afterItsRun(id: string): Promise<IncidentView> {
  let view = await incidentView(site, id);
  await expect.poll(async () => (view = await incidentView(site, id)).runs[0]?.endedAt, { timeout: 150_000, interval: 500 }).toBeDefined();
  return view;
}

function alertOf(runbook: string, labels: Record<string, string>, text: string): ReturnType<typeof alertmanagerPayload> {
  return alertmanagerPayload({ labels: { alertname: text, runbook, severity: text, [text]: text, ...labels }, annotations: { summary: text, description: text, [text]: text }, startsAt: new Date() });
}

describe('hostile text in every field of an alert', () => {
  it('would leave its file if a shell met it', async () => {
    await execa('sh', ['-c', `: ${texts[0]?.[1]}`]);
    expect(await ran()).toEqual(['ran']);
    await rm(join(canaries, 'ran'));
  });

  it('opens an incident of each runbook that names what it could not find, looks, and runs nothing of it', { timeout: 240_000 }, async () => {
    const names = ['host', 'instance', 'mountpoint', 'environment', 'database', 'store', 'queue', 'webhook_id', 'domain'];
    const opened = runbooks.map(async ({ type }, index) => {
      const [, text] = texts[index % texts.length] ?? ['', ''];
      return sendAlert(site, alertOf(type, Object.fromEntries(names.map((name) => [name, text])), text));
    });
    for (const id of await Promise.all(opened)) {
      const view = await afterItsRun(id);
      expect({ runbook: view.incident.runbook, end: view.runs[0]?.end, target: view.incident.target }).toEqual({
        runbook: view.incident.runbook,
        end: 'observed',
        target: expect.stringContaining('(not in the inventory)') as string,
      });
      expect(view.runs[0]?.steps.filter(({ phase, acts }) => phase === 'resolve' && acts.some(({ outcome }) => outcome.kind === 'done'))).toEqual([]);
    }
    expect(await ran()).toEqual([]);
  });
});

describe('hostile text in logs, tables and names, met by a run that may act', () => {
  it.each(['highErrorRate', 'oauthSystemFailure', 'highApiResponseTimes', 'webhookDeliveryFailures', 'cacheSystemFailure', 'failedQueueJobs', 'generalTroubleshooting', 'databaseConnectionFailures', 'diskSpaceCritical'])(
    'of %s: runs nothing of it, and shows it on lines that it can not leave',
    { timeout: 240_000 },
    async (runbook) => {
      const { environment, name, capacity } = site.authos;
      const target: Record<string, string> = runbook === 'diskSpaceCritical' ? { host: name, mountpoint: capacity.mount } : { environment, database: 'authos', store: 'redis', queue: 'default' };
      const view = await afterItsRun(await sendAlert(site, alertOf(runbook, target, texts[2]?.[1] ?? '')));
      expect(view.incident.target).not.toContain('not in the inventory');
      expect(view.timeline.map(({ text }) => text).join('')).not.toMatch(/[\u0000-\u001f\u202e]/);
      expect(await ran()).toEqual([]);
    },
  );

  it('of bruteForceAttack: blocks no name, network, mapped or own address, proxy or allow-listed one, and says why', { timeout: 240_000 }, async () => {
    const { authos } = site;
    const never = ['evil.example.com', '203.0.113.0/24', '0.0.0.0', '::ffff:203.0.113.10', '127.0.0.1', '192.0.2.7', bruteForce.probe, '203.0.113.10; reboot', '--force'];
    for (const email of bruteForce.accounts) await authos.sql("insert into users (name, email, password) values ($1, $1, 'x') on conflict do nothing", [email]);
    const at = new Date().toISOString();
    const lines = never.flatMap((ip) => Array.from({ length: 14 }, (_, n) => `[${at}] production.WARNING: Failed authentication attempt ${JSON.stringify({ type: 'failed_authentication', email: bruteForce.accounts[n % 8], ip })}\n`));
    await appendFile(join(authos.root, 'storage/logs/security.log'), lines.join(''));
    // One real attacker among them, so that it does block.
    await attack(authos, bruteForce.attackers[0] ?? '', 14);
    const view = await afterItsRun(await sendAlert(site, alertOf('bruteForceAttack', { environment: authos.environment }, texts[0]?.[1] ?? '')));
    const words = JSON.stringify(view.runs[0]?.steps);
    expect(never.filter((address) => authos.front.meets(address) !== 'let in')).toEqual([]);
    expect(authos.front.meets(bruteForce.attackers[0] ?? '')).toBe('dropped');
    for (const why of ["failed logins whose line can't be read", 'not a public address', 'a trusted proxy', 'on the allow-list', 'an address of our own']) expect(words).toContain(why);
    expect(await ran()).toEqual([]);
  });

  it('and leaves tables and code as they were', async () => {
    const [row] = await site.authos.sql<{ n: number }>("select count(*)::int as n from pg_tables where schemaname = 'public' and tablename in ('users', 'webhooks', 'jobs', 'failed_jobs', 'oauth_clients')");
    expect(row?.n).toBe(5);
    expect(await ran()).toEqual([]);
  });
});
