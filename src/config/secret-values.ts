import { z } from 'zod';
import { resolveSecret } from './secret.js';
import type { Environment, Secret } from './secret.js';

/** References to secrets, whose values a parse gets from `env` and from files. */
export function secretValues(env: Environment) {
  const secret = z.string().transform((reference, context): Secret => {
    const resolved = resolveSecret(reference, env);
    if (!('problem' in resolved)) return resolved;
    context.addIssue(resolved.problem);
    return z.NEVER;
  });
  const token = secret.refine((value) => value.reveal().length >= 16, 'must be a token of at least 16 characters');
  const longSecret = secret.refine((value) => value.reveal().length >= 16, 'must be at least 16 characters long');
  // Two while a secret is changed: the sender may have either.
  const upToTwo = (one: z.ZodType<Secret>) =>
    z.unknown().transform((value, context): Secret[] => {
      const references: unknown[] = Array.isArray(value) ? value : [value];
      if (references.length < 1 || references.length > 2) context.addIssue('must be a reference, or a list of two while it is changed');
      return references.flatMap((reference) => {
        const parsed = one.safeParse(reference);
        if (!parsed.success) for (const { message } of parsed.error.issues) context.addIssue(message);
        return parsed.success ? [parsed.data] : [];
      });
    });
  return { secret, token, longSecret, upToTwo };
}

export type SecretValues = ReturnType<typeof secretValues>;
