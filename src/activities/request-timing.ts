import { Context } from '@temporalio/activity';
import { Client } from 'undici';

/** How long requests took, in ms; `slow` by the runbook's bounds. Or why it can't be known. */
export type Timing =
  | {
      path: string;
      p95Ms: number;
      maxMs: number;
      requests: number;
      /** When the dropped requests were sent, ms since the epoch: what they cause is our own doing. */
      warming: { from: number; to: number };
    }
  | { path: string; unknown: string };

/** Bounds of the runbook: p95 over 100 ms or a maximum over 500 ms is slow. */
export const slowFrom = { p95Ms: 100, maxMs: 500 } as const;

export interface TimingOptions {
  /** Below this, as the config gives it. */
  baseUrl: string;
  token: string;
  /** Requests that count; at least 20. */
  requests?: number;
  /** Stop as soon as no further answer can make it fast: one over the maximum, or more over the 95th percentile than it allows. */
  stopWhenSlow?: boolean;
  timeoutMs?: number;
}

/** The first requests open the connection and fill caches. */
const dropped = 3;
const longestBody = 8 * 1024 * 1024;

export function isSlow(timing: Timing): boolean {
  return 'p95Ms' in timing && (timing.p95Ms > slowFrom.p95Ms || timing.maxMs > slowFrom.maxMs);
}

/**
 * Times GETs of one path, one after another over a connection that is kept alive, the first three dropped. Any answer but 2xx is
 * 'unknown': a 429 says nothing of speed, nor does an error. Runs in an activity and ends with its cancellation.
 */
export async function timeRequests(path: string, { baseUrl, token, requests = 20, stopWhenSlow = false, timeoutMs = 10_000 }: TimingOptions): Promise<Timing> {
  const base = new URL(baseUrl);
  const { cancellationSignal } = Context.current();
  const client = new Client(base.origin, { pipelining: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, keepAliveTimeout: 30_000, connect: { timeout: timeoutMs } });
  const took: number[] = [];
  const startedAt = Date.now();
  let warmedAt = startedAt;
  try {
    for (let n = 0; n < dropped + requests; n += 1) {
      const askedAt = performance.now();
      const { statusCode, body } = await client.request({
        path: `${base.pathname.replace(/\/+$/, '')}${path}`,
        method: 'GET',
        headers: { accept: 'application/json', authorization: `Bearer ${token}` },
        signal: cancellationSignal,
      });
      let size = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > longestBody) return { path, unknown: `it answered more than ${longestBody} bytes` };
      }
      if (statusCode === 429) return { path, unknown: 'it answered 429: too many requests' };
      if (statusCode < 200 || statusCode > 299) return { path, unknown: `it answered ${statusCode}` };
      if (n < dropped) {
        warmedAt = Date.now();
        continue;
      }
      took.push(performance.now() - askedAt);
      if (stopWhenSlow && isSettled(took, requests)) break;
    }
    return { path, p95Ms: rounded(percentile(took, 0.95)), maxMs: rounded(Math.max(...took)), requests: took.length, warming: { from: startedAt, to: warmedAt } };
  } catch (error) {
    if (cancellationSignal.aborted) return await Context.current().cancelled;
    return { path, unknown: error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error) };
  } finally {
    await client.destroy();
  }
}

/** True once these of so many requests are slow whatever the rest take. */
function isSettled(took: readonly number[], requests: number): boolean {
  const allowed = requests - Math.ceil(requests * 0.95);
  return Math.max(...took) > slowFrom.maxMs || took.filter((ms) => ms > slowFrom.p95Ms).length > allowed;
}

/** The smallest value that this share of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** Paths whose GET does something: nobody is logged out and nothing is confirmed for a measurement. */
const acting = /(?:^|\/)(?:log-?out|sign-?out|delete|destroy|revoke|unsubscribe|verify|confirm|callback|authorize|export|download|impersonate)(?:\/|$)/i;

/**
 * The path of an endpoint that may be requested, from its name in AuthOS's metrics, which is an outsider's text: a plain path
 * below our base URL, without parameters, of a GET. Undefined for anything else. Health is not the application's work, and
 * monitoring is our own requests, throttled and answered from a cache.
 */
export function measurablePath(name: string): string | undefined {
  if (name.length > 200) return undefined;
  const match = /^(?:GET(?:\|HEAD)? )?\/?([A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)*)$/.exec(name);
  const path = match?.[1];
  if (path === undefined || acting.test(path)) return undefined;
  if (/^(?:api\/)?health(?:\/|$)/i.test(path) || /(?:^|\/)monitoring(?:\/|$)/i.test(path)) return undefined;
  return `/${path}`;
}
