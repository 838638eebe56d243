import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { execa } from 'execa';
import { startMailbox } from '../../sandbox/servers/mailbox.js';
import { bruteForce, login } from '../../sandbox/faults/brute-force.js';
import { hostActivities } from '../../src/activities/host.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import { placed } from '../../src/activities/ufw.js';
import { openHostWorld, type HostWorld } from '../support/runbook-world.js';
import { inActivity } from './support.js';

let world: HostWorld;
let nginx: HostWorld;
const attacker = '203.0.113.10';
const six = '2001:db8::bad';

beforeAll(async () => {
  // Each in turn: both put their programs in front of this file's PATH, and the last one wins.
  nginx = await openHostWorld({ blocksBy: 'nginx' });
  world = await openHostWorld();
});
afterAll(async () => {
  await world?.close();
  await nginx?.close();
});
beforeEach(async () => {
  await world.authos.front.enable(true);
  await lift(attacker, six);
});

const block = (...addresses: string[]) => inActivity(() => world.activities.blockAddresses({ place: world.place, addresses, incident: 'incident-1' }));
const lift = (...addresses: string[]) => inActivity(() => world.activities.liftBlocks({ host: world.place.host, addresses }));
const look = () => inActivity(() => world.activities.lookAtBlocks({ place: world.place }));
const ufw = (...args: string[]) => execa('ufw', args, { env: world.authos.env(), extendEnv: false });

describe('a block at ufw', () => {
  it('keeps IPv4 and IPv6 clients out, though an allow of 443 was there before, and is lifted again', async () => {
    expect(await login(world.authos, six, 'nobody@x.test', 'x')).toBe(401);
    const { outcome, evidence } = await block(attacker, six);
    expect({ outcome, evidence }).toMatchObject({ outcome: 'done', evidence: expect.stringMatching(/2 of 2 blocked[\s\S]*Rule inserted[\s\S]*Rule inserted \(v6\)/) as string });
    expect([await login(world.authos, attacker, 'nobody@x.test', 'x'), await login(world.authos, six, 'nobody@x.test', 'x')]).toEqual([0, 0]);
    expect(await login(world.authos, bruteForce.office, 'nobody@x.test', 'x')).toBe(401);
    expect(await look()).toMatchObject({ broken: [], inForce: [attacker, six] });
    expect(await lift(attacker, six)).toMatchObject({ outcome: 'done' });
    expect(await login(world.authos, attacker, 'nobody@x.test', 'x')).toBe(401);
  });

  it('moves a rule of its own that lies behind an allow, which ufw would skip', async () => {
    await ufw('deny', 'proto', 'tcp', 'from', attacker, 'to', 'any', 'port', '80,443');
    expect(await login(world.authos, attacker, 'nobody@x.test', 'x')).toBe(401);
    expect(await block(attacker)).toMatchObject({ outcome: 'done' });
    expect(await login(world.authos, attacker, 'nobody@x.test', 'x')).toBe(0);
  });

  it('is a failure while ufw is inactive, which says ok to everything, and is never enabled', async () => {
    await world.authos.front.enable(false);
    expect(await block(attacker)).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('Status: inactive') as string });
    expect((await ufw('status')).stdout).toBe('Status: inactive');
    await world.authos.front.enable(true);
    expect(await look()).toMatchObject({ inForce: [], broken: [] });
  });

  it('that somebody else made stays theirs', async () => {
    await ufw('prepend', 'deny', 'proto', 'tcp', 'from', attacker, 'to', 'any', 'port', '80,443');
    expect(await block(attacker)).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('not ours and stays') as string });
    expect(await lift(attacker)).toMatchObject({ evidence: expect.stringContaining('no block of ours') as string });
    expect(await login(world.authos, attacker, 'nobody@x.test', 'x')).toBe(0);
    await ufw('delete', 'deny', 'proto', 'tcp', 'from', attacker, 'to', 'any', 'port', '80,443');
  });

  it('is seen to be gone when somebody takes it away, and one that was renewed is not lifted by the old one’s time', async () => {
    await block(attacker);
    await ufw('delete', 'deny', 'proto', 'tcp', 'from', attacker, 'to', 'any', 'port', '80,443');
    expect(await look()).toMatchObject({ inForce: [], broken: [`${attacker}: the rule is gone`] });
    await block(attacker);
    const late = await inActivity(() => world.activities.liftBlocks({ host: world.place.host, addresses: [attacker], madeBy: Date.now() - 60_000 }));
    expect(late.evidence).toContain('nothing to lift');
    expect(await look()).toMatchObject({ inForce: [attacker] });
  });

  it('never meets a name, a network, an address of ours or of the allow-list, an option or what a shell would run', async () => {
    const before = (await ufw('status', 'numbered')).stdout;
    const never = ['evil.example.com', '203.0.113.0/24', '0.0.0.0', '::ffff:203.0.113.10', '127.0.0.1', '192.168.1.100', '198.51.100.20', '192.0.2.7', '--force', '203.0.113.10; reboot', '$(reboot)', '203.0.113.10\u0000', '203.0.113.10\n', `../../${'x'.repeat(10_000)}`];
    for (const address of never) expect(await block(address)).toMatchObject({ outcome: 'refused' });
    expect((await ufw('status', 'numbered')).stdout).toBe(before);
  });

  it('takes 50 addresses at most', async () => {
    await expect(block(...Array.from({ length: 51 }, (_, n) => `203.0.113.${n}`))).rejects.toThrow('1 to 50 addresses');
  });

  it.each([
    ['[ 1] 443                        ALLOW IN    Anywhere', { wrong: 'behind rule 1, ALLOW 443 from Anywhere' }],
    ['[ 1] Nginx Full                 ALLOW IN    Anywhere', { wrong: 'behind rule 1, ALLOW Nginx Full from Anywhere' }],
    ['[ 1] 1:1000/tcp                 LIMIT IN    Anywhere', { wrong: 'behind rule 1, LIMIT 1:1000/tcp from Anywhere' }],
    ['[ 1] 22/tcp                     ALLOW IN    Anywhere', 'in force'],
    ['[ 1] 443 (v6)                   ALLOW IN    Anywhere (v6)', 'in force'],
  ])('behind %j is %j', (first, expected) => {
    const rows = [first, '[ 2] 80,443/tcp                 DENY IN     203.0.113.10               # a note'];
    const rules = rows.map((row) => {
      const match = /^\[\s*(\d+)\] (.+?)\s{2,}(\w+) IN\s+(.+?)\s*(?:#.*)?$/.exec(row);
      return { position: Number(match?.[1]), to: match?.[2] ?? '', action: match?.[3] ?? '', from: match?.[4] ?? '' };
    });
    expect(placed(rules, '203.0.113.10')).toEqual(expected);
  });
});

