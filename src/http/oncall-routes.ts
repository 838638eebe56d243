import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { roles } from '../domain/runbook.js';
import { onCall } from '../roster/on-call.js';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

const query = z.object({
  at: z.iso
    .datetime({ offset: true, message: 'must be a moment such as 2026-12-24T18:00:00+01:00' })
    .transform((text) => Date.parse(text))
    .optional(),
});

/** Who would be paged for each role at a moment, now if none is given. With the token of a person. */
export function onCallRoutes({ config }: Pick<ServerParts, 'config'>, doors: Doors): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('preParsing', doors.forPeople);

    app.get('/oncall', { schema: { tags: ['people'], querystring: query } }, async ({ query: { at = Date.now() } }) => ({
      at,
      roles: roles.map((role) => onCall(config, role, at)),
    }));
  };
}
