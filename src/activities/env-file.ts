import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { access, lstat, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { artisan, artisanOutcome, tinkerJson } from './artisan-command.js';
import { envValue, unquoted, withEnvValue } from './env-text.js';
import { badInput, hostMisconfigured, hostNamed } from './known-hosts.js';
import type { ServiceActivities } from './services.js';
import type { Shell } from './shell.js';
import { fitted } from './wording.js';

/**
 * The settings that runbooks may change: where the application keeps the value it runs with, and what may be written. None of
 * them is a secret: their values travel through history, for the undo.
 */
export const envSettings = {
  CACHE_STORE: { config: ['cache.default'], values: /^(?:redis|file|database)$/ },
  RATE_LIMIT_AUTH: { config: ['auth.rate_limit', 'throttle.auth', 'auth.throttle'], values: /^\d{1,5}$/ },
  WEBHOOK_MAX_RETRIES: { config: ['webhooks.max_retries'], values: /^\d{1,3}$/ },
  WEBHOOK_RETRY_DELAY: { config: ['webhooks.retry_delay'], values: /^\d{1,6}$/ },
} as const;
export type EnvSetting = keyof typeof envSettings;

/** A setting as the file has it (null: not set) and as the application runs with it. */
export interface EnvReading {
  file: string | null;
  /** The same with its quotes, as an undo writes it back. */
  raw: string | null;
  /** Null where the application has no such setting; absent where artisan could not say. */
  running?: string | null;
  /** Where in the config it was found. */
  config?: string;
  because?: string;
}

/** Activities that change one line of the application's `.env` and take the change back. */
export function envFileActivities({
  hosts,
  shellOf,
  services,
}: {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  services: Pick<ServiceActivities, 'restartApplication' | 'restartQueueWorkers'>;
}) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  async function reading(place: Place, key: EnvSetting): Promise<EnvReading> {
    const { text } = await readFileOf(at(place).host);
    const file = envValue(text, key);
    const running = await runningValue(at(place), key);
    return { file: file === null ? null : unquoted(file), raw: file, ...running };
  }

  /** Writes the value, brings it into force, and reads it back. */
  async function put(place: Place, key: EnvSetting, value: string | null): Promise<ActResult> {
    const { host, shell } = at(place);
    const before = await readFileOf(host);
    const old = envValue(before.text, key);
    await writeFileOf(before, withEnvValue(before.text, key, value));
    const result = await bringIntoForce(place, { host, shell });
    // Without the line the default of config/*.php counts, whatever that is.
    if (value === null) return result.outcome === 'done' ? { ...result, evidence: fitted(`${key} taken out of .env; ${result.evidence}`) } : result;
    const now = await runningValue({ host, shell }, key);
    if (result.outcome === 'done' && now.running === unquoted(value)) {
      return { ...result, evidence: fitted(`${key}=${value} in .env, ${now.config ?? 'config'} is ${now.running}; ${result.evidence}`) };
    }
    // A change that is not in force must not come into force later, when nobody expects it.
    const again = await readFileOf(host);
    if (envValue(again.text, key) === value) await writeFileOf(again, withEnvValue(again.text, key, old));
    await bringIntoForce(place, { host, shell });
    const why = result.outcome === 'done' ? `the application runs with ${now.running ?? now.because ?? 'another value'}` : result.evidence;
    return { outcome: 'failed', evidence: fitted(`${key}=${value} did not come into force (${why}); .env is as it was`) };
  }

  /** `config:cache` if there was a cached config, a reload, and `queue:restart` where that is safe. */
  async function bringIntoForce(place: Place, { host, shell }: { host: Host; shell: Shell }): Promise<ActResult> {
    const said: string[] = [];
    const isCached = await access(join(host.root, 'bootstrap/cache/config.php')).then(() => true, () => false);
    if (isCached) {
      const cached = artisanOutcome('config:cache', await artisan({ host, shell, command: 'config:cache' }));
      if (cached.outcome !== 'done') return cached;
      said.push('config:cache');
    }
    const reloaded = await services.restartApplication({ place });
    if (reloaded.outcome !== 'done') return reloaded;
    said.push(reloaded.evidence);
    const workers = await services.restartQueueWorkers({ place });
    said.push(workers.outcome === 'done' ? 'queue:restart' : `queue workers keep the old value until they restart: ${workers.evidence}`);
    return { outcome: 'done', evidence: said.join('; ') };
  }

  return {
    /** A setting as `.env` has it, and as the application runs with it. Reads only. */
    async readEnv({ place, key }: { place: Place; key: EnvSetting }): Promise<EnvReading> {
      settingOf(key);
      return reading(place, key);
    },

    /**
     * Sets one key of `.env` on one host, atomically, and proves it by the value that the application then runs with; 'failed'
     * with the old line back in place if that did not come. Includes the reload. A repeat is safe.
     */
    async setEnv({ place, key, value }: { place: Place; key: EnvSetting; value: string }): Promise<ActResult> {
      if (!settingOf(key).values.test(value)) throw badInput(`${key} may not be set to ${JSON.stringify(value)}`);
      return put(place, key, value);
    },

    /**
     * Undo of `setEnv`: writes the old value back (null takes the line out), if the value is still `ours`; what somebody else has
     * set since stays, and that is 'done'. A repeat is safe.
     */
    async restoreEnv({ place, key, ours, old }: { place: Place; key: EnvSetting; ours: string; old: string | null }): Promise<ActResult> {
      const { values } = settingOf(key);
      if (old !== null && !values.test(unquoted(old))) throw badInput(`${key} may not be set to ${JSON.stringify(old)}`);
      const { file, raw } = await reading(place, key);
      if (raw === old) return { outcome: 'done', evidence: `${key} is ${old ?? 'not set'} already` };
      if (file !== ours) return { outcome: 'done', evidence: `${key} is ${shown(file)}, not our ${ours}: somebody changed it since, and it stays` };
      return put(place, key, old);
    },
  };
}

