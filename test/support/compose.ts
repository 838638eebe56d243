import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { parse } from 'yaml';

/** A service of docker-compose.yml, as far as tests read it. */
export interface Service {
  image: string;
  user?: string;
  restart: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  networks: string[] | Record<string, unknown>;
  depends_on?: Record<string, { condition: string }>;
  mem_limit?: string;
  cpus?: number;
  stop_grace_period?: string;
  volumes?: string[];
  healthcheck?: { test?: string[]; disable?: boolean };
}

export interface Composition {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
}

const project = fileURLToPath(new URL('../../', import.meta.url));

/** docker-compose.yml with its merges done, and its variables as they stand there. */
export async function composition(): Promise<Composition> {
  return parse(await readFile(join(project, 'docker-compose.yml'), 'utf8'), { merge: true }) as Composition;
}

/**
 * What deploy/prepare.sh makes, in a copy of the files that it needs, which may be closed to other users as under a strict umask.
 * Answers what it printed and how it ended.
 */
export async function prepared(folder: string, { closed = false } = {}) {
  await mkdir(folder, { recursive: true });
  for (const name of ['docker-compose.yml', 'deploy']) {
    await cp(join(project, name), join(folder, name), { recursive: true, filter: (path) => !path.includes('deploy/secrets') });
  }
  if (closed) await execa('chmod', ['-R', 'go=', folder]);
  return execa('sh', ['deploy/prepare.sh'], { cwd: folder, reject: false, all: true, stdin: 'ignore' });
}

/** `NAME=value` lines of a file such as .env. */
export async function variablesOf(file: string): Promise<Record<string, string>> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return Object.fromEntries(lines.flatMap((line) => (/^\w+=/.test(line) ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]] : [])));
}

/** A value with `${NAME:?…}` and `${NAME:-default}` replaced, as compose does it. Throws where a required one is missing. */
export function interpolated(text: string, variables: Record<string, string>): string {
  return String(text).replace(/\$\{(\w+):([?-])([^}]*)\}/g, (_whole, name: string, kind: string, more: string) => {
    const value = variables[name];
    if (value) return value;
    if (kind === '?') throw new Error(`${name} is not set: ${more}`);
    return more;
  });
}
