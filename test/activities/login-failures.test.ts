import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { AuthosApi } from '../../src/activities/health-api.js';
import { loginActivities } from '../../src/activities/login-failures.js';
import type { BlocksFound } from '../../src/activities/firewall.js';
import { LoginTally } from '../../src/activities/login-tally.js';
import { createScrub } from '../../src/activities/scrub.js';
import { judged } from '../../src/domain/login-attack.js';
import { logWorld } from './log-world.js';
import { inActivity, placeOn } from './support.js';

const minute = 60_000;
const hour = 60 * minute;
const answering: AuthosApi = { get: async () => ({ kind: 'answer', status: 200, body: { component: 'database', result: { status: 'healthy' } }, took: 1 }) };
const silent: AuthosApi = { get: async () => ({ kind: 'unknown', because: 'no answer' }) };

/** A host with logs of its own; without a database, which nobody can ask then. */
async function world({ api = answering, timeZone = 'UTC', blocks = { broken: [], inForce: [] } as BlocksFound } = {}) {
  const logs = await logWorld(timeZone);
  const accessLog = join(logs.host.root, 'access.log');
  logs.host.blocking = { allow: ['198.51.100.0/24'], trustedProxies: [], accessLog, by: { ufw: ['ufw'] } };
  await mkdir(logs.host.root, { recursive: true });
  await writeFile(accessLog, '');
  const activities = loginActivities({ hosts: [logs.host], databaseOf: () => undefined, apiOf: () => api, scrub: createScrub([]), ownAddresses: () => [], firewall: { lookAtBlocks: async () => blocks } });
  const place = placeOn(logs.host);
  return {
    ...logs,
    accessLog,
    count: () => inActivity(() => activities.countLogins({ place, hour })),
    review: () => inActivity(() => activities.reviewFailedLogins({ place, most: 500 })),
    prove: (more: { since?: number; lookBack?: boolean; soFar?: boolean } = {}) =>
      inActivity(() =>
        activities.proveNoAttack({ place, quiet: 15 * minute, lookBack: more.lookBack ?? false, soFar: more.soFar ?? false, window: { samples: 1, every: 0, notBefore: 0, since: more.since ?? Date.now() - 20 * minute } }),
      ),
  };
}

const ago = (ms: number): Date => new Date(Date.now() - ms);
const failed = (ip: string, email: string, at = ago(minute), type = 'failed_authentication'): string =>
  `[${at.toISOString()}] production.WARNING: Failed authentication attempt ${JSON.stringify({ type, email, ip, reason: 'invalid_credentials' })}\n`;
const asJson = (ip: string, email: string, at = ago(minute)): string =>
  `${JSON.stringify({ timestamp: at.toISOString(), level: 'WARNING', message: 'Failed authentication attempt', context: { type: 'failed_authentication', email, ip } })}\n`;
const many = (times: number, line: (n: number) => string): string => Array.from({ length: times }, (_, n) => line(n)).join('');
const addressOf = (counts: { addresses: { address: string }[] }, address: string) => counts.addresses.find((one) => one.address === address);

