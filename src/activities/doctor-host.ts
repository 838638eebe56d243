import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import type { RightName } from '../domain/rights.js';
import type { HostAnswer, HostLook } from '../domain/doctor.js';
import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import { commandsOf } from './artisan-command.js';
import { databaseLooks } from './doctor-database.js';
import type { AuthosApi } from './health-api.js';
import { hostNamed } from './known-hosts.js';
import type { DatabaseOf } from './postgres.js';
import { redisTrip } from './redis-client.js';
import type { RedisTarget } from './redis-client.js';
import type { Scrub } from './scrub.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { sudoQuestion, sudoRules } from './sudo-rules.js';
import { fitted } from './wording.js';

export interface DoctorHostParts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  apiOf: (place: Place) => AuthosApi;
  databaseOf: DatabaseOf;
  adminOf: DatabaseOf;
  redisOf: (place: Place) => RedisTarget | undefined;
  scrub: Scrub;
}

/** What the doctor asks of a host's worker. */
export type DoctorHostActivities = ReturnType<typeof doctorHostActivities>;

/** Looks whether this worker may do what the steps of the runbooks do on its host. Changes nothing. */
export function doctorHostActivities(parts: DoctorHostParts) {
  return {
    /**
     * One look at each right of docs/permissions.md that the host's config calls for; `artisan` are the commands that runbooks call.
     * Throws `HostMisconfigured`, not retried, for a host that this worker does not have; what a look meets is an answer.
     */
    async examineHost({ host: name, artisan }: { host: string; artisan: string[] }): Promise<HostAnswer> {
      const host = hostNamed(parts.hosts, name);
      const at: At = { ...parts, host, shell: parts.shellOf(host), place: { name, environment: host.environment, host: name, hosts: [name] } };
      const looks: Promise<HostLook | HostLook[]>[] = [
        ...(['reading', 'storage', 'archive', 'env file', 'key files', 'certificate files'] as const).map((right) => look(right, () => files[right](host))),
        look('application', () => application(at, artisan)),
        look('AuthOS token', () => authosToken(at)),
        look('Redis', () => redis(at)),
        look('processes', async () => programsOf('processes', ['ps', 'top', 'free', 'df'])),
        databaseLooks(at).catch((error: unknown) => [finding('database looks', words(error))]),
        sudo(at),
        programs(host),
      ];
      const found = (await Promise.all(looks)).flat().map((one) => ({ ...one, says: fitted(parts.scrub(one.says), 500) }));
      return { user: userInfo().username, looks: found };
    },
  };
}

interface At extends DoctorHostParts {
  host: Host;
  shell: Shell;
  place: Place;
}

type Said = Omit<HostLook, 'right'>;
const fine = (says: string): Said => ({ state: 'ok', says });
const absent = (says: string): Said => ({ state: 'note', says });
const wrong = (says: string, remedy?: string): Said => ({ state: 'finding', says, ...(remedy && { remedy }) });
const finding = (right: RightName, says: string): HostLook => ({ right, state: 'finding', says });
const words = (error: unknown): string => (error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error));

/** Anything that a look throws is what it found. */
async function look(right: RightName, see: () => Promise<Said | Said[]>): Promise<HostLook[]> {
  try {
    return [await see()].flat().map((said) => ({ right, ...said }));
  } catch (error) {
    return [finding(right, words(error))];
  }
}

async function application({ host, shell }: At, artisan: string[]): Promise<Said[]> {
  const as = await shell.run('id', ['-un'], { asUser: host.user, timeoutMs: 10_000 });
  if (as.exitCode !== 0) return [wrong(`can't run as ${host.user}: ${commandsWords('id', as)}`, `allow it by sudo, or run the worker as ${host.user}: docs/permissions.md, "Application"`)];
  const tools = await Promise.all(['git', ...(host.composer ?? ['composer']).slice(0, 1)].map(async (tool) => ((await onPath(tool)) ? [] : [wrong(`no ${tool} on PATH`)])));
  const known = await commandsOf({ host, shell });
  if ('exitCode' in known) return [wrong(commandsWords('artisan list', known)), ...tools.flat()];
  // Versions differ, and none has all of the text's: such an act fails in artisan's words, and the run goes on.
  const missing = artisan.filter((command) => !known.has(command)).map((command) => ({ ...absent(`this version of the application has no artisan ${command}`), command }));
  return [fine(`artisan runs as ${host.user}`), ...missing, ...tools.flat()];
}

