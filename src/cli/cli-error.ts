import type { ExitName } from './exit-codes.js';

/** A failure that a person can act on: what happened, and what to do next. Never holds a token. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  /** A word for scripts: the `error` of the JSON output. */
  readonly error: string;
  readonly exit: ExitName;
  readonly next: string;
  /** More for the JSON document, such as the incidents that an ambiguous prefix matches. */
  readonly details: Record<string, unknown>;

  constructor(failure: {
    error: string;
    exit: ExitName;
    message: string;
    next?: string;
    details?: Record<string, unknown>;
    cause?: unknown;
  }) {
    super(failure.message, { cause: failure.cause });
    this.error = failure.error;
    this.exit = failure.exit;
    this.next = failure.next ?? '';
    this.details = failure.details ?? {};
  }
}

/** The caller's mistake: a flag, an argument or a variable. Nothing was sent. */
export class UsageError extends CliError {
  override readonly name = 'UsageError';

  constructor(message: string, next = '') {
    super({ error: 'usage', exit: 'usage', message, next });
  }
}