function settingOf(key: EnvSetting): { config: readonly string[]; values: RegExp } {
  if (!Object.hasOwn(envSettings, key)) throw badInput(`no runbook changes ${JSON.stringify(key)} in .env`);
  return envSettings[key];
}

async function runningValue(at: { host: Host; shell: Shell }, key: EnvSetting): Promise<Omit<EnvReading, 'file' | 'raw'>> {
  for (const config of settingOf(key).config) {
    const read = await tinkerJson(at, `config('${config}')`);
    if ('unknown' in read) return { because: read.unknown };
    if (typeof read.value === 'string' || typeof read.value === 'number') return { running: String(read.value), config };
  }
  return { running: null };
}

interface EnvFile {
  path: string;
  stats: Stats;
  /** latin1: every byte survives. */
  text: string;
}

/** No `.env` is near this size. */
const longest = 1024 * 1024;

/** Opens the file behind `<root>/.env`; a link is followed only to a file of the link's own owner, or it could lead anywhere. */
async function readFileOf(host: Host): Promise<EnvFile> {
  const link = join(host.root, '.env');
  const named = await lstat(link).catch(() => undefined);
  if (named === undefined) throw hostMisconfigured(`no .env in ${host.root} on host ${host.name}`);
  const path = await realpath(link);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw hostMisconfigured(`${path} is no file`);
    if (named.isSymbolicLink() && stats.uid !== named.uid) throw hostMisconfigured(`${link} leads to ${path}, which belongs to somebody else`);
    if (stats.size > longest) throw hostMisconfigured(`${path} is larger than ${longest} bytes`);
    return { path, stats, text: (await file.readFile()).toString('latin1') };
  } finally {
    await file.close();
  }
}

/** Written beside it, synced and renamed: whoever reads sees the old file or the new one, never half of one. */
async function writeFileOf({ path, stats }: EnvFile, text: string): Promise<void> {
  const partial = `${path}.responder-${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(Buffer.from(text, 'latin1'));
      if (process.getuid?.() === 0 || stats.uid !== process.getuid?.()) await file.chown(stats.uid, stats.gid);
      await file.chmod(stats.mode & 0o7777);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    const folder = await open(dirname(path), constants.O_RDONLY);
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function shown(value: string | null): string {
  return value === null ? 'not set' : JSON.stringify(value.slice(0, 60));
}

export type EnvFileActivities = ReturnType<typeof envFileActivities>;
