import { z } from 'zod';
import type { SecretValues } from './secret-values.js';
import { name, port, webUrl } from './values.js';

/** The section `channels`: by which ways people are told. Addresses that let anybody post are secrets, too. */
export function channelsSection({ secret, upToTwo }: Pick<SecretValues, 'secret' | 'upToTwo'>) {
  const smtp = z.strictObject({
    host: z.string().min(1),
    port: port.default(587),
    /** TLS from the first byte (port 465); otherwise STARTTLS is used where offered. */
    tls: z.boolean().default(false),
    /** Refuse to send without TLS. */
    requireTls: z.boolean().default(false),
    user: z.string().optional(),
    password: secret.optional(),
    from: z
      .string()
      .regex(/^[^\p{Cc}]+$/u)
      .default('AuthOS Responder <responder@example.com>'),
  });
  const secretUrl = secret.refine((value) => isWebUrl(value.reveal()), 'must be an http or https URL');
  const signingSecret = secret.refine((value) => isSigningSecret(value.reveal()), 'must be whsec_ and 24 to 64 bytes in base64');
  return z
    .strictObject({
      email: smtp.optional(),
      log: z.strictObject({}).prefault({}),
      /** A bot of Slack; with the app's signing secret, pages have buttons that answer them. */
      slack: z.strictObject({ token: secret, signingSecret: secret.optional(), api: webUrl.prefault('https://slack.com/api') }).optional(),
      /** Incoming webhooks of Slack, by the name that contacts use. */
      slackWebhooks: z.record(name, z.strictObject({ url: secretUrl })).default({}),
      /** Workflows of Microsoft Teams, by the name that contacts use. */
      teams: z.record(name, z.strictObject({ url: secretUrl })).default({}),
      /** Integration keys of PagerDuty's services, by the name that contacts use. */
      pagerduty: z.strictObject({ routingKeys: z.record(name, secret), api: webUrl.prefault('https://events.pagerduty.com') }).optional(),
      opsgenie: z.strictObject({ apiKey: secret, api: webUrl.prefault('https://api.opsgenie.com') }).optional(),
      /** Text messages and calls. */
      twilio: z
        .strictObject({
          account: z.string().regex(/^AC[0-9a-f]{32}$/, 'must be AC and 32 hexadecimal digits'),
          authToken: secret,
          from: z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a number with its country, such as +4930123456'),
          api: webUrl.prefault('https://api.twilio.com'),
        })
        .optional(),
      /** Receivers of signed webhooks, by the name that contacts use. */
      webhooks: z.record(name, z.strictObject({ url: secretUrl, secret: upToTwo(signingSecret) })).default({}),
    })
    .prefault({});
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

function isSigningSecret(text: string): boolean {
  const [, base64 = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}
