import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { ApiError } from './errors.js';
import { nameIncident } from './named-requests.js';
import type { ServerParts } from './parts.js';

/** Statuses of messages and calls. https://www.twilio.com/docs/messaging/api/message-resource#message-status-values and …/docs/voice/api/call-resource#call-status-values */
const statuses = ['accepted', 'scheduled', 'queued', 'sending', 'sent', 'delivered', 'read', 'undelivered', 'failed', 'canceled', 'initiated', 'ringing', 'in-progress', 'answered', 'completed', 'busy', 'no-answer'] as const;
const unreached: readonly string[] = ['undelivered', 'failed', 'canceled', 'busy', 'no-answer'];

const sid = z.string().max(60).optional();
const receipt = z.union([
  z.object({ MessageSid: sid, MessageStatus: z.enum(statuses), ErrorCode: z.string().max(20).optional() }).transform(({ MessageSid, MessageStatus, ErrorCode }) => ({ channel: 'sms', sid: MessageSid, status: MessageStatus, code: ErrorCode })),
  z.object({ CallSid: sid, CallStatus: z.enum(statuses) }).transform(({ CallSid, CallStatus }) => ({ channel: 'phone', sid: CallSid, status: CallStatus, code: undefined })),
]);
const key = z.string().max(500);
/** A bundle has the keys of its pages. */
const query = z.object({ key: z.union([key.transform((one) => [one]), z.array(key).max(50)]).default([]) });

/** A page's key begins with the id of its incident. */
const incidentOfPage = (page: string): string => page.split('/')[0] ?? '';

/** Where Twilio's receipts go, below the address of the server. */
export const receiptsPath = '/twilio/receipts';

/**
 * POST /twilio/receipts: what became of a text message or call, signed by Twilio. Counted. One that reached nobody is in the
 * log with the key of its page, and its incident is told, which tries the person's next contact. https://www.twilio.com/docs/usage/webhooks/messaging-webhooks
 */
export function twilioRoutes({ config, incidents, metrics, logger }: ServerParts): FastifyPluginAsync {
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
      const { channel, sid: reference, status, code } = given.data;
      metrics.receipts.inc({ channel, status });
      const pages = query.safeParse(request.query).data?.key ?? [];
      const [about, ...others] = new Set(pages.map(incidentOfPage));
      // A bundle may be about several: each has lines of its own.
      if (about !== undefined && others.length === 0) nameIncident(request, reply, about);
      for (const page of unreached.includes(status) ? pages : []) {
        const incidentId = incidentOfPage(page);
        logger.warn({ incidentId, page, channel, status, code }, 'a page did not arrive');
        // Twilio tells it once: what fails here is left to the ladder.
        await incidents.undelivered({ key: page, reference, status }).catch((err: unknown) => logger.warn({ err, incidentId, page }, 'its incident could not be told'));
      }
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