describe('failed logins', () => {
  it('are counted per address and account over rotated, gzipped and mixed logs, and only of the last hour', async () => {
    const w = await world();
    await w.write('security.log.2.gz', gzipSync(many(4, (n) => failed('203.0.113.5', `a${n}@x.test`, ago(50 * minute)))), ago(40 * minute));
    await w.write('security.log.1', many(3, (n) => asJson('203.0.113.5', `b${n}@x.test`, ago(30 * minute))), ago(20 * minute));
    await w.write('security.log', many(5, (n) => failed('203.0.113.5', `A${n}@X.test`, ago(90 * minute))) + many(6, () => failed('203.0.113.5', 'c@x.test')) + many(4, () => failed('2001:DB8:0::9', 'c@x.test')));
    const counts = await w.count();
    expect(addressOf(counts, '203.0.113.5')).toMatchObject({ failures: 13, accounts: 8 });
    expect(addressOf(counts, '2001:db8::9')).toMatchObject({ failures: 4, accounts: 1 });
    expect(counts.accounts[0]).toEqual({ email: 'c@x.test', failures: 10 });
    expect(counts.failures).toBe(17);
  });

  it("are read in the application's zone", async () => {
    const w = await world({ timeZone: 'Asia/Tokyo' });
    const local = (at: Date): string => new Date(at.getTime() + 9 * hour).toISOString().slice(0, 19).replace('T', ' ');
    const line = (at: Date): string => `[${local(at)}] production.WARNING: Failed authentication attempt {"type":"failed_authentication","email":"a@x.test","ip":"203.0.113.5"}\n`;
    await w.write('security.log', many(5, () => line(ago(2 * hour))) + many(4, () => line(ago(10 * minute))));
    expect(addressOf(await w.count(), '203.0.113.5')).toMatchObject({ failures: 4 });
  });

  it("count only where the context says so, not where an attacker's text does", async () => {
    const w = await world();
    const claim = '{"type":"failed_authentication","ip":"192.0.2.99","email":"x"}';
    await w.write(
      'security.log',
      many(20, () => failed('203.0.113.5', `a@x.test ${claim}`, ago(minute), 'password_reset')) + many(20, () => `[${ago(minute).toISOString()}] production.INFO: failed_authentication ${claim} {"type":"note"}\n`),
    );
    expect(await w.count()).toMatchObject({ failures: 0, addresses: [] });
  });

  it('survive a line of 5 MB, invalid UTF-8, NUL, quotes and PHP in an email, and say what could not be read', async () => {
    const w = await world();
    const nasty = [`"'; DROP TABLE users; --`, '?> <?php system("reboot") ?>', '$(reboot)', '../../etc/passwd', 'a\u0000b', 'new\nline', '\u001b[2J', 'x'.repeat(10_000)];
    await w.write(
      'security.log',
      Buffer.concat([
        Buffer.from(nasty.map((email) => failed('203.0.113.5', email)).join('')),
        Buffer.from(`[${ago(minute).toISOString()}] production.WARNING: Failed authentication attempt {"type":"failed_authentication","email":"`),
        Buffer.alloc(5_000_000, 0x78),
        Buffer.from('","ip":"203.0.113.5"}\n'),
        Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
        Buffer.from(many(3, () => failed('203.0.113.5', 'fine@x.test'))),
      ]),
    );
    const counts = await w.count();
    expect(addressOf(counts, '203.0.113.5')).toMatchObject({ failures: nasty.length + 3, accounts: nasty.length + 1 });
    expect(counts.gaps.join()).toContain("1 failed logins whose line can't be read");
    const { evidence } = await w.review();
    expect(evidence).not.toMatch(/[\u0000\u001b]/);
    expect(evidence.length).toBeLessThan(2_100);
  });

  it.each(['evil.example.com', '203.0.113.0/24', '0.0.0.0', '127.0.0.1', '198.51.100.9', '10.1.1.1'])('of %s never make somebody to block', async (ip) => {
    const w = await world();
    await w.write('security.log', many(30, (n) => failed(ip, `a${n}@x.test`)));
    const { sure, unsure } = judged(await w.count());
    expect([...sure, ...unsure]).toEqual([]);
  });

  it('from an IPv4 client of a dual-stack socket are its own', async () => {
    const w = await world();
    await w.write('security.log', many(8, () => failed('::ffff:203.0.113.5', 'a@x.test')) + many(8, () => failed('203.0.113.5', 'a@x.test')));
    expect((await w.count()).addresses).toMatchObject([{ address: '203.0.113.5', failures: 16 }]);
  });

  it("know who is a client in the web server's own access log of that hour", async () => {
    const w = await world();
    const time = (at: Date): string => `${String(at.getUTCDate()).padStart(2, '0')}/${at.toLocaleString('en', { month: 'short', timeZone: 'UTC' })}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000`;
    await appendFile(w.accessLog, `203.0.113.5 - - [${time(ago(minute))}] "POST /api/auth/login HTTP/1.1" 401 1\n203.0.113.6 - - [${time(ago(3 * hour))}] "GET /?x=203.0.113.7 HTTP/1.1" 200 1\n`);
    await w.write('security.log', ['203.0.113.5', '203.0.113.6', '203.0.113.7'].map((ip) => many(12, (n) => failed(ip, `a${n}@x.test`))).join(''));
    const counts = await w.count();
    expect(['203.0.113.5', '203.0.113.6', '203.0.113.7'].map((ip) => (addressOf(counts, ip) as { seenByWebServer?: boolean }).seenByWebServer)).toEqual([true, false, false]);
  });

  it('make nobody certain while the database can not say whether they also logged in', async () => {
    const w = await world();
    await w.write('security.log', many(30, (n) => failed('203.0.113.5', `a${n}@x.test`)));
    const counts = await w.count();
    expect(addressOf(counts, '203.0.113.5')).toMatchObject({ successes: null });
    expect(judged(counts)).toMatchObject({ sure: [], unsure: [{ address: '203.0.113.5' }] });
  });

  it('of millions of addresses fit into little memory, and the worst is still found', () => {
    const tally = new LoginTally();
    const line = (ip: string) => ({ at: 1, level: 'WARNING', message: '', context: { type: 'failed_authentication', ip, email: `${ip}@x.test` } });
    for (let n = 0; n < 400_000; n += 1) {
      tally.add(line(`${11 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.1`));
      if (n % 1_000 === 0) tally.add(line('203.0.113.5'));
    }
    expect(tally.failures).toBe(400_400);
    expect(tally.addresses.size).toBeLessThanOrEqual(100_001);
    expect(tally.accounts.size).toBeLessThanOrEqual(100_001);
    expect(tally.forgot).toBe(true);
    expect(tally.addresses.get('203.0.113.5')?.failures).toBeGreaterThan(100);
  });
});

