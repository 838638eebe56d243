import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { plainEnvironment, startOwned } from '../servers/processes.js';
import type { OwnedProcess } from '../servers/processes.js';
import type { AppUser } from './app-user.js';
import type { ControlVerb } from './control.js';

export interface SupervisorParts {
  /** For the config and the logs. */
  folder: string;
  /** Where the workers run: the application's root. */
  root: string;
  user: AppUser;
  /** Folder of the sandbox's programs. */
  bin: string;
  numprocs: number;
}

/** Keeps the queue workers of a sandbox running, as supervisord does: real processes, by a config file that somebody may edit. */
export interface Supervisor {
  readonly configFile: string;
  readonly program: string;
  /** Pids of the workers that run. */
  readonly pids: number[];
  readonly verb: ControlVerb;
  /** Starts the workers that the config wants. */
  start(): Promise<void>;
  /** Ends the workers, and starts none again. */
  stop(): Promise<void>;
}

interface Program {
  command: string[];
  numprocs: number;
  processName: string;
}

interface Worker {
  name: string;
  process?: OwnedProcess;
  startedAt: number;
  /** Somebody wants it to run. */
  wanted: boolean;
  /** Ends one after another without having run for a second: given up. */
  quickEnds: number;
}

/** Name of the one program. */
const program = 'authos-workers';

/** Writes the config of the queue workers and gives their supervisor. Starts nothing by itself. */
export async function openSupervisor({ folder, root, user, bin, numprocs }: SupervisorParts): Promise<Supervisor> {
  const configFile = join(folder, 'authos-workers.conf');
  await writeFile(configFile, configText({ root, bin, user: user.name, numprocs }));
  let loaded = parsed(await readFile(configFile, 'utf8'));
  let workers: Worker[] = [];

  async function launch(worker: Worker): Promise<void> {
    const [file = '', ...args] = loaded.command;
    worker.wanted = true;
    worker.startedAt = Date.now();
    const ids = process.getuid?.() === 0 ? { user: { uid: user.uid, gid: user.gid } } : {};
    const child = await startOwned({ name: worker.name, file, args, folder: root, logFile: join(folder, `${worker.name}.log`), env: plainEnvironment(), ...ids });
    worker.process = child;
    void child.exited.then(() => {
      if (worker.process !== child) return;
      worker.process = undefined;
      worker.quickEnds = Date.now() - worker.startedAt < 1_000 ? worker.quickEnds + 1 : 0;
      // autorestart=true; startretries=3
      if (worker.wanted && worker.quickEnds <= 3) return launch(worker);
      return undefined;
    });
  }

  async function end(worker: Worker): Promise<void> {
    worker.wanted = false;
    worker.quickEnds = 0;
    await worker.process?.stop();
  }

  async function startAll(): Promise<void> {
    workers = Array.from({ length: loaded.numprocs }, (_, at) => ({
      name: loaded.processName.replace('%(program_name)s', program).replace(/%\(process_num\)(?:0(\d))?d/, (_, digits) => String(at).padStart(Number(digits ?? 1), '0')),
      startedAt: 0,
      wanted: true,
      quickEnds: 0,
    }));
    await Promise.all(workers.map(launch));
  }

  const fullName = ({ name }: Worker): string => (name === program ? name : `${program}:${name}`);
  const stateOf = ({ process: child, wanted, startedAt }: Worker): string => {
    if (child === undefined) return wanted ? 'FATAL     Exited too quickly (process log may have details)' : 'STOPPED   Not started';
    const seconds = Math.floor((Date.now() - startedAt) / 1_000);
    const clock = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0')));
    return `RUNNING   pid ${child.pid}, uptime ${clock.join(':')}`;
  };

  async function answer(verb: string, names: string[]): Promise<{ said: string; exitCode: number }> {
    if (verb === 'reread' || verb === 'update') {
      const text = await readFile(configFile, 'utf8');
      let next: Program;
      try {
        next = parsed(text);
      } catch (error) {
        return { said: `ERROR: CANT_REREAD: ${(error as Error).message}`, exitCode: 1 };
      }
      const isChanged = JSON.stringify(next) !== JSON.stringify(loaded);
      if (verb === 'reread') return { said: isChanged ? `${program}: changed` : 'No config updates to processes', exitCode: 0 };
      if (!isChanged) return { said: '', exitCode: 0 };
      await Promise.all(workers.map(end));
      loaded = next;
      await startAll();
      return { said: `${program}: stopped\n${program}: updated process group`, exitCode: 0 };
    }
    const chosen = names.length === 0 || names.includes('all') || names.includes(`${program}:*`) ? workers : workers.filter((worker) => names.includes(fullName(worker)));
    if (chosen.length === 0) return { said: `${names.join(' ')}: ERROR (no such process)`, exitCode: 4 };
    if (verb === 'status') {
      const running = chosen.every(({ process: child }) => child !== undefined);
      return { said: chosen.map((worker) => `${fullName(worker).padEnd(40)} ${stateOf(worker)}`).join('\n'), exitCode: running ? 0 : 3 };
    }
    const said: string[] = [];
    if (verb === 'stop' || verb === 'restart') {
      await Promise.all(chosen.map(end));
      said.push(...chosen.map((worker) => `${fullName(worker)}: stopped`));
    }
    if (verb === 'start' || verb === 'restart') {
      await Promise.all(chosen.map(launch));
      said.push(...chosen.map((worker) => `${fullName(worker)}: started`));
    }
    return said.length > 0 ? { said: said.join('\n'), exitCode: 0 } : { said: `*** Unknown syntax: ${verb}`, exitCode: 2 };
  }

  return {
    configFile,
    program,
    get pids() {
      return workers.flatMap(({ process: child }) => child?.pid ?? []);
    },
    verb: async ({ verb, names }) => JSON.stringify(await answer(String(verb), Array.isArray(names) ? names.map(String) : [])),
    start: startAll,
    async stop() {
      await Promise.all(workers.map(end));
    },
  };
}

function configText({ root, bin, user, numprocs }: { root: string; bin: string; user: string; numprocs: number }): string {
  return `; queue workers of AuthOS
[program:${program}]
process_name=%(program_name)s_%(process_num)02d
command=${bin}/herd php ${root}/artisan queue:work database --queue=default --sleep=0.1 --tries=1
autostart=true
autorestart=true
user=${user}
numprocs=${numprocs}
stopwaitsecs=60
`;
}

/** Throws in supervisord's words on what it would not take. */
function parsed(text: string): Program {
  const values: Record<string, string> = {};
  let section = '';
  for (const line of text.split('\n')) {
    const head = /^\[(.+)\]\s*$/.exec(line);
    if (head) section = head[1] ?? '';
    const entry = /^([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (entry && section === `program:${program}`) values[entry[1] ?? ''] = entry[2] ?? '';
  }
  const numprocs = Number(values['numprocs'] ?? 1);
  if (!Number.isInteger(numprocs) || numprocs < 1) throw new Error(`invalid literal for int() with base 10: '${values['numprocs'] ?? ''}'`);
  const processName = values['process_name'] ?? '%(program_name)s';
  if (numprocs > 1 && !processName.includes('%(process_num)')) throw new Error('%(process_num) must be present within process_name when numprocs > 1');
  if (values['command'] === undefined) throw new Error(`program section program:${program} does not specify a command`);
  return { command: values['command'].split(/\s+/), numprocs, processName };
}
