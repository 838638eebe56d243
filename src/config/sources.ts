import { z } from 'zod';
import { mappingSchema } from '../alerts/generic.js';
import type { SecretValues } from './secret-values.js';
import { headerName, name } from './values.js';

/** The section `sources`, by name: who may send alerts, how they prove it, and how much they may send. */
export function sourcesSection({ token, longSecret, upToTwo }: Pick<SecretValues, 'token' | 'longSecret' | 'upToTwo'>) {
  const header = headerName.transform((text) => text.toLowerCase());
  const source = z
    .strictObject({
      token: upToTwo(token).optional(),
      basic: z.strictObject({ user: z.string().regex(/^[^:\p{Cc}]{1,100}$/u), password: upToTwo(longSecret) }).optional(),
      hmac: z
        .strictObject({
          secret: upToTwo(longSecret),
          header: header.prefault('X-Signature'),
          timestampHeader: header.prefault('X-Timestamp'),
          /** What is signed, by SHA-256 in hexadecimal. */
          over: z.enum(['timestamp.body', 'timestamp:body', 'body']).default('timestamp.body'),
        })
        .optional(),
      sns: z
        .strictObject({ topics: z.array(z.string().regex(/^arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{3,30}:\d{12}:[A-Za-z0-9_.-]{1,260}$/, 'must be the ARN of an SNS topic')).min(1) })
        .optional(),
      mapping: mappingSchema.optional(),
      requestsPerMinute: z.int().min(1).default(6_000),
      bodyLimit: z.int().min(1_024).max(16 * 1_048_576).optional(),
    })
    // None is right where `tokens` has one.
    .refine(({ token: bearer, basic, hmac, sns }) => [bearer, basic, hmac, sns].filter(Boolean).length <= 1, 'must have one of token, basic, hmac, sns');
  return z.record(name, source).default({});
}
