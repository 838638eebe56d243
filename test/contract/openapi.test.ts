import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remembering, served, tokens } from '../http/world.js';

const version = '4.32.5';
const folder = join(process.env['RESPONDER_CACHE_DIR'] ?? fileURLToPath(new URL('../../.cache', import.meta.url)), `schemathesis-${version}`);
const program = join(folder, 'bin', 'schemathesis');

/** Installs it once, in a folder of its own; why not, where no package index can be reached. */
async function missing(): Promise<string | undefined> {
  if (existsSync(program)) return undefined;
  const made = await execa('python3', ['-m', 'venv', folder], { reject: false, timeout: 60_000 });
  if (made.exitCode !== 0) return 'python3 makes no venv';
  const options = ['--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '10'];
  const { exitCode } = await execa(join(folder, 'bin', 'pip'), ['install', ...options, `schemathesis==${version}`], { reject: false, timeout: 150_000 });
  return exitCode === 0 ? undefined : 'pip found no schemathesis: is an index in reach?';
}

const why = await missing();

describe.skipIf(why !== undefined)(`the OpenAPI document and the server, by schemathesis${why === undefined ? '' : ` (not here: ${why})`}`, () => {
  let server: Awaited<ReturnType<typeof served>>;
  beforeAll(async () => {
    server = await served(remembering().incidents, { requestsPerMinute: 1_000_000 });
  });
  afterAll(() => server?.close());

  // A valid request may be refused for what it means: an unknown runbook, an action that an incident does not take. TRACE has no
  // route and is answered as such.
  const exceptFor = ['positive_data_acceptance', 'unsupported_method'];
  it.each([
    // The doctor of this server is never there, which is a 503.
    { who: 'a person', token: tokens.alice, paths: '^/(api/(?!v2|doctor)|codec)', without: exceptFor },
    // Formats are lenient on purpose: what is too long is cut, since an alert must not be lost for a long text.
    { who: 'a source', token: tokens.monitoring, paths: '^/(alerts|api/v2)', without: [...exceptFor, 'negative_data_rejection'] },
  ])('agree for what $who may ask', async ({ token, paths, without }) => {
    const { exitCode, all } = await execa(
      program,
      ['run', `${server.url}/openapi.json`, '--header', `Authorization: Bearer ${token}`, '--include-path-regex', paths, '--exclude-checks', without.join(','), '--max-examples', '10', '--seed', '1', '--phases', 'coverage,fuzzing', '--no-color'],
      { cwd: folder, reject: false, all: true, stdin: 'ignore' },
    );
    expect(exitCode, all.slice(-6_000)).toBe(0);
  });
});
