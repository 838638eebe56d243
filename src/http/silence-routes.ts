import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { fitsEverything, readMatcher } from '../alerts/silencing.js';
import { line } from '../alerts/text.js';
import { matcherOperators, type SilenceView } from '../domain/silence.js';
import { actingIn } from './action-routes.js';
import { ApiError } from './errors.js';
import type { ServerParts } from './parts.js';
import { permit } from './permitting.js';
import type { Doors } from './tokens.js';

const moment = z.iso.datetime({ offset: true, error: 'must be a moment such as 2026-12-24T22:00:00+01:00' });
const matcherText = z.string().min(1).max(1_000).transform((text, context) => {
  try {
    return readMatcher(text);
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : 'is no matcher');
    return z.NEVER;
  }
});
const request = z.strictObject({
  matchers: z.array(matcherText).min(1).max(20),
  startsAt: moment.optional(),
  endsAt: moment,
  reason: z.string().min(1).max(500).transform((text) => line(text, 500)),
});
const silence = z.object({
  id: z.string(),
  state: z.enum(['pending', 'active', 'expired']),
  matchers: z.array(z.object({ name: z.string(), operator: z.enum(matcherOperators), value: z.string() })),
  startsAt: z.number(),
  endsAt: z.number(),
  author: z.string(),
  reason: z.string(),
  createdAt: z.number(),
  expired: z.object({ at: z.number(), by: z.string() }).optional(),
  held: z.array(
    z.object({
      fingerprint: z.string(),
      title: z.string(),
      severity: z.string(),
      firstAt: z.number(),
      lastAt: z.number(),
      count: z.number(),
      became: z.enum(['held', 'resolved', 'paged']),
      incidentId: z.string().nullable().optional(),
    }),
  ),
}) satisfies z.ZodType<SilenceView>;

/** Silences and maintenance windows, with the token of a person, who is their author. */
export function silenceRoutes({ silences, metrics, config }: ServerParts, doors: Doors): FastifyPluginAsyncZod {
  const counted = async <Result>(kind: string, person: string, doing: () => Promise<Result>): Promise<Result> => {
    try {
      permit(config, person, 'silence');
      const result = await doing();
      metrics.actions.inc({ kind, outcome: 'applied' });
      return result;
    } catch (error) {
      metrics.actions.inc({ kind, outcome: error instanceof ApiError ? error.code : 'unexpected' });
      throw error;
    }
  };

  return async (app) => {
    app.addHook('preParsing', doors.forPeople);

    app.get('/silences', { schema: { tags: ['silences'], response: { 200: z.object({ silences: z.array(silence) }) } } }, async () => ({ silences: await silences.list() }));

    app.post('/silences', { schema: { tags: ['silences'], body: request, response: { 201: silence } } }, async (received, reply) => {
      const { matchers, startsAt, endsAt, reason } = received.body;
      if (fitsEverything(matchers)) throw new ApiError('invalid', 'matchers: one of them must not fit an alert without that label, else they fit nearly every alert');
      const asked = { matchers, startsAt: startsAt === undefined ? Date.now() : Date.parse(startsAt), endsAt: Date.parse(endsAt), reason };
      return reply.code(201).send(await counted('silence', received.caller, () => silences.add(asked, actingIn(received))));
    });

    app.delete('/silences/:id', { schema: { tags: ['silences'], params: z.object({ id: z.string().min(6).max(100) }), response: { 200: silence } } }, async (received) => {
      return counted('expire silence', received.caller, () => silences.expire(received.params.id, actingIn(received)));
    });
  };
}
