import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { modes } from '../domain/messages.js';
import { actingIn } from './action-routes.js';
import { ApiError } from './errors.js';
import type { ServerParts } from './parts.js';
import { permit } from './permitting.js';
import type { Doors } from './tokens.js';

const change = z.strictObject({ scope: z.string().min(1).max(100), mode: z.enum(modes) });

/** The kill switch, and the runbooks with every step, with the token of a person. */
export function modeRoutes({ incidents, runbooks, config }: ServerParts, doors: Doors): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('preParsing', doors.forPeople);

    app.get('/mode', { schema: { tags: ['mode'] } }, () => incidents.modes());

    app.put('/mode', { schema: { tags: ['mode'], body: change } }, async (request) => {
      const { scope } = request.body;
      if (scope !== 'global' && !runbooks.some(({ type }) => type === scope)) {
        throw new ApiError('invalid', `scope: must be global or a runbook (${runbooks.map(({ type }) => type).join(', ')})`);
      }
      permit(config, request.caller, 'mode');
      return incidents.setMode(request.body, actingIn(request));
    });

    app.get('/runbooks', { schema: { tags: ['runbooks'] } }, async () => ({ runbooks }));
  };
}
