import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { covers } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import { ApiError } from './errors.js';
import { scopeOf } from './scopes.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Person or alert source whose token the request carries, or its own name if it only reads; set for the routes that need one. */
    caller: string;
    /** Why the caller's token may not do this, where a route puts that on record before it refuses. */
    tooLittle?: string | undefined;
  }
}

/** Who speaks, from the Authorization header. */
export interface Doors {
  /** Sets the caller to a person's id. Throws ApiError `unauthorized`, or `forbidden` for a token whose scope is too small for the route. */
  forPeople(request: FastifyRequest): Promise<void>;
  /** The same, but says in `tooLittle` that the scope is too small. The route must refuse then. */
  forActors(request: FastifyRequest): Promise<void>;
  /** Sets the caller to a source's name. Throws ApiError `unauthorized`, or `forbidden` for a person's token. */
  forSources(request: FastifyRequest): Promise<void>;
}

/** Checks tokens and passwords against the config, comparing hashes in constant time and all of them each time. */
export function doors({ people, sources, tokens }: Pick<Config, 'people' | 'sources' | 'tokens'>, now: () => number = Date.now): Doors {
  const known = [
    ...Object.entries(people).flatMap(([id, { token }]) => (token ? [credential(token.reveal(), { holder: id, scope: 'admin' })] : [])),
    ...Object.entries(sources).flatMap(([name, { token = [], basic }]) => [
      ...token.map((secret) => credential(secret.reveal(), { holder: name, scope: 'alert' })),
      // A password counts only with its user.
      ...(basic?.password ?? []).map((secret) => credential(basicWords(basic?.user ?? '', secret.reveal()), { holder: name, scope: 'alert' })),
    ]),
    ...Object.entries(tokens).map(([name, { secret, scope, person, source, expires }]) => credential(secret.reveal(), { holder: person ?? source ?? name, scope, ends: { name, at: expires } })),
  ];
  const heldBy = (token: string): Credential => {
    const hash = digest(token);
    const [found] = known.filter((entry) => timingSafeEqual(entry.hash, hash));
    if (!found) throw new ApiError('unauthorized', 'this token is not known');
    if (found.ends && found.ends.at <= now()) throw new ApiError('unauthorized', `the token ${found.ends.name} expired at ${new Date(found.ends.at).toISOString()}; tokens of the config has its successor, or needs one`);
    return found;
  };
  const forActors = async (request: FastifyRequest): Promise<void> => {
    const { holder, scope } = heldBy(bearer(request));
    const needed = scopeOf({ method: request.method, url: request.routeOptions.url });
    if (scope === 'alert') throw forbidden('is of an alert source, which may only send alerts');
    request.caller = holder;
    if (!covers(scope, needed)) request.tooLittle = `this token may ${scope}; this needs one of scope ${needed}`;
  };
  return {
    forActors,
    async forPeople(request) {
      await forActors(request);
      if (request.tooLittle !== undefined) throw new ApiError('forbidden', request.tooLittle);
    },
    async forSources(request) {
      const { holder, scope } = heldBy(basic(request) ?? bearer(request));
      if (!covers(scope, 'alert')) throw forbidden('is of a person or of a program that reads; alerts need the token of a source');
      request.caller = holder;
    },
  };
}

interface Credential {
  hash: Buffer;
  /** A person's id, a source's name, or the token's own name where it is nobody's. */
  holder: string;
  scope: Scope;
  ends?: { name: string; at: number };
}

function credential(text: string, more: Omit<Credential, 'hash'>): Credential {
  return { hash: digest(text), ...more };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bearer(request: FastifyRequest): string {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (!token) throw new ApiError('unauthorized', 'a Bearer token is needed');
  return token;
}

/** What stands for a user and a password among the tokens: no token has a NUL. */
function basicWords(user: string, password: string): string {
  return `${user}\0${password}`;
}

function basic(request: FastifyRequest): string | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=]{1,2000})$/i.exec(request.headers.authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const [user = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return basicWords(user, password.join(':'));
}

function forbidden(why: string): ApiError {
  return new ApiError('forbidden', `this token ${why}`);
}
