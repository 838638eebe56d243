import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { ApiError } from './errors.js';
import type { ServerParts } from './parts.js';

/** Statuses of messages and calls. https://www.twilio.com/docs/messaging/api/message-resource#message-status-values and …/docs/voice/api/call-resource#call-status-values */
const statuses = ['accepted', 'scheduled', 'queued', 'sending', 'sent', 'delivered', 'read', 'undelivered', 'failed', 'canceled', 'initiated', 'ringing', 'in-progress', 'answered', 'completed', 'busy', 'no-answer'] as const;
const unreached: readonly string[] = ['undelivered', 'failed', 'canceled', 'busy', 'no-answer'];

const receipt = z.union([
  z.object({ MessageStatus: z.enum(statuses), ErrorCode: z.string().max(20).optional() }).transform(({ MessageStatus, ErrorCode }) => ({ channel: 'sms', status: MessageStatus, code: ErrorCode })),
  z.object({ CallStatus: z.enum(statuses) }).transform(({ CallStatus }) => ({ channel: 'phone', status: CallStatus, code: undefined })),
]);
const query = z.object({ key: z.string().max(500).default('') });

/** Where Twilio's receipts go, below the address of the server. */
export const receiptsPath = '/twilio/receipts';

/**
 * POST /twilio/receipts: what became of a text message or call, signed by Twilio. Counted, and one that reached nobody is in the
 * log with the key of its page. https://www.twilio.com/docs/usage/webhooks/messaging-webhooks
 */
export function twilioRoutes({ config, metrics, logger }: ServerParts): FastifyPluginAsync {
  const authToken = config.channels.twilio?.authToken.reveal();
  return async (app) => {
    if (authToken === undefined) return;
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: 65_536 }, (request, body, done) => {
      const parameters = new URLSearchParams(String(body));
      // The address that Twilio was given: behind a proxy the request's own is another.
      const genuine = isSignedByTwilio({ signature: String(request.headers['x-twilio-signature']), url: `${config.links.console}${request.url}`, parameters, authToken });
      if (genuine) done(null, Object.fromEntries(parameters));
      else done(new ApiError('unauthorized', 'the signature of Twilio is wrong'));
    });

    app.post(receiptsPath, { schema: { hide: true } }, async (request, reply) => {
      const given = receipt.safeParse(request.body);
      if (!given.success) throw new ApiError('invalid', 'this is no receipt of a message or call');
      const { channel, status, code } = given.data;
      metrics.receipts.inc({ channel, status });
      const page = query.safeParse(request.query).data?.key;
      if (unreached.includes(status)) logger.warn({ incidentId: page?.split('/')[0], page, channel, status, code }, 'a page did not arrive');
      return reply.code(204).send();
    });
  };
}

/** Twilio's check: base64 of an HMAC-SHA1 over the address and each parameter's name and value, by name. https://www.twilio.com/docs/usage/security#validating-requests */
export function isSignedByTwilio({ signature, url, parameters, authToken }: { signature: string; url: string; parameters: URLSearchParams; authToken: string }): boolean {
  const sorted = [...parameters].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const expected = createHmac('sha1', authToken).update(url + sorted.flat().join('')).digest();
  const given = Buffer.from(signature, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
