import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { sendAlert } from '../../sandbox/drill/responder.js';
import { openSite, type Site } from '../../sandbox/drill/site.js';
import { diskFull } from '../../sandbox/faults/index.js';
import { until } from '../support/until.js';

const project = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
let site: Site;
/** The site's config, but for where Temporal is: the environment says that, as @temporalio/envconfig reads it. */
let config: string;

/** A site whose own processes are gone: what is left is Temporal, the AuthOS host and the mail server. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-start-'));
  await chmod(folder, 0o755); // PostgreSQL's user must pass
  site = await openSite({ folder, scale: 1 / 60, onProgress: () => undefined, signal: new AbortController().signal });
  await Promise.all(Object.values(site.processes).map((process) => process.stop()));
  const { temporal: _, ...rest } = parse(await readFile(site.configFile, 'utf8')) as Record<string, unknown>;
  config = join(folder, 'npm-start.yaml');
  await writeFile(config, stringify(rest));
});

afterAll(async () => {
  await site?.stop();
  await rm(folder, { recursive: true, force: true });
});

function start(env: Record<string, string>) {
  return execa(process.execPath, ['--import', 'tsx', 'src/start.ts'], {
    cwd: project, env: { ...site.env, RESPONDER_CONFIG: config, TEMPORAL_NAMESPACE: site.temporal.namespace, ...env }, extendEnv: false,
    stdin: 'ignore', all: true, reject: false, cleanup: true, forceKillAfterDelay: false,
  });
}

const isReady = (): Promise<boolean> => fetch(`${site.url}/readyz`).then(({ ok }) => ok, () => false);

describe('npm start', () => {
  it('runs server and workers against the Temporal that the environment names, and ends all of them on SIGTERM', async () => {
    const running = start({ TEMPORAL_ADDRESS: site.temporal.address });
    await until('the start', isReady, 60_000);
    await sendAlert(site, await diskFull().alert(site.authos));
    await until('a page', () => site.mailbox.messages.length > 0, 60_000);
    running.kill('SIGTERM');
    const { exitCode, all } = await running;
    expect(exitCode, all.slice(-2_000)).toBe(0);
    expect(await isReady()).toBe(false);
  });

  it('says what is wrong and ends where Temporal cannot be reached', async () => {
    const { exitCode, all } = await start({ TEMPORAL_ADDRESS: '127.0.0.1:9' });
    expect(exitCode).toBe(1);
    expect(all).toContain("Temporal can't be reached at 127.0.0.1:9: Connection refused");
    expect(all).not.toContain('    at ');
  });

  it('names a wrong setting, and exits 2', async () => {
    await writeFile(config, `${await readFile(config, 'utf8')}\nhttp: { port: eighty }\n`.replace(/^http:\n(?: {2}.*\n)+/m, ''));
    const { exitCode, all } = await start({});
    expect(all).toContain('http.port');
    expect(exitCode).toBe(2);
  });
});
