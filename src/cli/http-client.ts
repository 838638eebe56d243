import { CliError } from './cli-error.js';
import { plainText, plainValue } from './plain-text.js';
import { duration } from './clock.js';

/** Where the server is and who asks. `token` throws `CliError` if the environment has none. */
export interface Server {
  /** Base URL, without a slash at its end. */
  url: string;
  timeoutMs: number;
  token(as: Caller): string;
}

/** A person acts on incidents; a monitor only sends alerts, with a token of its own. */
export type Caller = 'person' | 'monitor';

interface Request {
  method: string;
  path: string;
  query?: URLSearchParams;
  body?: unknown;
  as?: Caller;
  signal?: AbortSignal;
}

/** A complete answer of the server. Texts, those in `json` included, hold no escape sequences or control characters. */
export interface Answer {
  ok: boolean;
  status: number;
  /** The body as it came, made safe. */
  text: string;
  /** The body as JSON; undefined if it is none. */
  json: unknown;
  /** Seconds from Retry-After, if it gave a number. */
  retryAfter?: number;
}

export interface HttpClient {
  /** Any answer, whatever its status. Throws `CliError` when there is none in time. Tries once: a repeat is the caller's choice. */
  request(request: Request): Promise<Answer>;
}

/** A client for one server; holds no connection open when the process wants to end. */
export function httpClient(server: Server): HttpClient {
  return {
    async request({ method, path, query, body, as = 'person', signal }) {
      const search = query === undefined || query.size === 0 ? '' : `?${query.toString()}`;
      const timeout = AbortSignal.timeout(server.timeoutMs);
      const headers: Record<string, string> = {
        authorization: `Bearer ${server.token(as)}`,
        accept: 'application/json, text/markdown',
        'user-agent': 'responder-cli', // the record then says that it was done by the CLI
      };
      if (body !== undefined) headers['content-type'] = 'application/json';
      try {
        const response = await fetch(`${server.url}${path}${search}`, {
          method,
          headers,
          body: body === undefined ? undefined : JSON.stringify(body),
          // A redirect would carry an action to a place that nobody named.
          redirect: 'manual',
          signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        });
        return answerOf(response, await response.text());
      } catch (cause) {
        if (signal?.aborted === true) throw cause;
        throw noAnswer(server, cause, method !== 'GET');
      }
    },
  };
}

function answerOf(response: Response, body: string): Answer {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    ok: response.ok,
    status: response.status,
    text: plainText(body),
    json: plainValue(parsed(body)),
    ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
  };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined; // Markdown, or a proxy's page: the caller knows which it wanted
  }
}

function noAnswer(server: Server, cause: unknown, changes: boolean): CliError {
  const late = cause instanceof Error && cause.name === 'TimeoutError';
  // An action that was sent and not answered may have been taken: say so, or people repeat what they should look at first.
  const doubt =
    changes && (late || !neverConnected(cause))
      ? ' The request may have been taken: look with `responder show` before repeating it.'
      : '';
  return new CliError({
    error: late ? 'timeout' : 'server_unreachable',
    exit: 'serverUnreachable',
    message: late
      ? `no answer from ${server.url} within ${duration(server.timeoutMs)}.${doubt}`
      : `can't reach the responder server at ${server.url}: ${reasonOf(cause)}.${doubt}`,
    next: late
      ? 'Try again, or allow more with --timeout SECONDS. The Temporal UI shows the incidents without this server.'
      : 'Is it running, and is RESPONDER_URL (or --url) right? The Temporal UI shows the incidents without this server.',
    cause,
  });
}

const neverConnectedCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

function neverConnected(cause: unknown): boolean {
  return neverConnectedCodes.includes(codeOf(cause) ?? '');
}

function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name does not resolve';
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : undefined;
  return plainText(code ?? inner ?? (cause instanceof Error ? cause.message : 'unknown reason'));
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Node wraps the socket's error once, and several addresses of one name in an AggregateError with the code on it.
  return codeOf(error.cause);
}
