import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { execa } from 'execa';

import { startOwned, untilServing } from '../../sandbox/servers/processes.js';
import { authosApi } from '../../src/activities/health-api.js';
import { queueWorkerActivities } from '../../src/activities/queue-workers.js';
import { createScrub } from '../../src/activities/scrub.js';
import { serviceState } from '../../src/activities/service-manager.js';
import { serviceActivities } from '../../src/activities/services.js';
import { localShell, type CommandResult } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';
import type { Place } from '../../src/domain/place.js';
import { hostUnder, inActivity, placeOn } from '../activities/support.js';
import { openClosers } from '../support/closers.js';
import { type HostWorld, openHostWorld } from '../support/runbook-world.js';
import { openFolder } from './folder.js';
import { describeWith } from './programs.js';
import { compare, type Scenario } from './scenario.js';

/** A supervisor with one program, `authos-workers`, of one process. */
interface Supervised {
  host: Host;
  place: Place;
  configFile: string;
  activities: ReturnType<typeof queueWorkerActivities>;
  supervisorctl(...args: string[]): Promise<CommandResult>;
  /** Its workers as the product reads them. */
  state(): ReturnType<typeof serviceState>;
}

type Case = Scenario<Supervised>;

const program = 'authos-workers';
const group = `${program}:*`;
const namesOf = ({ exitCode, stdout }: CommandResult) => ({ exitCode, lines: stdout.split('\n').filter(Boolean).map((line) => line.replace(/\s+(?:pid|Not started|[A-Z][a-z]{2} \d\d).*/, '').replace(/\s+/g, ' ')) });
const said = async (on: Supervised, ...args: string[]) => {
  const { exitCode, stdout } = await on.supervisorctl(...args);
  return { exitCode, lines: stdout.split('\n').filter(Boolean).toSorted() };
};
const status = async (on: Supervised) => namesOf(await on.supervisorctl('status', group));
const isRunning = async (on: Supervised) => {
  const state = await on.state();
  return 'unknown' in state ? state : state.running;
};
const startOf = async (on: Supervised) => {
  const state = await on.state();
  return 'unknown' in state || !state.running ? undefined : state.start;
};

/** With another config file, which is put back and loaded again. */
async function withConfig<T>(on: Supervised, change: (text: string) => string, act: () => Promise<T>): Promise<T> {
  const before = await readFile(on.configFile, 'utf8');
  await writeFile(on.configFile, change(before));
  try {
    return await act();
  } finally {
    await writeFile(on.configFile, before);
    await on.supervisorctl('update');
    await expect.poll(() => isRunning(on), { timeout: 5_000, interval: 200 }).toBe(true);
  }
}

const cases: Case[] = [
  ['lists its workers', status, { exitCode: 0, lines: [`${program}:${program}_00 RUNNING`] }],
  ['tells since when they run', async (on) => { const state = await on.state(); return 'unknown' in state ? state : { running: state.running, isPid: /^\d+$/.test(state.start), isRecent: Date.now() - (state.startedAt ?? 0) < 60_000 }; }, { running: true, isPid: true, isRecent: true }],
  ['knows no other program', async (on) => ({ one: await said(on, 'status', 'nothing'), state: Object.keys(await inActivity(() => serviceState(shellOf(on), { supervisor: 'nothing' }))) }), { one: { exitCode: 4, lines: ['nothing: ERROR (no such process)'] }, state: ['unknown'] }],
  ['has nothing to do while its config is as it was', async (on) => [await said(on, 'reread'), await said(on, 'update')], [{ exitCode: 0, lines: ['No config updates to processes'] }, { exitCode: 0, lines: [] }]],
  ['sees that its config has changed', (on) => withConfig(on, (text) => text.replace('numprocs=1', 'numprocs=2'), () => said(on, 'reread')), { exitCode: 0, lines: [`${program}: changed`] }],
  [
    'ends workers, which counts as an answer, and starts them again',
    async (on) => {
      const stopped = await said(on, 'stop', group);
      const seen = [await status(on), await isRunning(on)];
      return [stopped, ...seen, await said(on, 'start', group), await isRunning(on)];
    },
    [{ exitCode: 0, lines: [`${program}:${program}_00: stopped`] }, { exitCode: 3, lines: [`${program}:${program}_00 STOPPED`] }, false, { exitCode: 0, lines: [`${program}:${program}_00: started`] }, true],
  ],
  [
    'restarts workers, proved by new ones',
    async (on) => {
      const before = await startOf(on);
      const { outcome } = await inActivity(() => on.activities.restartWorkers(on));
      return { outcome, isNew: (await startOf(on)) !== before };
    },
    { outcome: 'done', isNew: true },
  ],
  [
    'starts a worker again that has died',
    async (on) => {
      const before = await startOf(on);
      process.kill(Number(before), 'SIGKILL');
      await expect.poll(async () => { const now = await startOf(on); return now !== undefined && now !== before; }, { timeout: 10_000, interval: 200 }).toBe(true);
      return status(on);
    },
    { exitCode: 0, lines: [`${program}:${program}_00 RUNNING`] },
  ],
  [
    'runs as many as the step sets, and as before after its undo',
    async (on) => {
      const more = await inActivity(() => on.activities.setWorkerCount({ ...on, count: 2 }));
      const seen = await status(on);
      const less = await inActivity(() => on.activities.restoreWorkerCount({ ...on, ours: 2, old: 1 }));
      return [more.evidence, seen.lines.length, less.outcome, (await status(on)).lines.length];
    },
    ['numprocs of authos-workers: 1 → 2; 2 run', 2, 'done', 1],
  ],
  [
    'takes no config that is wrong: the number is as it was',
    (on) =>
      withConfig(on, (text) => text.replace('_%(process_num)02d', ''), async () => {
        const reread = await withNumber(on, 2);
        const { outcome, evidence } = await inActivity(() => on.activities.setWorkerCount({ ...on, count: 2 }));
        return { reread, outcome, says: evidence.includes('%(process_num) must be present within process_name when numprocs > 1'), running: (await status(on)).lines };
      }),
    { reread: 'ERROR: CANT_REREAD', outcome: 'failed', says: true, running: [`${program} RUNNING`] },
  ],
];

