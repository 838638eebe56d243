import { z } from 'zod';
import { scopes } from '../domain/scope.js';
import type { Scope } from '../domain/scope.js';
import { got } from './problems.js';
import type { Problem } from './problems.js';
import type { SecretValues } from './secret-values.js';
import type { Secret } from './secret.js';
import { name } from './values.js';

/** A token with an end, of a person, of an alert source, or of a program that only reads. */
export interface ApiToken {
  secret: Secret;
  scope: Scope;
  person?: string;
  source?: string;
  /** ms since the epoch; it counts until then. */
  expires: number;
}

const day = 24 * 60 * 60_000;

// A day counts to its end, wherever its reader lives.
const end = z.string().transform((text, context) => {
  if (z.iso.date().safeParse(text).success) return Date.parse(text) + day;
  if (z.iso.datetime({ offset: true }).safeParse(text).success) return Date.parse(text);
  context.addIssue('must be a day such as 2027-03-31, or a moment such as 2027-03-31T18:00:00+02:00');
  return z.NEVER;
});

/** The section `tokens`, by name. The name is told when a token has expired, its value never. */
export function tokensSection({ token }: Pick<SecretValues, 'token'>) {
  return z
    .record(
      name,
      z
        .strictObject({ secret: token, scope: z.enum(scopes), person: name.optional(), source: name.optional(), expires: end })
        .refine(({ scope, person, source }) => (scope === 'alert') === (source !== undefined) && (source === undefined || person === undefined), 'needs a source with scope alert, and has one with no other')
        .refine(({ scope, person }) => person !== undefined || scope === 'alert' || scope === 'read', { path: ['person'], message: 'is needed: what is done has to have been done by somebody' })
        .transform((given) => given as ApiToken),
    )
    .default({});
}

/** Tokens of nobody known, and sources that nobody can be: without a credential of their own and without a token here. */
export function tokenProblems(tokens: Record<string, ApiToken>, { people, sources }: { people: readonly string[]; sources: Record<string, { token?: unknown; basic?: unknown; hmac?: unknown; sns?: unknown }> }): Problem[] {
  const unknown = Object.entries(tokens).flatMap(([name, { person, source }]): Problem[] => [
    ...(person === undefined || people.includes(person) ? [] : [{ path: `tokens.${name}.person`, message: `no such person (got ${JSON.stringify(person)})` }]),
    ...(source === undefined || Object.hasOwn(sources, source) ? [] : [{ path: `tokens.${name}.source`, message: `no such source${got([], source)}` }]),
  ]);
  const served = new Set(Object.values(tokens).map(({ source }) => source));
  const silent = Object.entries(sources).flatMap(([name, { token, basic, hmac, sns }]): Problem[] =>
    token || basic || hmac || sns || served.has(name) ? [] : [{ path: `sources.${name}`, message: 'must have one of token, basic, hmac, sns, or one under tokens' }],
  );
  return [...unknown, ...silent];
}