async function authosToken({ apiOf, place }: At): Promise<Said> {
  const health = await apiOf(place).get('/api/health');
  if (health.kind === 'unknown') return wrong(health.because, 'is authos.url of the environment right, and reachable from this host?');
  const metrics = await apiOf(place).get('/api/v1/monitoring/metrics/api');
  if (metrics.kind === 'unknown') return wrong(metrics.because);
  if (metrics.status === 401 || metrics.status === 403) return wrong(`AuthOS answers ${metrics.status}: it does not take our token`, 'authos.token of the environment');
  return metrics.status === 200 ? fine('AuthOS answers, and takes the token') : wrong(`/api/v1/monitoring/metrics/api answered ${metrics.status}`);
}

async function redis({ redisOf, place }: At): Promise<Said> {
  const target = redisOf(place);
  if (target === undefined) return absent('the environment has no redis in the config');
  const { kind, words: said } = await redisTrip(target);
  return kind === 'works' ? fine(said) : wrong(`Redis: ${said}`);
}

const files = {
  async reading({ root }: Host): Promise<Said> {
    return permitted('read', [root, join(root, 'storage/logs')], constants.R_OK | constants.X_OK);
  },
  async storage({ root }: Host): Promise<Said> {
    return permitted('write', [join(root, 'storage/logs'), join(root, 'storage/framework')], constants.W_OK | constants.X_OK);
  },
  async archive({ archive, records, root }: Host): Promise<Said[]> {
    const places = await Promise.all([archive, records].map(nearest));
    const said = await permitted('write', places, constants.W_OK | constants.X_OK);
    const [volume, own] = await Promise.all([places[0] ?? archive, root].map(async (path) => (await stat(path)).dev));
    return [said, ...(volume === own ? [absent(`the archive ${archive} is on the application's volume: a full disk leaves no room for it`)] : [])];
  },
  async 'env file'({ root }: Host): Promise<Said> {
    const file = join(root, '.env');
    const said = await permitted('write', [file, root], constants.W_OK);
    if (said.state !== 'ok') return said;
    return (await ownerIsKept(file)) ? said : wrong(`${file} is another user's, and its owner could not be kept`, 'CAP_CHOWN: docs/permissions.md, "Env file"');
  },
  async 'key files'({ root }: Host): Promise<Said> {
    const keys = ['oauth-private.key', 'oauth-public.key'].map((name) => join(root, 'storage', name));
    // What is gone is what a step restores.
    const there = (await Promise.all(keys.map(async (path) => ((await stat(path).catch(() => undefined)) ? [path] : [])))).flat();
    const said = await permitted('read and write', [...there, join(root, 'storage')], constants.R_OK | constants.W_OK);
    if (said.state !== 'ok') return said;
    const [other] = (await Promise.all(there.map(async (path) => ((await ownerIsKept(path)) ? [] : [path])))).flat();
    return other === undefined ? said : wrong(`${other} is another user's, and its owner could not be kept`, 'CAP_CHOWN: docs/permissions.md, "Key files"');
  },
  async 'certificate files'({ certificates = [] }: Host): Promise<Said> {
    if (certificates.length === 0) return absent('the config of this host has no certificates');
    return permitted('read', certificates.map(({ chainFile }) => chainFile), constants.R_OK);
  },
};

async function permitted(what: string, paths: string[], mode: number): Promise<Said> {
  const refused = await Promise.all(paths.map((path) => access(path, mode).then(() => [], (error: NodeJS.ErrnoException) => [`${path} (${error.code ?? error.message})`])));
  return refused.flat().length === 0 ? fine(`may ${what} ${paths.join(', ')}`) : wrong(`may not ${what} ${refused.flat().join(', ')}`);
}

