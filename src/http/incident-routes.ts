import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ParsedAlert } from '../alerts/format.js';
import { route } from '../alerts/routing.js';
import { limits, line } from '../alerts/text.js';
import { incidentStates } from '../domain/incident.js';
import { severities } from '../domain/severity.js';
import { actingIn } from './action-routes.js';
import { acceptAll, acceptedAlerts } from './alert-routes.js';
import { ApiError } from './errors.js';
import type { ServerParts } from './parts.js';
import { permit } from './permitting.js';
import type { Doors } from './tokens.js';

const reference = z.object({ id: z.string().min(1).max(500) });
const opening = z.strictObject({
  runbook: z.string().min(1).max(100),
  target: z.string().min(1).max(1_000).optional(),
  title: z.string().min(1).max(limits.title),
  severity: z.enum(severities).optional(),
});
const filter = z.object({
  state: z.enum(incidentStates).optional(),
  runbook: z.string().max(100).optional(),
  all: z.stringbool().default(false),
});
const reportQuery = z.object({ format: z.enum(['md', 'json']).default('md') });

/** The people's API about incidents: list, look, open, read the report. With the token of a person. */
export function incidentRoutes(parts: ServerParts, doors: Doors): FastifyPluginAsyncZod {
  const { incidents, reports, config, runbooks } = parts;
  const known = (type: string): void => {
    if (runbooks.some((runbook) => runbook.type === type)) return;
    throw new ApiError('invalid', `there is no such runbook; there are ${runbooks.map((runbook) => runbook.type).join(', ')}`);
  };

  return async (app) => {
    app.addHook('preParsing', doors.forPeople);

    app.get('/incidents', { schema: { tags: ['incidents'], querystring: filter } }, async ({ query }) => {
      if (query.runbook !== undefined) known(query.runbook);
      return { incidents: await incidents.list({ ...query, includeClosed: query.all }) };
    });

    app.get('/incidents/:id', { schema: { tags: ['incidents'], params: reference } }, ({ params }) => incidents.view(params.id));

    app.post(
      '/incidents',
      { schema: { tags: ['incidents'], body: opening, response: { 202: acceptedAlerts } } },
      async (request, reply) => {
        const { runbook, target, title, severity } = request.body;
        known(runbook);
        const { via, person } = actingIn(request);
        permit(config, person, 'open');
        const parsed: ParsedAlert = {
          status: 'firing',
          runbook,
          ...(target !== undefined && { target }),
          ...(severity && { severity }),
          title: line(title, limits.title) || 'Opened by hand',
          description: '',
          labels: { opened_by: person },
        };
        const routed = route(parsed, { runbooks, inventory: config, source: via, acceptedAt: Date.now(), byHand: true });
        // A monitor can't be asked back; a person can.
        if (!routed.alert.targetIsClear) {
          throw new ApiError(
            'invalid',
            target === undefined
              ? `say which target: it could be ${routed.alert.target}`
              : `there is no such target for ${runbook} in the inventory`,
          );
        }
        return reply.code(202).send({ alerts: await acceptAll([routed], parts) });
      },
    );

    app.get(
      '/incidents/:id/report',
      { schema: { tags: ['incidents'], params: reference, querystring: reportQuery } },
      async (request, reply) => {
        const { format } = request.query;
        // A whole id needs no Temporal, so that reports can be read when it is away or has forgotten the incident.
        const text =
          (await storedReport(request.params.id, format)) ??
          (await storedReport((await incidents.find(request.params.id)).id, format));
        if (text === undefined) throw new ApiError('no_report', 'there is no report yet: it is stored when the incident closes');
        return reply.type(format === 'json' ? 'application/json; charset=utf-8' : 'text/markdown; charset=utf-8').send(text);
      },
    );
  };

  async function storedReport(id: string, format: 'md' | 'json'): Promise<string | undefined> {
    return z.guid().safeParse(id).success ? reports.read(id, format) : undefined;
  }
}