/** What `reread` says of a number that does not fit the rest of the file. */
async function withNumber(on: Supervised, numprocs: number): Promise<string | undefined> {
  const before = await readFile(on.configFile, 'utf8');
  await writeFile(on.configFile, before.replace('numprocs=1', `numprocs=${numprocs}`));
  const { stdout } = await on.supervisorctl('reread');
  await writeFile(on.configFile, before);
  return /^ERROR: CANT_REREAD/.exec(stdout)?.[0];
}

const paths = new WeakMap<Host, string>();
const shellOf = ({ host }: { host: Host }) => localShell({ records: host.records, scrub: createScrub([]), path: paths.get(host) });

function supervised(host: Host, place: Place, path: string): Supervised {
  paths.set(host, path);
  const parts = { hosts: [host], shellOf: (one: Host) => shellOf({ host: one }) };
  const services = serviceActivities({ ...parts, apiOf: () => authosApi({ baseUrl: 'http://127.0.0.1:9' }) });
  const shell = shellOf({ host });
  return {
    host,
    place,
    configFile: host.queueWorkers?.configFile ?? '',
    activities: queueWorkerActivities({ ...parts, databaseOf: () => undefined, services, scrub: createScrub([]) }),
    supervisorctl: (...args) => inActivity(() => shell.run('supervisorctl', args)),
    state: () => inActivity(() => serviceState(shell, { supervisor: group })),
  };
}

describeWith(['supervisor'], 'supervisor, stood in for and real', () => {
  let world: HostWorld;
  let both: { standIn: Supervised; real: Supervised };
  const closers = openClosers();

  beforeAll(async () => {
    const folder = await openFolder(closers);
    world = await openHostWorld({ queueWorkers: 1 });
    closers.add(() => world.close());
    const { host, path } = world.authos.inventory();
    both = { standIn: supervised(host, world.place, `${path}${delimiter}${process.env['PATH'] ?? ''}`), real: await realOne(folder) };
  });
  beforeEach(() => expect.poll(async () => [await isRunning(both.standIn), await isRunning(both.real)], { timeout: 10_000, interval: 200 }).toEqual([true, true]));
  afterAll(() => closers.close());

  async function realOne(folder: string): Promise<Supervised> {
    const [conf, configFile, bin] = [join(folder, 'supervisord.conf'), join(folder, 'workers.conf'), join(folder, 'bin')];
    await mkdir(bin);
    // The product calls it by name alone, and it looks for its config in the system's places.
    await writeFile(join(bin, 'supervisorctl'), `#!/bin/sh\nexec /usr/bin/supervisorctl -c ${conf} "$@"\n`);
    await chmod(join(bin, 'supervisorctl'), 0o755);
    await writeFile(configFile, workersText);
    await writeFile(conf, supervisordText(folder, configFile));
    const daemon = await startOwned({ name: 'supervisord', file: '/usr/bin/supervisord', args: ['-n', '-c', conf], folder, logFile: join(folder, 'supervisord.log') });
    closers.add(() => daemon.stop());
    const host = hostUnder(folder, { services: { workers: { supervisor: group } }, queueWorkers: { configFile, program, atMost: 3 } });
    await untilServing('supervisord', daemon, () => execa('/usr/bin/supervisorctl', ['-c', conf, 'pid'], { stdin: 'ignore' }));
    return supervised(host, placeOn(host), `${bin}${delimiter}${process.env['PATH'] ?? ''}`);
  }

  it.each(cases)('%s', (_, act, expected) => compare(both, act, expected));
});

const workersText = `[program:${program}]
process_name=%(program_name)s_%(process_num)02d
command=/bin/sleep 600
autostart=true
autorestart=true
numprocs=1
startsecs=0
`;

function supervisordText(folder: string, configFile: string): string {
  return `[unix_http_server]
file=${folder}/supervisor.sock
[supervisord]
logfile=${folder}/daemon.log
pidfile=${folder}/supervisord.pid
childlogdir=${folder}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${folder}/supervisor.sock
[include]
files = ${configFile}
`;
}