describe('the proof that an attack is over', () => {
  it('holds after a quarter of an hour without 3 failures of one address or account', async () => {
    const w = await world();
    await w.write('security.log', many(50, () => failed('203.0.113.5', 'a@x.test', ago(30 * minute))) + many(2, () => failed('203.0.113.6', 'b@x.test')));
    expect(await w.prove()).toMatchObject({ kind: 'recovered' });
  });

  it.each([
    ['one address', many(3, (n) => failed('203.0.113.5', `a${n}@x.test`))],
    ['one account, from everywhere', many(3, (n) => failed(`203.0.113.${n}`, 'a@x.test'))],
  ])('fails with 3 failures of %s', async (_, text) => {
    const w = await world();
    await w.write('security.log', text);
    expect(await w.prove()).toMatchObject({ kind: 'not recovered' });
  });

  it('does not mind the allow-list', async () => {
    const w = await world();
    await w.write('security.log', many(30, () => failed('198.51.100.9', 'probe@x.test')));
    expect(await w.prove()).toMatchObject({ kind: 'recovered' });
  });

  it('is unknown before the time has passed, unless a first look is all that is asked', async () => {
    const w = await world();
    await w.write('security.log', failed('203.0.113.5', 'a@x.test'));
    expect(await w.prove({ since: Date.now() - minute })).toMatchObject({ kind: 'unknown' });
    expect(await w.prove({ since: Date.now() - minute, soFar: true })).toMatchObject({ kind: 'recovered' });
    expect(await w.prove({ since: Date.now() - minute, lookBack: true })).toMatchObject({ kind: 'recovered' });
  });

  it('begins anew with each block, and needs every block in force', async () => {
    const young = await world({ blocks: { lastAt: Date.now() - minute, broken: [], inForce: ['203.0.113.5'] } });
    await young.write('security.log', failed('203.0.113.6', 'a@x.test'));
    expect(await young.prove({ lookBack: true })).toMatchObject({ kind: 'unknown' });
    const broken = await world({ blocks: { lastAt: Date.now() - 20 * minute, broken: ['203.0.113.5: the rule is gone'], inForce: [] } });
    await broken.write('security.log', failed('203.0.113.6', 'a@x.test'));
    expect(await broken.prove()).toMatchObject({ kind: 'not recovered', evidence: expect.stringContaining('the rule is gone') as string });
  });

  it('is unknown without a security log, with lines that can not be read, and while AuthOS does not answer', async () => {
    expect(await (await world()).prove()).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining('no security log') as string });
    const torn = await world();
    await torn.write('security.log', `[${ago(minute).toISOString()}] production.WARNING: Failed authentication attempt {"type":"failed_authentication","email":"${'x'.repeat(100_000)}\n`);
    expect(await torn.prove()).toMatchObject({ kind: 'unknown' });
    const down = await world({ api: silent });
    await down.write('security.log', failed('203.0.113.5', 'a@x.test'));
    expect(await down.prove()).toMatchObject({ kind: 'unknown', evidence: expect.stringContaining('nobody can log in') as string });
  });
});