describe('a block at nginx', () => {
  const withNginx = async <T>(act: () => Promise<T>): Promise<T> => {
    const path = process.env['PATH'];
    process.env['PATH'] = nginx.authos.env()['PATH'] ?? '';
    try {
      return await act();
    } finally {
      process.env['PATH'] = path;
    }
  };
  const deny = (...addresses: string[]) => withNginx(() => inActivity(() => nginx.activities.blockAddresses({ place: nginx.place, addresses, incident: 'incident-1' })));

  it('is a line that nginx has tested and loaded, and goes again', async () => {
    await withNginx(async () => {
      const now = await openAgain();
      expect(await now.blockAddresses({ place: nginx.place, addresses: [attacker, six], incident: 'i' })).toMatchObject({ outcome: 'done' });
      expect([await login(nginx.authos, attacker, 'a@x.test', 'x'), await login(nginx.authos, bruteForce.office, 'a@x.test', 'x')]).toEqual([403, 401]);
      expect(await now.liftBlocks({ host: nginx.place.host, addresses: [attacker, six] })).toMatchObject({ outcome: 'done' });
      expect(await login(nginx.authos, attacker, 'a@x.test', 'x')).toBe(401);
    });
  });

  it('is taken out again if nginx refuses the configuration', async () => {
    const before = '# addresses\nallow-everything please;\n';
    await writeFile(nginx.authos.front.denyFile, before);
    const result = await deny(attacker);
    expect(result).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('unknown directive "allow-everything"') as string });
    expect(await readFile(nginx.authos.front.denyFile, 'utf8')).toBe(before);
    await writeFile(nginx.authos.front.denyFile, '');
  });

  /** The activities run in one activity each. */
  async function openAgain() {
    const { activities } = nginx;
    return {
      blockAddresses: (args: Parameters<typeof activities.blockAddresses>[0]) => inActivity(() => activities.blockAddresses(args)),
      liftBlocks: (args: Parameters<typeof activities.liftBlocks>[0]) => inActivity(() => activities.liftBlocks(args)),
    };
  }
});

