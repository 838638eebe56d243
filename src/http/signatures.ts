import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../config.js';

/** A source, and the signature by which it is known. */
export interface Signed {
  source: string;
  signature: string;
}

/** Signed requests: whose they are, and each only once. */
export interface Signatures {
  /** Whether a request carries a signature at all, so that its body must be read to know its source. */
  isSigned(headers: IncomingHttpHeaders): boolean;
  /** Whose secret signed the body, if its time is now and it is used for the first time; else undefined. */
  use(headers: IncomingHttpHeaders, body: Buffer): Signed | undefined;
  /** A request that was refused or failed may be sent again as it is. */
  release(signed: Signed): void;
}

/** How far a sender's clock may be off, and how long a request stays fresh. */
const windowMs = 5 * 60_000;
const remembered = 100_000;

/** Checks HMAC-SHA256 signatures of the sources that have one, comparing in constant time. `now` is ms since the epoch. */
export function signatures({ sources }: Pick<Config, 'sources'>, now: () => number = Date.now): Signatures {
  const signing = Object.entries(sources).flatMap(([name, { hmac }]) => (hmac ? [{ name, hmac }] : []));
  /** Signatures that were used, with the moment after which their time is over anyway. In order of use. */
  const seen = new Map<string, number>();

  const signatureIn = (headers: IncomingHttpHeaders, header: string): string | undefined =>
    /^(?:sha256=)?([0-9a-f]{64})$/i.exec(String(headers[header] ?? ''))?.[1]?.toLowerCase();

  return {
    isSigned: (headers) => signing.some(({ hmac }) => headers[hmac.header] !== undefined),
    use(headers, body) {
      for (const [signature, until] of seen) {
        if (until > now() && seen.size <= remembered) break;
        seen.delete(signature);
      }
      const [match] = signing.flatMap(({ name, hmac }): Signed[] => {
        const signature = signatureIn(headers, hmac.header);
        const timestamp = String(headers[hmac.timestampHeader] ?? '');
        if (!signature || (hmac.over !== 'body' && !isFresh(timestamp, now()))) return [];
        const prefix = { body: '', 'timestamp.body': `${timestamp}.`, 'timestamp:body': `${timestamp}:` }[hmac.over];
        const given = Buffer.from(signature, 'hex');
        const fits = hmac.secret.map((secret) => timingSafeEqual(given, createHmac('sha256', secret.reveal()).update(prefix).update(body).digest()));
        return fits.includes(true) ? [{ source: name, signature }] : [];
      });
      if (!match || seen.has(match.signature)) return undefined;
      // Twice the window: the sender's clock may be ahead by one.
      seen.set(match.signature, now() + 2 * windowMs);
      return match;
    },
    release: ({ signature }) => void seen.delete(signature),
  };
}

// Seconds, as Grafana and most others send; or milliseconds.
function isFresh(timestamp: string, now: number): boolean {
  if (!/^\d{10}(?:\d{3})?$/.test(timestamp)) return false;
  const at = timestamp.length === 10 ? Number(timestamp) * 1_000 : Number(timestamp);
  return Math.abs(now - at) <= windowMs;
}
