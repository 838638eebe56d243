import { setTimeout as after } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { MayHaveArrived, NextChannel, TryLater } from './channel.js';
import { connectionTo } from './connection-to.js';
import { oneLine } from './outsider-text.js';

/** A request to another side's API. */
export interface OutgoingRequest {
  url: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, parameters as a form. */
  body: object | URLSearchParams;
  signal?: AbortSignal | undefined;
}

/** What came back. */
export interface Answer {
  status: number;
  text: string;
}

/** An answer to a look: of any status but one that says that the other side is in trouble. */
export interface SeenAnswer extends Answer {
  /** By name in small letters. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The text as an object of JSON; undefined if it is none. */
  json: Record<string, unknown> | undefined;
}

/** One other side, with connections of its own. */
export interface OutgoingHttp {
  /**
   * Resolves with an answer of 2xx. All else is thrown, sorted as `Channel.send` says: 429 and 503 were not taken; another
   * 5xx, a cut and a silence may have been; a redirect and any other 4xx leave it to the next channel.
   */
  post(what: OutgoingRequest): Promise<Answer>;
  /** Like `post`, for a side that answers in JSON: a 2xx with anything else comes from something in between. */
  postForJson(what: OutgoingRequest): Promise<Record<string, unknown>>;
  /** A GET, or a POST where there is a body, that changes nothing. Resolves also with a refusal; throws 429, 5xx and silence as `post` does. */
  look(what: { url: string; headers?: Record<string, string>; body?: OutgoingRequest['body'] }): Promise<SeenAnswer>;
  /** Resolves with `host:port` once a connection there stands, by TLS with a good certificate where the URL is https. Nothing is sent. */
  connect(url: string): Promise<string>;
  /** What came back, fit for an error: short, in one line, without secrets. */
  quoted(text: string): string;
  /** Ends idle connections; requests in flight finish first. */
  close(): Promise<void>;
}

const timeoutOfAll = 10_000;
const longestAnswer = 64 * 1_024;
/** However long the other side would like us to wait, a page is worth another look after this time. */
const waitAtMost = 5 * 60_000;

/** Never connected, so that nothing of the request can have arrived. */
const beforeTheRequest = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'EPROTO'];

/**
 * HTTP to `name`, as errors call it. `secrets` are blacked out in whatever an error quotes; no error holds a URL, since those
 * of webhooks are secrets. Redirects are refused: they would carry the page, and a token, somewhere else.
 */
export function outgoingHttp({ name, secrets = [], timeoutMs = timeoutOfAll }: { name: string; secrets?: readonly string[]; timeoutMs?: number | undefined }): OutgoingHttp {
  const agent = new Agent({ connections: 10, connect: { timeout: timeoutMs / 2 } });

  const hidden = secrets.flatMap((secret) => [secret, ...pathsOf(secret)]);
  const without = (text: string): string => hidden.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
  const quoted = (text: string): string => oneLine(without(text), 200);

  async function exchange({ url, headers = {}, body, signal }: Omit<OutgoingRequest, 'body'> & Partial<Pick<OutgoingRequest, 'body'>>): Promise<Omit<SeenAnswer, 'json'>> {
    const form = body instanceof URLSearchParams;
    const outOfTime = AbortSignal.timeout(timeoutMs);
    const type = body === undefined ? {} : { 'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json' };
    try {
      const response = await request(url, {
        dispatcher: agent,
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'user-agent': 'authos-responder', ...type, ...headers },
        body: body === undefined ? null : form ? body.toString() : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, outOfTime]) : outOfTime,
      });
      return { status: response.statusCode, headers: response.headers, text: await shortText(response.body) };
    } catch (error) {
      throw withoutAnswer(error, outOfTime.aborted);
    }
  }

  async function post(what: OutgoingRequest): Promise<Answer> {
    const { status, text, headers } = await exchange(what);
    if (status >= 200 && status < 300) return { status, text };
    throw refused({ status, text, headers });
  }

  function withoutAnswer(error: unknown, tookTooLong: boolean): Error {
    const { message, code = '' } = error as Error & { code?: string };
    // No cause: undici's errors hold sockets and, with them, what was sent.
    if (beforeTheRequest.includes(code) || /^(?:CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) return new Error(`${name} can't be reached: ${quoted(message)}`);
    return new MayHaveArrived(tookTooLong ? `${name} gave no answer within ${timeoutMs / 1_000} s` : `${name} gave no answer: ${quoted(message)}`);
  }

  function refused({ status, headers, text }: Omit<SeenAnswer, 'json'>): Error {
    const words = `${name} answered ${status}${text ? `: ${quoted(text)}` : ''}`;
    if (status === 429 || status === 503) {
      const wait = retryAfterMs(String(headers['retry-after'] ?? ''), Date.now());
      return wait === undefined ? new Error(words) : new TryLater(`${words} (again in ${Math.ceil(wait / 1_000)} s)`, wait);
    }
    if (status === 408 || status === 425) return new Error(words);
    return status >= 500 ? new MayHaveArrived(words) : new NextChannel(words);
  }

  return {
    post,
    quoted,
    async postForJson(what) {
      const { status, text } = await post(what);
      const value = parsed(text);
      if (value === undefined) throw new MayHaveArrived(`${name} answered ${status}, but not in JSON: ${quoted(text)}`);
      return value;
    },
    async look(what) {
      const seen = await exchange(what);
      if (seen.status === 408 || seen.status === 425 || seen.status === 429 || seen.status >= 500) throw refused(seen);
      return { ...seen, json: parsed(seen.text) };
    },
    async connect(url) {
      try {
        return await connectionTo(url, timeoutMs / 2);
      } catch (error) {
        throw new Error(`${name} can't be reached: ${quoted((error as Error).message)}`);
      }
    },
    async close() {
      // A request that never ends must not keep the process: by then its own time is over.
      await Promise.race([agent.close(), after(timeoutMs + 1_000, undefined, { ref: false }).then(() => agent.destroy())]);
    },
  };
}

/** Milliseconds of a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3), five minutes at most; undefined if it is neither. */
export function retryAfterMs(header: string, now: number): number | undefined {
  const seconds = /^\d{1,9}$/.test(header.trim());
  // Date.parse alone makes something of '-5', too.
  if (!seconds && !/^[A-Z][a-z]{2}/.test(header)) return undefined;
  const wait = seconds ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), waitAtMost);
}

/** What is secret in the URL of a webhook: an answer may quote the path alone. */
function pathsOf(secret: string): string[] {
  if (!URL.canParse(secret)) return [];
  const { pathname, search } = new URL(secret);
  return [`${pathname}${search}`, pathname].filter((path) => path.length > 1);
}

async function shortText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longestAnswer) break; // ends the request; what matters comes first
  }
  return Buffer.concat(chunks).subarray(0, longestAnswer).toString('utf8');
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