/** A replaced file keeps its owner if that is us, or if we may give files away. */
async function ownerIsKept(path: string): Promise<boolean> {
  if ((await stat(path)).uid === process.getuid?.()) return true;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8').catch(() => ''))?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & 1n) === 1n; // bit 0 is CAP_CHOWN
}

/** The folder, or the first of those above it that is there: where it would be made. */
async function nearest(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  return there || path === '/' ? path : nearest(dirname(path));
}

/** Whether sudo lets the worker run what it runs by sudo; as root there is nothing to ask. */
async function sudo({ host, shell }: At): Promise<HostLook[]> {
  if (process.getuid?.() === 0) return [];
  const own = userInfo().username;
  const rules = sudoRules(host).filter(({ as }) => as !== own);
  return Promise.all(
    rules.map(async (rule): Promise<HostLook> => {
      const question = sudoQuestion(rule);
      const command = question.slice(question.indexOf('--') + 1).join(' ');
      // -l tells whether it may, and runs nothing.
      const { exitCode, stderr } = await shell.run('sudo', ['-n', '-l', ...question], { timeoutMs: 10_000 });
      if (exitCode === 0) return { right: rule.right, ...fine(`sudo allows ${command}`) };
      return { right: rule.right, ...wrong(`sudo does not allow ${command} as ${rule.as}${stderr.trim() === '' ? '' : `: ${stderr.trim()}`}`, 'the line is in docs/permissions.md') };
    }),
  );
}

/** Programs that the config names; without one its step can't even start. */
async function programs(host: Host): Promise<HostLook[]> {
  const { services = {}, blocking, certificates = [], volumes = [], queueWorkers } = host;
  const named: [RightName, readonly (readonly string[])[]][] = [
    ['restart', [host.restart]],
    ['services', (['postgresql', 'redis'] as const).flatMap((name) => {
      const service = services[name];
      return service === undefined ? [] : [['systemd' in service ? 'systemctl' : 'docker' in service ? 'docker' : 'supervisorctl']];
    })],
    ['workers', services.workers || queueWorkers ? [['supervisorctl']] : []],
    ['firewall', blocking === undefined ? [] : 'ufw' in blocking.by ? [blocking.by.ufw] : [blocking.by.nginx.configTest, blocking.by.nginx.reload]],
    ['web server', certificates.flatMap(({ configTest, reload }) => [configTest, reload])],
    ['certbot', certificates.flatMap(({ certbot, certbotName }) => (certbotName === undefined ? [] : [certbot]))],
    ['volume', volumes.flatMap(({ aws, growpart, partition }) => [aws, ...(partition ? [growpart] : [])])],
  ];
  const looks = await Promise.all(
    named.map(async ([right, commands]): Promise<HostLook[]> => {
      if (commands.length === 0) return [{ right, ...absent(`the config of this host sets up no ${right}`) }];
      return (await programsOf(right, commands.map(programOf))).map((said) => ({ right, ...said }));
    }),
  );
  return looks.flat();
}

async function programsOf(right: RightName, names: string[]): Promise<Said[]> {
  const missing = (await Promise.all([...new Set(names)].map(async (name) => ((await onPath(name)) ? [] : [name])))).flat();
  if (missing.length === 0) return [fine(`${[...new Set(names)].join(', ')}: there`)];
  return missing.map((name) => wrong(`command not found: ${name}`, `install it, or take what needs it out of the host's config (${right})`));
}

/** What a command runs, by sudo or not: `['sudo', '-n', 'ufw']` runs ufw. */
function programOf(command: readonly string[]): string {
  return command.find((word) => word !== 'sudo' && !word.startsWith('-')) ?? '';
}

/** Like a shell, and where sudo would look too: a user's PATH often lacks the system's programs. */
async function onPath(program: string): Promise<boolean> {
  const folders = program.includes('/') ? [''] : [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  const found = await Promise.all(folders.map((folder) => access(folder === '' ? program : join(folder, program), constants.X_OK).then(() => true, () => false)));
  return found.includes(true);
}
