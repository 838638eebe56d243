import { z } from 'zod';
import type { SecretValues } from './secret-values.js';
import { email, folder, headerName, name, webUrl } from './values.js';

/** The section `environments`, by name: one AuthOS each, with what it stands on. */
export function environmentsSection({ secret }: Pick<SecretValues, 'secret'>) {
  const databaseUrl = secret.refine((value) => /^postgres(?:ql)?:\/\//.test(value.reveal()), 'must be a postgresql:// URL');
  const redisUrl = secret.refine((value) => /^rediss?:\/\//.test(value.reveal()), 'must be a redis:// or rediss:// URL');
  const environment = z.strictObject({
    authos: z.strictObject({
      url: webUrl,
      token: secret,
      /** The user for whom a test token is made. */
      testUser: email.optional(),
    }),
    database: z
      .strictObject({
        name: name.default('database'),
        url: databaseUrl,
        /** Our own way in when the database is full: a role with reserved slots, best over the local socket. */
        adminUrl: databaseUrl.optional(),
        dataFolder: folder.default('/var/lib/postgresql'),
        /** Bound of what Increase Max Connections may write. */
        maxConnectionsAtMost: z.int().min(20).max(10_000).default(400),
      })
      .optional(),
    /** The Redis of the application's cache, and the store in config/cache.php that is on it. */
    redis: z.strictObject({ url: redisUrl, store: name.default('redis') }).optional(),
    stores: z.array(name).min(1).default(['default']),
    queues: z.array(name).min(1).default(['default']),
    webhooks: z.array(name).default([]),
    /** Webhooks whose incident pages the Integration Engineer and the endpoint's owner at the start. */
    criticalWebhooks: z.array(name).default([]),
    /** Networks that requests to webhook endpoints may go to besides the public internet. */
    webhookNetworks: z.array(z.union([z.cidrv4(), z.cidrv6()], 'must be a network such as 10.1.0.0/16')).default([]),
    /** The header that AuthOS signs its deliveries in. */
    webhookSignature: headerName.default('X-Webhook-Signature'),
    domains: z.array(name).optional(),
  });
  return z.record(name, environment);
}
