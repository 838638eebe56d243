import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Secret } from '../config.js';
import type { Config } from '../config.js';
import { ApiError } from './errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Person or alert source whose token the request carries; set for the routes that need one. */
    caller: string;
  }
}

/** Who speaks, from the Authorization header. */
export interface Doors {
  /** Sets the caller to a person's id. Throws ApiError `unauthorized`, or `forbidden` for an alert source's token. */
  forPeople(request: FastifyRequest): Promise<void>;
  /** Sets the caller to a source's name. Throws ApiError `unauthorized`, or `forbidden` for a person's token. */
  forSources(request: FastifyRequest): Promise<void>;
}

/** Checks tokens and passwords against the config, comparing hashes in constant time and all of them each time. */
export function doors({ people, sources }: Pick<Config, 'people' | 'sources'>): Doors {
  const persons = hashed(Object.entries(people).map(([id, { token }]) => [id, token]));
  const monitors = hashed(
    Object.entries(sources).flatMap(([name, { token = [], basic }]): [string, Secret][] => [
      ...token.map((secret): [string, Secret] => [name, secret]),
      // A password counts only with its user.
      ...(basic?.password ?? []).map((secret): [string, Secret] => [name, new Secret(basicWords(basic?.user ?? '', secret.reveal()))]),
    ]),
  );
  return {
    async forPeople(request) {
      const token = bearer(request);
      const person = holder(persons, token);
      if (person === undefined)
        throw holder(monitors, token) === undefined
          ? unauthorized()
          : forbidden('is of an alert source, which may only send alerts');
      request.caller = person;
    },
    async forSources(request) {
      const token = basic(request) ?? bearer(request);
      const source = holder(monitors, token);
      if (source === undefined)
        throw holder(persons, token) === undefined
          ? unauthorized()
          : forbidden('is of a person; alerts need the token of a source');
      request.caller = source;
    },
  };
}

type Hashed = { name: string; hash: Buffer }[];

function hashed(tokens: [string, Secret | undefined][]): Hashed {
  return tokens.flatMap(([name, token]) => (token ? [{ name, hash: digest(token.reveal()) }] : []));
}

function holder(known: Hashed, token: string): string | undefined {
  const hash = digest(token);
  return known.filter((entry) => timingSafeEqual(entry.hash, hash))[0]?.name;
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

function unauthorized(): ApiError {
  return new ApiError('unauthorized', 'this token is not known');
}

function forbidden(why: string): ApiError {
  return new ApiError('forbidden', `this token ${why}`);
}
