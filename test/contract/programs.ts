import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execaSync } from 'execa';
import { describe } from 'vitest';

import { laravelLibrary, laravelPhp } from '../../sandbox/laravel/laravel.js';

/** The real programs by the Debian package that has them, each with a way to see that it is there. */
const programs = {
  'php-cli': () => existsSync(laravelPhp),
  'php-laravel-framework': () => existsSync(laravelLibrary),
  'php-pgsql': () => hasExtension('pdo_pgsql'),
  'php-redis': () => hasExtension('redis'),
  postgresql: () => debianPostgres() !== undefined,
  'redis-server': () => onPath('redis-server') !== undefined,
  supervisor: () => existsSync('/usr/bin/supervisord'),
  'nginx-light': () => onPath('nginx') !== undefined,
  openssl: () => onPath('openssl') !== undefined,
  ufw: () => onPath('ufw') !== undefined,
  'docker-compose': () => onPath('docker-compose') !== undefined,
  prometheus: () => onPath('promtool') !== undefined,
  'prometheus-alertmanager': () => onPath('amtool') !== undefined,
  systemd: () => onPath('systemd-analyze') !== undefined,
  chromium: () => onPath('chromium') !== undefined,
  iproute2: () => onPath('ip') !== undefined,
  /** No program: network namespaces are root's to make, and not in every container. */
  'the right to make a network namespace': () => process.getuid?.() === 0 && execaSync('unshare', ['--net', 'true'], { reject: false }).exitCode === 0,
} satisfies Record<string, () => boolean>;

const postgresFolder = '/usr/lib/postgresql';

export type Program = keyof typeof programs;

/** A group of tests that need real programs. Where some are missing it is skipped, under a title that names them. */
export function describeWith(needed: readonly Program[], title: string, tests: () => void): void {
  const missing = needed.filter((program) => !programs[program]());
  if (missing.length === 0) describe(title, tests);
  else describe.skip(`${title} (not here: ${missing.join(', ')})`, tests);
}

/** Path of a program, as a shell finds it. */
export function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** Debian's PostgreSQL, the newest; it has no program on PATH. */
export function debianPostgres(): { initdb: string; postgres: string } | undefined {
  const versions = existsSync(postgresFolder) ? readdirSync(postgresFolder).map((version) => join(postgresFolder, version, 'bin')) : [];
  const newest = versions.filter((folder) => existsSync(join(folder, 'initdb'))).toSorted((a, b) => a.localeCompare(b, undefined, { numeric: true })).at(-1);
  return newest === undefined ? undefined : { initdb: join(newest, 'initdb'), postgres: join(newest, 'postgres') };
}

function hasExtension(name: string): boolean {
  const { stdout } = execaSync(laravelPhp, ['-m'], { reject: false });
  return stdout?.split('\n').includes(name) ?? false;
}
