import type { z } from 'zod';
import type { Severity } from '../domain/severity.js';

/** An alert as its source told it: text that is cleaned and cut, and nothing looked up yet. */
export interface ParsedAlert {
  status: 'firing' | 'resolved';
  /** Runbook that the source asks for by name; may not exist. */
  runbook?: string;
  /** What it is about, in the source's words; else the labels say. */
  target?: string;
  severity?: Severity;
  title: string;
  description: string;
  labels: Record<string, string>;
  /** ISO 8601. */
  startsAt?: string;
}

/** A way in which monitoring systems send alerts. A new one is a file, a test with a captured payload, and a line in formats.ts. */
export interface AlertFormat {
  /** Last part of its route, and the `source` of its alerts. */
  readonly name: string;
  /** Its route, where the sender chooses that; else /alerts/<name>. */
  readonly path?: string;
  /** Media types of the body that it takes besides application/json. */
  readonly contentTypes?: readonly string[];
  /** The body it takes, for validation and the API's description. */
  readonly schema: z.ZodType;
  /**
   * The alerts of a body; none if it says nothing that is to be acted on. `at` is the present, in ms since the epoch. Throws
   * AlertFormatError if it does not match the schema.
   */
  parse(body: unknown, at?: number): ParsedAlert[];
}

/** A body that is no alert. The message names each wrong field and never repeats what was sent. */
export class AlertFormatError extends Error {
  readonly fields: string[];

  constructor(format: string, problems: { field: string; message: string }[]) {
    const shown = problems.slice(0, 10).map(({ field, message }) => `${field || 'the body'}: ${message}`);
    if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
    super(`not an alert of ${format}: ${shown.join('; ')}`);
    this.name = 'AlertFormatError';
    this.fields = problems.map(({ field }) => field);
  }
}

/** `body` as the schema describes it, or AlertFormatError. */
export function parsedBody<Schema extends z.ZodType>(format: string, schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new AlertFormatError(
    format,
    result.error.issues.map((issue) => ({ field: fieldName(issue.path), message: wordsFor(issue) })),
  );
}

// zod's own messages can hold the input (an unrecognized key, an invalid value); these can't.
function wordsFor(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.includes('received undefined') ? `is missing (${issue.expected})` : `must be ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must not be shorter than ${String(issue.minimum)}`;
    case 'too_big':
      return `must not be longer than ${String(issue.maximum)}`;
    case 'invalid_format':
      return `must be ${issue.format}`;
    case 'custom':
      return issue.message;
    default:
      return 'is not what it should be';
  }
}

// Names of labels are the sender's text as well: only those of our own schemas are repeated.
function fieldName(path: PropertyKey[]): string {
  return path.map((part) => (typeof part === 'number' || /^[A-Za-z]{1,30}$/.test(String(part)) ? String(part) : '…')).join('.');
}
