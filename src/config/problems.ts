import type { z } from 'zod';

/** What is wrong with the configuration: where, and in words. Never a secret. */
export interface Problem {
  path: string;
  message: string;
}

/** The configuration can't be used. The message lists every problem at once; the program does not start. */
export class ConfigError extends Error {
  readonly problems: Problem[];

  constructor(file: string, problems: Problem[]) {
    const lines = problems.map(({ path, message }) => `  ${path ? `${path}: ` : ''}${message}`);
    super(`${file} can't be used:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const secretWords = /token|password|secret|key|url$/i;

/** The problems that a schema found in one section, each with the value that is wrong, unless it may be a secret. */
export function schemaProblems(section: string, raw: unknown, error: z.ZodError): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const path = [section, ...issue.path.map(String)];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a setting' }));
    }
    if (issue.code === 'invalid_key') {
      return [{ path: path.join('.'), message: issue.issues.map((inner) => inner.message).join('; ') || 'is not a known name' }];
    }
    return [{ path: path.join('.'), message: inWords(issue) + got(path, valueAt(raw, issue.path)) }];
  });
}

/** ` (got "x")` for a plain value that can't be a secret, else nothing. */
export function got(path: string[], value: unknown): string {
  const mayBeSecret = path.some((part) => secretWords.test(part)) || (typeof value === 'string' && /:\/\/[^/]*@/.test(value));
  const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return plain && !mayBeSecret ? ` (got ${JSON.stringify(value).slice(0, 100)})` : '';
}

function inWords(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type')
    return `must be ${issue.expected === 'object' || issue.expected === 'record' ? 'a section' : issue.expected}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map((value) => `"${String(value)}"`).join(', ')}`;
  return issue.message;
}

function valueAt(raw: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    raw,
  );
}
