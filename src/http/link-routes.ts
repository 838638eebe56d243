import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { paragraphs } from '../alerts/text.js';
import { confirmPage, sayingPage } from '../console/link-page.js';
import { contentSecurityPolicy } from '../console/layout.js';
import type { PersonAction } from '../domain/action.js';
import { actorName } from '../domain/actor.js';
import type { AskRecord, IncidentView } from '../domain/incident.js';
import { linkReader } from '../links/signed-links.js';
import type { LinkGrant } from '../links/signed-links.js';
import { ApiError, statuses } from './errors.js';
import { actionId } from './action-id.js';
import { nameIncident } from './named-requests.js';
import type { ServerParts } from './parts.js';

const tokenIn = z.object({ '*': z.string().max(2_000) });
const form = z.object({ confirm: z.literal('yes'), reason: z.string().max(2_000).default('') });

// A wildcard: a parameter holds 100 characters, and what lies below would be another route, whose log has the address.
const path = '/links/*';

/** A page instead of the one that was asked for. */
interface Saying {
  status: number;
  title: string;
  text: string;
}

const unknown: Saying = { status: 404, title: 'This link is not known', text: 'Nothing was done. Take the link of a newer page, or the responder command.' };
const expired: Saying = { status: 410, title: 'This link has expired', text: 'Nothing was done. Take the link of a newer page, or the responder command.' };

/**
 * The links of pages: GET shows what it is about, and its form's POST does it, so that a mail scanner that follows links
 * changes nothing. The token alone says who acts, on which incident, and how. It is in no log.
 */
export function linkRoutes({ config, incidents, metrics }: ServerParts): FastifyPluginAsync {
  const reader = linkReader(config.links.keys.map((key) => key.reveal()));

  return async (app) => {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: 16_384 }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    });
    app.addHook('onSend', async (_request, reply) => {
      // Neither kept by a cache nor told to another site, since its address is a key.
      void reply.headers({ 'content-security-policy': contentSecurityPolicy, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    });

    app.get(path, { schema: { hide: true }, logLevel: 'warn' }, async (request, reply) => {
      const opened = await openLink(request, reply);
      if ('saying' in opened) return say(reply, opened.saying);
      const { grant, name, view, ask } = opened;
      return reply.type('text/html; charset=utf-8').send(confirmPage({ grant, name, view, ask, now: Date.now() }));
    });

    app.post(path, { schema: { hide: true }, logLevel: 'warn' }, async (request, reply) => {
      const opened = await openLink(request, reply);
      if ('saying' in opened) return say(reply, opened.saying);
      const { grant } = opened;
      const given = form.safeParse(request.body);
      const action = given.success ? actionOf(grant, given.data.reason) : undefined;
      if (!action) return say(reply, { status: 400, title: 'Nothing was done', text: 'Go back to the page of the link and use its button; to close an incident, give the reason.' });
      return say(reply, await done(grant, action));
    });
  };

  async function done(grant: LinkGrant, action: PersonAction): Promise<Saying> {
    const { kind } = action;
    try {
      const { recorded, said } = await incidents.act(grant.incident, action, { person: grant.person, via: 'link', id: actionId(grant) });
      metrics.actions.inc({ kind, outcome: recorded });
      return { status: recorded === 'applied' ? 200 : 202, title: recorded === 'applied' ? 'Done' : 'Recorded', text: said };
    } catch (error) {
      const code = error instanceof ApiError ? error.code : 'unexpected';
      metrics.actions.inc({ kind, outcome: code });
      if (!(error instanceof ApiError)) throw error;
      return { status: statuses[code], title: 'Nothing was done', text: error.message };
    }
  }

  /** What a link is about now; or what there is to say instead, if it has nothing left to do. */
  async function openLink(request: FastifyRequest, reply: FastifyReply): Promise<{ grant: LinkGrant; name: string; view?: IncidentView; ask?: AskRecord } | { saying: Saying }> {
    const token = tokenIn.safeParse(request.params);
    const grant = token.success ? await reader.read(token.data['*'], Date.now()) : 'unknown';
    if (grant === 'expired') return { saying: expired };
    const person = grant !== 'unknown' && Object.hasOwn(config.people, grant.person) ? config.people[grant.person] : undefined;
    if (grant === 'unknown' || !person) return { saying: unknown };
    nameIncident(request, reply, grant.incident);
    const view = await viewOf(grant.incident);
    if (view === 'gone' || view?.state === 'closed') return { saying: { status: 410, title: 'It is over', text: 'The incident is closed; nothing was done.' } };
    const ask = view?.asks.find(({ id }) => id === grant.ask);
    if (ask?.answer) return { saying: { status: 409, title: 'It is answered', text: `Question ${ask.id} was ${ask.answer.answer} by ${actorName(ask.answer.by)}. Nothing was done.` } };
    const first = ask?.first?.by;
    if (ask && grant.action === 'approve' && first?.kind === 'person' && first.person === grant.person) {
      return { saying: { status: 409, title: 'You have approved it', text: `Question ${ask.id} waits for a second person. Nothing more was done.` } };
    }
    return { grant, name: person.name, ...(view && { view }), ...(ask && { ask }) };
  }

  /** Undefined if nobody can say at the moment: what a person confirms is kept all the same. */
  async function viewOf(incident: string): Promise<IncidentView | 'gone' | undefined> {
    try {
      return (await incidents.view(incident)).view;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.code === 'closed' || error.code === 'unknown_incident' ? 'gone' : undefined;
    }
  }
}

function say(reply: FastifyReply, { status, title, text }: Saying): FastifyReply {
  return reply.code(status).type('text/html; charset=utf-8').send(sayingPage(title, text));
}

function actionOf({ action, ask = '' }: LinkGrant, given: string): PersonAction | undefined {
  const reason = paragraphs(given, 2_000);
  switch (action) {
    case 'acknowledge':
      return { kind: 'acknowledge' };
    case 'approve':
      return { kind: 'approve', ask };
    case 'decline':
      return { kind: 'decline', ask, ...(reason && { reason }) };
    case 'resolve':
      return reason ? { kind: 'resolve', reason } : undefined;
  }
}
