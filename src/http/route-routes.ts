import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { formatNamed, formats } from '../alerts/formats.js';
import { route } from '../alerts/routing.js';
import { ApiError } from './errors.js';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

const explained = z.object({
  alerts: z.array(
    z.object({
      title: z.string(),
      status: z.enum(['firing', 'resolved']),
      runbook: z.string(),
      target: z.string(),
      targetIsClear: z.boolean(),
      severity: z.string(),
      because: z.string(),
    }),
  ),
});

/** POST /api/route: where the alerts of a body would go, and why. Opens nothing. With the token of a person. */
export function routeRoutes({ runbooks, config }: Pick<ServerParts, 'runbooks' | 'config'>, doors: Doors): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('preParsing', doors.forPeople);
    const schema = { tags: ['alerts'], querystring: z.object({ format: z.string().max(100).optional() }), body: z.unknown(), response: { 200: explained } };
    app.post('/route', { schema }, async (request) => {
      const format = formatNamed(request.query.format);
      if (!format) throw new ApiError('invalid', `format: must be one of ${formats.map(({ name }) => name).join(', ')}`);
      const acceptedAt = Date.now();
      const context = { runbooks, inventory: config, source: format.name, acceptedAt };
      return {
        alerts: format.parse(request.body, acceptedAt).map((parsed) => {
          const { alert, because } = route(parsed, context);
          const { title, status, runbook, target, targetIsClear, severity } = alert;
          return { title, status, runbook, target, targetIsClear, severity, because };
        }),
      };
    });
  };
}
