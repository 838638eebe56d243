import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Context } from '@temporalio/activity';
import ipaddr from 'ipaddr.js';
import { Agent, request } from 'undici';

/** What a request to a stranger's address gave: any HTTP answer, or why there was none. Nothing of its body is kept. */
export type OutgoingAnswer =
  | { kind: 'answer'; status: number; address: string; took: number; location?: string }
  /** The address is none that a request may go to; nothing was sent. */
  | { kind: 'refused'; because: string }
  | { kind: 'no answer'; because: string; address?: string };

export interface OutgoingRequest {
  url: string;
  method: 'HEAD' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  /** Networks besides the public internet that it may go to, as CIDR. */
  allowed: readonly string[];
  timeoutMs?: number;
}

/** Of a body only this much is read before the connection is dropped, in bytes. */
const mostRead = 64 * 1024;

/**
 * One request to a URL that others chose, inside an activity. It goes to an address of the public internet or of an allowed network only:
 * the name is resolved once, every address is judged, and the connection is pinned to one of those, so that a second answer of DNS
 * changes nothing. Redirects are answers and never followed. Throws `CancelledFailure` only. Whether a repeat is safe is the receiver's.
 */
export async function outgoing({ url: text, method, headers = {}, body, allowed, timeoutMs = 10_000 }: OutgoingRequest): Promise<OutgoingAnswer> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return { kind: 'refused', because: 'it is no http or https URL' };
  if (url.username !== '' || url.password !== '') return { kind: 'refused', because: 'it holds a user or password' };
  const { cancellationSignal } = Context.current();
  const target = await addressOf(url.hostname.replace(/^\[|\]$/g, ''), allowed);
  if ('because' in target) return target;
  const { address, family } = target;
  const pinned = new Agent({
    connect: {
      timeout: timeoutMs,
      // Whoever asks with `all` wants a list.
      lookup: (_host, options, done) => (options.all ? done(null, [{ address, family }]) : done(null, address, family)),
    },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const started = performance.now();
  try {
    const response = await request(url, {
      method,
      headers: { 'user-agent': 'authos-responder', ...headers },
      ...(body === undefined ? {} : { body }),
      dispatcher: pinned,
      signal: AbortSignal.any([cancellationSignal, AbortSignal.timeout(timeoutMs)]),
    });
    const took = Math.round(performance.now() - started);
    await response.body.dump({ limit: mostRead }).catch(() => undefined);
    const location = response.headers['location'];
    return { kind: 'answer', status: response.statusCode, address, took, ...(typeof location === 'string' ? { location } : {}) };
  } catch (error) {
    if (cancellationSignal.aborted) return await Context.current().cancelled;
    return { kind: 'no answer', address, because: reasonOf(error, timeoutMs) };
  } finally {
    await pinned.destroy();
  }
}

/** True if a request may go to this address: public, or in a network that the config lists. */
export function mayReach(address: string, allowed: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  // ::ffff:127.0.0.1 is 127.0.0.1.
  const ip = ipaddr.process(address);
  const isListed = allowed.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network);
    return base.kind() === ip.kind() && ip.match(base, bits);
  });
  if (isListed) return true;
  if (ip.range() !== 'unicast') return false;
  // The rest of IPv6 is not given out: ::a.b.c.d and the like.
  return ip.kind() === 'ipv4' || ip.match(ipaddr.parseCIDR('2000::/3'));
}

export type Target = { address: string; family: 4 | 6 } | Extract<OutgoingAnswer, { because: string }>;

/** The address that requests to a host are pinned to, or why none may be sent. Resolves the name once. */
export async function addressOf(host: string, allowed: readonly string[]): Promise<Target> {
  let found: string[];
  try {
    found = isIP(host) > 0 ? [host] : (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  } catch (error) {
    return { kind: 'no answer', because: `its name has no address (${(error as NodeJS.ErrnoException).code ?? 'unknown'})` };
  }
  // All of them: a name that mixes public and private addresses is somebody's trick.
  const barred = found.find((address) => !mayReach(address, allowed));
  if (barred !== undefined) return { kind: 'refused', because: `${barred} is not an address of the public internet, and no network of the config (webhookNetworks)` };
  const [address] = found;
  if (address === undefined) return { kind: 'no answer', because: 'its name has no address' };
  return { address, family: isIP(address) === 6 ? 6 : 4 };
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message, cause } = error;
  const { code } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || /TIMEOUT/.test(code ?? '')) return `nothing within ${timeoutMs / 1_000} s`;
  return (cause instanceof Error ? cause.message : message) || String(code ?? name);
}
