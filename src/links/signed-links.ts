import { jwtVerify, SignJWT, errors } from 'jose';

/** What a person can do by a link of a page. */
export const linkActions = ['acknowledge', 'approve', 'decline', 'resolve'] as const;
export type LinkAction = (typeof linkActions)[number];

/** Whom and what a link is for. It is good for nothing else. */
export interface LinkGrant {
  incident: string;
  person: string;
  action: LinkAction;
  /** The question that it answers; with approve and decline. */
  ask?: string;
}

export interface LinkSigner {
  /** The token of a link that is good until `expiresAt`, ms since the epoch. Fit for a path. */
  sign(grant: LinkGrant, expiresAt: number): Promise<string>;
}

export interface LinkReader {
  /** What a token grants at `now`; `expired` if it is ours and its time is over, `unknown` if no key of ours signed it. */
  read(token: string, now: number): Promise<LinkGrant | 'expired' | 'unknown'>;
}

const algorithm = 'HS256';
/** So that a token of another kind under the same key is never taken for a link. */
const audience = 'responder-link';

/** Signs with the first key; a link that was sent before a change of keys is read by the second. Keys are 32 bytes in hexadecimal. */
export function linkSigner([first]: readonly [string, ...string[]]): LinkSigner {
  const key = Buffer.from(first, 'hex');
  return {
    sign: ({ incident, person, action, ask }, expiresAt) =>
      new SignJWT({ inc: incident, act: action, ...(ask !== undefined && { ask }) })
        .setProtectedHeader({ alg: algorithm })
        .setAudience(audience)
        .setSubject(person)
        .setExpirationTime(Math.ceil(expiresAt / 1_000))
        .sign(key),
  };
}

/** Reads what any of the keys signed. Without keys every token is unknown. */
export function linkReader(keys: readonly string[]): LinkReader {
  const secrets = keys.map((key) => Buffer.from(key, 'hex'));
  return {
    async read(token, now) {
      for (const secret of secrets) {
        try {
          const { payload } = await jwtVerify(token, secret, { algorithms: [algorithm], audience, currentDate: new Date(now), requiredClaims: ['exp', 'sub'] });
          return grantOf(payload);
        } catch (error) {
          if (error instanceof errors.JWTExpired) return 'expired'; // only said of what the key has signed
          if (!(error instanceof errors.JOSEError || error instanceof TypeError)) throw error;
        }
      }
      return 'unknown';
    },
  };
}

function grantOf({ sub, inc, act, ask }: { sub?: string; inc?: unknown; act?: unknown; ask?: unknown }): LinkGrant | 'unknown' {
  const action = linkActions.find((one) => one === act);
  if (sub === undefined || typeof inc !== 'string' || action === undefined) return 'unknown';
  const aboutAsk = action === 'approve' || action === 'decline';
  if (aboutAsk !== (typeof ask === 'string')) return 'unknown';
  return { incident: inc, person: sub, action, ...(typeof ask === 'string' && { ask }) };
}