describe('the evidence of an attack', () => {
  it('is copied with its hashes, and the disk runbook deletes neither copy nor original', async () => {
    const { host, place } = world.authos.inventory();
    const logs = join(host.root, 'storage/logs');
    const old = new Date(Date.now() - 10 * 86_400_000);
    const names = ['security-2026-01-01.log', 'laravel-2026-01-01.log'];
    await mkdir(logs, { recursive: true });
    for (const name of names) {
      await writeFile(join(logs, name), `${name}\n`);
      await utimes(join(logs, name), old, old);
    }
    const preserved = await inActivity(() => world.activities.preserveLogs({ place: world.place, channel: 'security', since: old.getTime() - 1_000, incident: 'incident-2' }));
    expect(preserved.outcome).toBe('done');
    const folder = join(host.archive, 'evidence/incident-2', host.name);
    const [manifest = ''] = (await readdir(folder)).filter((name) => name.startsWith('SHA256SUMS'));
    const sums = await readFile(join(folder, manifest), 'utf8');
    expect(sums).toContain(`${createHash('sha256').update('security-2026-01-01.log\n').digest('hex')}  security-2026-01-01.log\n`);
    expect((await execa('sha256sum', ['-c', manifest], { cwd: folder })).exitCode).toBe(0);

    const disk = hostActivities({ hosts: [host], shellOf: () => localShell({ records: host.records, scrub: createScrub([]) }) });
    const cleared = await inActivity(() => disk.deleteOldLogs({ place, days: 7 }));
    expect(cleared.evidence).toContain('left');
    expect(cleared.evidence).toContain('evidence of incident incident-2');
    const left = await readdir(logs);
    expect(names.map((name) => left.includes(name))).toEqual([true, false]);
    // A second copy of what has grown stands beside the first.
    await writeFile(join(logs, names[0] ?? ''), 'more\n');
    await inActivity(() => world.activities.preserveLogs({ place: world.place, channel: 'security', since: 0, incident: 'incident-2' }));
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['security-2026-01-01.log', 'security-2026-01-01.log.2']));
  });

  it('is never made of an id that is a path', async () => {
    await expect(inActivity(() => world.activities.preserveLogs({ place: world.place, channel: 'security', since: 0, incident: '../x' }))).rejects.toThrow('no id of an incident');
  });
});

describe('telling the owners of targeted accounts', () => {
  it('mails each once through the application, and what is in an email is never run', async () => {
    const mailbox = await startMailbox();
    const { root } = world.authos;
    const env = await readFile(join(root, '.env'), 'utf8');
    await writeFile(join(root, '.env'), env.replace('MAIL_MAILER=log', `MAIL_MAILER=smtp\nMAIL_PORT=${mailbox.port}`));
    try {
      const odd = `o'brien+$HOME@x.test`;
      for (const email of ['ann@x.test', odd]) await world.authos.sql("insert into users (name, email, password) values ('A', $1, 'x') on conflict do nothing", [email]);
      const emails = ['ann@x.test', odd, 'nobody@x.test', `"'); system('touch ${root}/pwned'); ?>//@x.test`, 'a\nb@x.test', 'no-email', `${'x'.repeat(10_000)}@x.test`];
      const tell = () => inActivity(() => world.activities.notifyUsers({ place: world.place, emails, incident: 'incident-3' }));
      expect(await tell()).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('2 users told; 5 accounts that nobody has') as string });
      expect(mailbox.messages.map(({ to }) => to[0]).toSorted()).toEqual(['ann@x.test', odd]);
      expect(await tell()).toMatchObject({ evidence: expect.stringContaining('0 users told') as string });
      expect(mailbox.messages).toHaveLength(2);
      expect(await readdir(root)).not.toContain('pwned');
    } finally {
      await writeFile(join(root, '.env'), env);
      await mailbox.close();
    }
  });

  it("is a failure in PHP's words where the application has no such mail, and nobody counts as told", async () => {
    const file = join(world.authos.root, 'app/Mail/SecurityAlertMail.php');
    const code = await readFile(file);
    await rm(file);
    try {
      const result = await inActivity(() => world.activities.notifyUsers({ place: world.place, emails: ['ann@x.test'], incident: 'incident-4' }));
      expect(result).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining('no App\\Mail\\SecurityAlertMail') as string });
    } finally {
      await writeFile(file, code);
    }
  });
});

describe('what the application does itself against attacks on logins', () => {
  it('is read from its routes and code, comments left out', async () => {
    const throttle = () => inActivity(() => world.activities.checkAuthThrottle({ place: world.place }));
    const routes = join(world.authos.root, 'routes/api.php');
    const text = await readFile(routes, 'utf8');
    expect(await throttle()).toMatchObject({ outcome: 'done' });
    await writeFile(routes, `<?php\n// Route::middleware('throttle:auth');\n`);
    expect(await throttle()).toMatchObject({ outcome: 'failed' });
    await writeFile(routes, text);
    const lockouts = () => inActivity(() => world.activities.checkAccountLockout({ place: world.place }));
    expect(await lockouts()).toMatchObject({ outcome: 'failed' });
    const controller = join(world.authos.root, 'app/Http/AuthController.php');
    await mkdir(dirname(controller), { recursive: true });
    await writeFile(controller, `<?php\nif ($user->locked_until > now()) { abort(423); }\n`);
    await chmod(controller, 0o644);
    expect(await lockouts()).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('app/Http/AuthController.php line 2') as string });
    await rm(controller);
  });
});
