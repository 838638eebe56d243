import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { encodedFailures } from '../payloads/encryption.js';

/**
 * `incidents` holds what pages people, `runs` the runbooks: apart, so that a broken runbook can't stop a page. `simulated-runs`
 * are the runbooks without a host.
 */
export type BundleName = 'incidents' | 'runs' | 'simulated-runs';

/** Entry files: src/workflows/incidents.ts, and index.ts, which lists the runbooks. */
const entries: Record<BundleName, string> = { incidents: 'incidents', runs: 'index', 'simulated-runs': 'index' };

const here = dirname(fileURLToPath(import.meta.url));
const project = join(here, '..', '..');

/**
 * Path of the bundle of workflow code. Built once for each state of the sources (1–4 s) and kept in `.cache/bundles`; an
 * image ships them in `bundles/` and never builds. Safe to call from several processes at once.
 */
export async function workflowBundle(name: BundleName, failures: FailureMessages = 'plain'): Promise<{ codePath: string }> {
  const shipped = join(project, 'bundles', bundleFile(name, failures));
  if (existsSync(shipped)) return { codePath: shipped };
  const folder = join(process.env['RESPONDER_CACHE_DIR'] ?? join(project, '.cache'), 'bundles');
  const codePath = join(folder, `${await fingerprintOfSources()}-${bundleFile(name, failures)}`);
  if (!existsSync(codePath)) {
    await mkdir(folder, { recursive: true });
    const partial = `${codePath}.${process.pid}`;
    await writeFile(partial, await bundleOf(name, failures));
    await rename(partial, codePath);
  }
  return { codePath };
}

/** Whether messages of failures in workflow code go through the codec: with `encryption` of the config they must. */
export type FailureMessages = 'plain' | 'encoded';

/** Name of the file that an image ships a bundle in. */
export function bundleFile(name: BundleName, failures: FailureMessages): string {
  return failures === 'encoded' ? `${name}-encoded.js` : `${name}.js`;
}

/** The code of one of our bundles, built anew. */
export function bundleOf(name: BundleName, failures: FailureMessages): Promise<string> {
  const workflows = join(here, '..', 'workflows');
  const interceptors = name === 'simulated-runs' ? [join(workflows, `simulated-steps${extension}`)] : [];
  return bundle(join(workflows, `${entries[name]}${extension}`), name !== 'incidents', { failures, interceptors });
}

/** Bundles one entry file of workflows; `guarded` adds the interceptor by which a run says that it failed, `interceptors` are files of others. */
export async function bundle(workflowsPath: string, guarded: boolean, { failures = 'plain', interceptors = [] }: { failures?: FailureMessages; interceptors?: string[] } = {}): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [...['tracing', 'named-logs'].map((name) => join(here, '..', 'workflows', `${name}${extension}`)), ...(guarded ? [join(here, '..', 'workflows', `interceptors${extension}`)] : []), ...interceptors],
    ...(failures === 'encoded' && { failureConverterPath: encodedFailures }),
    logger: quiet,
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
    }),
  });
  return code;
}

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

async function fingerprintOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of [join(here, '..', 'workflows'), join(here, '..', 'domain')]) {
    const files = (await readdir(folder)).filter((file) => /\.c?[jt]s$/.test(file)).sort();
    for (const file of files) hash.update(file).update(await readFile(join(folder, file)));
  }
  hash.update(await readFile(join(project, 'package-lock.json')));
  return hash.digest('hex').slice(0, 16);
}

const silent = (): void => undefined;
const quiet = {
  trace: silent,
  debug: silent,
  info: silent,
  log: silent,
  warn: silent,
  error: (message: string, meta?: object): void => console.error(message, meta),
};
