import { access, chmod, chown, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleHost, sudoersText } from '../../scripts/sudoers.js';
import { sudoRules, type SudoRule } from '../../src/activities/sudo-rules.js';
import type { Host } from '../../src/domain/inventory.js';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const nobody = 65_534;
const { exitCode: noVisudo } = await execa('visudo', ['--version'], { reject: false });

/** As sudo judges a command: its arguments, joined by a space, against the expression. */
const covers = ({ program, args }: SudoRule, [called = '', ...given]: string[]): boolean => program === called && (args === undefined || new RegExp(`^(?:${args})$`).test(given.join(' ')));

describe('the lines for sudo', () => {
  it.skipIf(noVisudo !== 0)('are accepted by visudo', async () => {
    expect(await execa('visudo', ['-cf', file('../../docs/sudoers.example')], { reject: false })).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ['another port', 'ufw prepend deny proto tcp from 203.0.113.5 to any port 22'],
    ['an allow', 'ufw prepend allow proto tcp from 203.0.113.5 to any port 80,443'],
    ['a second address', 'ufw prepend deny proto tcp from 203.0.113.5 to any port 22 from 203.0.113.6 to any port 80,443'],
    ['every address', 'ufw prepend deny proto tcp from any to any port 80,443'],
    ['switching the firewall', 'ufw disable'],
    ['another unit', 'systemctl restart ssh'],
    ['a second unit', 'systemctl reload nginx ssh'],
    ['a hook of certbot', 'certbot renew --cert-name auth.example.com --non-interactive --no-random-sleep-on-renew --deploy-hook sh'],
    ['another config of nginx', 'nginx -t -c /tmp/nginx.conf'],
    ['a disk by a path that climbs', 'resize2fs /dev/../etc/passwd'],
    ['a shell', 'sh -c id'],
  ])('do not allow %s', (_, words) => {
    expect(sudoRules(exampleHost).filter((rule) => covers(rule, words.split(' ')))).toEqual([]);
  });

  it('name no program without saying with what, but the one that runs the application', () => {
    expect(sudoRules(exampleHost).filter(({ args }) => args === undefined)).toEqual([{ right: 'application', as: 'www-data', program: 'env' }]);
  });

  it('are only those that the host needs', () => {
    const bare: Host = { ...exampleHost, restart: ['herd', 'restart'], services: { redis: { docker: 'authos-redis' } }, certificates: [], volumes: [] };
    delete bare.queueWorkers;
    delete bare.blocking;
    expect(sudoersText(bare).match(/^responder .*$/gm)).toEqual(['responder ALL=(www-data) NOPASSWD: /usr/bin/env']);
  });
});

// A worker as root needs no sudo: what it would call shows only as another user, who must be able to read this project.
const byAnother: { uid?: number; gid?: number } = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
const { exitCode: closed } = await execa('node', ['-e', `require("fs").accessSync(${JSON.stringify(file('sudo-calls.ts'))})`], { ...byAnother, reject: false });

describe.skipIf(closed !== 0)('every call of sudo', () => {
  let folder: string;
  let asked: string[][];
  let rules: SudoRule[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'responder-sudo-'));
    const host = await hostIn(folder);
    rules = sudoRules(host);
    const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder, TMPDIR: folder };
    const script = [...['--import', 'tsx'], file('sudo-calls.ts'), JSON.stringify(host)];
    await execa(process.execPath, script, { ...byAnother, cwd: file('../..'), env, extendEnv: false });
    asked = (await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n').map((line) => line.split(' '));
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has its line, and every line a call', () => {
    const commands = asked.map((words) => (words[1] === '-H' ? words.slice(words.indexOf('--') + 1) : words.slice(1)));
    expect(commands.length).toBeGreaterThan(15);
    expect(commands.filter((words) => !rules.some((rule) => covers(rule, words)))).toEqual([]);
    expect(rules.filter((rule) => !commands.some((words) => covers(rule, words)))).toEqual([]);
  });

  it('never waits for a password, and says as whom the application is called', () => {
    expect(asked.filter(([first]) => first !== '-n')).toEqual([]);
    const ofApplication = asked.filter((words) => words.includes('env')).map((words) => words.slice(1, 5).join(' '));
    expect([...new Set(ofApplication)]).toEqual([`-H -u ${exampleHost.user} --`]);
  });
});

/** The example's host with folders that are there, and programs that only answer. */
async function hostIn(folder: string): Promise<Host> {
  const path = (name: string): string => join(folder, name);
  await chmod(folder, 0o777);
  for (const name of ['bin', 'app', 'records', 'archive', 'data']) await mkdir(path(name), { mode: 0o777 });
  for (const name of ['app', 'records', 'archive', 'data']) await chmod(path(name), 0o777);
  await writeFile(path('data/workers.conf'), '[program:authos-worker]\nnumprocs=1\n', { mode: 0o666 });
  // Its owner is kept: another one's takes a capability.
  if (byAnother.uid !== undefined) await chown(path('data/workers.conf'), nobody, nobody);
  await writeFile(path('app/artisan'), '');
  const running = 'authos-worker:0 RUNNING pid 1, uptime 0:00:01\nauthos-worker:1 RUNNING pid 2, uptime 0:00:01';
  await program(path('bin/sudo'), `printf '%s\\n' "$*" >> ${path('asked')}\ncase "$*" in *"supervisorctl status"*) echo '${running}';; *"artisan list"*) echo queue:restart;; esac`);
  // A mount of one kind, then of the other.
  await program(path('bin/findmnt'), `if mkdir ${path('data/seen')} 2>/dev/null; then echo ext4 /dev/nvme1n1p1; else echo xfs /dev/nvme1n1p1; fi`);
  return {
    ...exampleHost,
    root: path('app'),
    records: path('records'),
    archive: path('archive'),
    mounts: [path('data')],
    ...(exampleHost.queueWorkers && { queueWorkers: { ...exampleHost.queueWorkers, configFile: path('data/workers.conf') } }),
    volumes: (exampleHost.volumes ?? []).map((volume) => ({ ...volume, mount: path('data') })),
    certificates: (exampleHost.certificates ?? []).map((one) => ({ ...one, chainFile: path('app/chain.pem'), keyFile: path('app/key.pem'), addresses: ['127.0.0.1'], port: 1 })),
  };
}

async function program(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  await access(path, constants.X_OK);
}
