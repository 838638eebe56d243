import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';

const shown = '[secret]';

/** A secret value that no log, error or JSON shows by accident. `reveal()` is for the one place that uses it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Never pass it on to a log, a workflow argument or an error. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}

/** Variables of the environment, as `process.env` has them. */
export type Environment = Record<string, string | undefined>;

/** The secret behind `env:NAME` or `file:/path` (without its last line break), or what is wrong with the reference, in words. */
export function resolveSecret(reference: string, env: Environment): Secret | { problem: string } {
  const [, kind, name] = /^(env|file):(.+)$/.exec(reference) ?? [];
  if (!kind || !name) return { problem: 'must be a reference, env:NAME or file:/path, not the secret itself' };
  const value = kind === 'env' ? env[name] : fileText(name);
  if (value === undefined) {
    return { problem: kind === 'env' ? `the environment variable ${name} is not set` : `the file ${name} can't be read` };
  }
  if (value.trim() === '') return { problem: `${kind === 'env' ? 'the environment variable' : 'the file'} ${name} is empty` };
  return new Secret(value.replace(/\r?\n$/, ''));
}

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
