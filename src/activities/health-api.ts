import { Context } from '@temporalio/activity';

import type { Place } from '../domain/place.js';
import type { Finding } from '../domain/step.js';
import { badInput } from './known-hosts.js';
import type { Scrub } from './scrub.js';
import { fitted, listed } from './wording.js';

/** What an HTTP request to AuthOS gave: an answer in JSON with any status, or why there was none to be judged. */
export type ApiAnswer =
  { kind: 'answer'; status: number; body: unknown; took: number; retryAfter?: string } | { kind: 'unknown'; because: string };

/** AuthOS over HTTP, of one environment. The token stays in here and goes to `baseUrl` only. */
export interface AuthosApi {
  /** Gets a path such as `/api/health/detailed`. Throws `CancelledFailure` only: what went wrong is 'unknown'. A repeat is safe. */
  get(path: string): Promise<ApiAnswer>;
}

/** The same for what AuthOS is asked to do. */
export interface AuthosCommands extends AuthosApi {
  /** Posts to a path, without a body. Whether a repeat is safe is the path's. An empty answer with a 2xx is one, `{}`. */
  post(path: string): Promise<ApiAnswer>;
}

/** No answer of AuthOS is near this size; a bigger one is not read. */
const longestBody = 1024 * 1024;

/**
 * A client for one AuthOS. A 503 with a JSON body is an answer; HTML, an empty body, a redirect, a timeout or more than 1 MiB
 * is 'unknown'. Without a token only the health paths answer.
 */
export function authosApi({
  baseUrl,
  token,
  timeoutMs = 10_000,
}: {
  baseUrl: string;
  token?: string;
  timeoutMs?: number;
}): AuthosCommands {
  async function ask(method: 'GET' | 'POST', path: string): Promise<ApiAnswer> {
    const { cancellationSignal } = Context.current();
    const url = new URL(path, baseUrl);
    if (url.origin !== new URL(baseUrl).origin)
      throw badInput(`path ${JSON.stringify(path)} leaves ${new URL(baseUrl).origin}`);
    const started = performance.now();
    try {
      const response = await fetch(url, {
        method,
        headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        // A redirect leads to a login page or another host: neither says how AuthOS is.
        redirect: 'manual',
        signal: AbortSignal.any([cancellationSignal, AbortSignal.timeout(timeoutMs)]),
      });
      const took = Math.round(performance.now() - started);
      const text = await bodyOf(response);
      if (text === undefined)
        return { kind: 'unknown', because: `${url.pathname} answered ${response.status} with more than ${longestBody} bytes` };
      const body = method === 'POST' && response.ok && text.trim() === '' ? {} : parsed(text);
      if (body === undefined)
        return {
          kind: 'unknown',
          because: `${url.pathname} answered ${response.status} with ${shapeOf(text)} instead of JSON`,
        };
      const retryAfter = response.headers.get('retry-after');
      return { kind: 'answer', status: response.status, body, took, ...(retryAfter === null ? {} : { retryAfter }) };
    } catch (error) {
      if (cancellationSignal.aborted) return Context.current().cancelled;
      return { kind: 'unknown', because: `${url.pathname} gave no answer: ${reasonOf(error, timeoutMs)}` };
    }
  }

  return { get: async (path) => ask('GET', path), post: async (path) => ask('POST', path) };
}

async function bodyOf(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body === null) return '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > longestBody) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function shapeOf(text: string): string {
  if (text.trim() === '') return 'an empty body';
  return /^\s*</.test(text) ? 'HTML' : `${Buffer.byteLength(text)} bytes`;
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing within ${timeoutMs / 1000} s`;
  // fetch says 'fetch failed' and keeps the reason in the cause.
  return error.cause instanceof Error
    ? error.cause.message || String((error.cause as NodeJS.ErrnoException).code)
    : error.message;
}

export const healthStatuses = ['healthy', 'degraded', 'unhealthy', 'critical', 'not_configured'] as const;
export type HealthStatus = (typeof healthStatuses)[number] | 'unknown';

/** What AuthOS says of itself or of one component. `details` is its own answer, for figures; every field may be missing. */
export interface HealthReading {
  status: HealthStatus;
  message: string;
  details: Record<string, unknown>;
}

/**
 * Reads `/api/health/{component}` or `/api/health/detailed`. What can't be read is 'unknown', never 'healthy'; AuthOS calls a
 * healthy whole 'ok'.
 */
export async function readHealth(api: AuthosApi, component: string): Promise<HealthReading> {
  if (!/^[a-z][a-z_]{1,40}$/.test(component)) throw badInput(`no component of AuthOS: ${JSON.stringify(component)}`);
  const answer = await api.get(`/api/health/${component}`);
  if (answer.kind === 'unknown') return { status: 'unknown', message: answer.because, details: {} };
  const body = answer.body as Record<string, unknown>;
  const details = component === 'detailed' ? body : fields(body['result']);
  const status = statusOf(details['status']);
  const said = details['message'] ?? body['error'];
  // Only 200 and 503 carry a verdict: a 404 or 429 with JSON says nothing about health.
  if (status === 'unknown' || (answer.status !== 200 && answer.status !== 503)) {
    return {
      status: 'unknown',
      message: `answered ${answer.status}${typeof said === 'string' ? `: ${said}` : ' without a status'}`,
      details,
    };
  }
  return { status, message: typeof said === 'string' ? said : `HTTP ${answer.status} in ${answer.took} ms`, details };
}

function statusOf(value: unknown): HealthStatus {
  if (value === 'ok') return 'healthy';
  return healthStatuses.find((status) => status === value) ?? 'unknown';
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** Activities that ask AuthOS how it is. `apiOf` gives the client of a place's environment. */
export function healthActivities({ apiOf, scrub }: { apiOf: (place: Place) => AuthosApi; scrub: Scrub }) {
  return {
    /** One component's health, or `detailed`, with the status of every check in the evidence. Reads only; a repeat is safe. */
    async checkHealth({ place, component }: { place: Place; component: string }): Promise<Finding<HealthReading>> {
      const reading = await readHealth(apiOf(place), component);
      const message = scrub(fitted(reading.message, 500));
      const checks = Object.entries(fields(reading.details['checks'])).map(([name, check]) => {
        const { status, message: why } = fields(check);
        return scrub(`${name}: ${typeof status === 'string' ? status : 'unknown'}${typeof why === 'string' ? `, ${why}` : ''}`);
      });
      // The details stay behind unless they are small: they are an outsider's text of any size.
      const small = Buffer.byteLength(JSON.stringify(reading.details)) <= 8_192 ? reading.details : {};
      return {
        evidence: listed(`${component}: ${reading.status}, ${message}`, checks),
        data: { status: reading.status, message, details: scrubbedDetails(small, scrub) },
      };
    },
  };
}

function scrubbedDetails(details: Record<string, unknown>, scrub: Scrub): Record<string, unknown> {
  return JSON.parse(JSON.stringify(details), (_key, value: unknown) =>
    typeof value === 'string' ? scrub(value) : value,
  ) as Record<string, unknown>;
}

export type HealthActivities = ReturnType<typeof healthActivities>;
