import { createHmac, timingSafeEqual } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { outgoingHttp } from '../channels/outgoing-http.js';
import type { PersonAction } from '../domain/action.js';
import { actionId } from './action-id.js';
import { ApiError } from './errors.js';
import { nameIncident } from './named-requests.js';
import type { ServerParts } from './parts.js';

const text = z.string().max(500);
const pressed = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: text }),
  response_url: text.optional(),
  actions: z.array(z.object({ action_id: text, value: z.string().max(2_000).optional() })).min(1),
});
const answer = z.discriminatedUnion('action', [
  z.object({ action: z.literal('acknowledge'), incident: text }),
  z.object({ action: z.enum(['approve', 'decline']), incident: text, ask: text }),
]);
type Answer = z.output<typeof answer>;

/** Slack waits 3 s for our 200 and tells the person that it failed after that. */
const answerWithinMs = 2_500;

/**
 * POST /slack/actions, the Request URL of the app's interactivity: a press of a button under a page. Known by Slack's
 * signature; who pressed is the person of the config with that member's id among the contacts. The outcome goes to the
 * person alone, by the payload's response_url. https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
 */
export function slackRoutes({ config, incidents, metrics, logger }: ServerParts): FastifyPluginAsync {
  const { slack } = config.channels;
  const personOf = new Map(Object.values(config.people).flatMap(({ id, contacts }) => contacts.flatMap((contact) => (contact.slack?.match(/^[UW]/) ? [[contact.slack, id] as const] : []))));

  return async (app) => {
    const signingSecret = slack?.signingSecret?.reveal();
    if (!slack || signingSecret === undefined) return;
    const http = outgoingHttp({ name: 'Slack' });
    app.addHook('onClose', () => http.close());
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: 262_144 }, (request: FastifyRequest, body, done) => {
      const { 'x-slack-signature': signature, 'x-slack-request-timestamp': timestamp } = request.headers;
      const genuine = isSignedBySlack({ signature: String(signature), timestamp: String(timestamp), body: String(body), secret: signingSecret, now: Date.now() });
      if (genuine) done(null, new URLSearchParams(String(body)));
      else done(new ApiError('unauthorized', 'the signature of Slack or its time is wrong'));
    });

    app.post('/slack/actions', { schema: { hide: true } }, async (request, reply) => {
      const payload = payloadOf(request.body);
      const [action] = payload?.actions ?? [];
      if (!payload || !action) throw new ApiError('invalid', 'payload: is no press of a button');
      // A button that only opens an address, or of another version of ours: nothing to do, and no error for who pressed.
      const wanted = valueOf(action);
      const person = personOf.get(payload.user.id);
      if (wanted) {
        nameIncident(request, reply, wanted.incident);
        const done = (person === undefined ? Promise.resolve(`You are no person of the responder's config: ${payload.user.id} is in nobody's contacts.`) : outcome(wanted, person))
          .then((said) => tell(payload.response_url, said))
          .catch((error: unknown) => logger.error({ err: error, incidentId: wanted.incident }, 'a press in Slack came to nothing'));
        await Promise.race([done, after(answerWithinMs, undefined, { ref: false })]);
      }
      return reply.code(200).send();
    });

    async function outcome(wanted: Answer, person: string): Promise<string> {
      const kind = wanted.action;
      const ask = wanted.action === 'acknowledge' ? undefined : wanted.ask;
      const id = actionId({ incident: wanted.incident, person, action: kind, ...(ask !== undefined && { ask }) });
      const action: PersonAction = ask === undefined ? { kind: 'acknowledge' } : { kind: kind === 'approve' ? 'approve' : 'decline', ask };
      try {
        const { recorded, said } = await incidents.act(wanted.incident, action, { person, via: 'chat', id });
        metrics.actions.inc({ kind, outcome: recorded });
        return said;
      } catch (error) {
        metrics.actions.inc({ kind, outcome: error instanceof ApiError ? error.code : 'unexpected' });
        if (!(error instanceof ApiError)) throw error;
        return `Nothing was done: ${error.message}`;
      }
    }

    async function tell(responseUrl: string | undefined, said: string): Promise<void> {
      if (responseUrl === undefined || !isSlacks(responseUrl)) return;
      await http.post({ url: responseUrl, body: { response_type: 'ephemeral', replace_original: false, text: said.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') } });
    }

    /** The payload is signed by Slack, and still no reason to call an address of anybody else. */
    function isSlacks(url: string): boolean {
      return URL.canParse(url) && ['https://hooks.slack.com', new URL(slack?.api ?? '').origin].includes(new URL(url).origin);
    }
  };
}

const windowMs = 5 * 60_000;

/** Slack's check: `v0=` and an HMAC-SHA256 over `v0:timestamp:body`, not older than 5 min. https://docs.slack.dev/authentication/verifying-requests-from-slack */
export function isSignedBySlack({ signature, timestamp, body, secret, now }: { signature: string; timestamp: string; body: string; secret: string; now: number }): boolean {
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > windowMs) return false;
  const [, hex = ''] = /^v0=([0-9a-f]{64})$/.exec(signature) ?? [];
  const given = Buffer.from(hex, 'hex');
  const expected = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest();
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function payloadOf(body: unknown): z.output<typeof pressed> | undefined {
  return pressed.safeParse(json(body instanceof URLSearchParams ? body.get('payload') : null)).data;
}

function valueOf({ action_id, value }: z.output<typeof pressed>['actions'][number]): Answer | undefined {
  const given = json(value ?? null);
  // The name is unique among the buttons of a message: `approve 1.2`.
  const [action] = action_id.split(' ');
  return typeof given === 'object' ? answer.safeParse({ ...given, action }).data : undefined;
}

function json(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
