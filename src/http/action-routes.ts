import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ActionKind } from '../domain/action.js';
import { actionSchema } from './action-schema.js';
import { ApiError } from './errors.js';
import type { Acting } from './incidents.js';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

const reference = z.object({ id: z.string().min(1).max(500) });

/** What people do with an incident. With the token of a person; who only reads is refused, on the incident's record. */
export function actionRoutes({ incidents, metrics }: Pick<ServerParts, 'incidents' | 'metrics'>, doors: Doors): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('preParsing', doors.forActors);
    // Before the body is judged: who may not act is told nothing else.
    app.addHook('preValidation', async ({ tooLittle: why, caller, headers, params, body }) => {
      if (why === undefined) return;
      const of = kindIn(body);
      if (of) {
        metrics.actions.inc({ kind: of, outcome: 'forbidden' });
        await incidents.refuse((params as { id: string }).id, { of, why }, { person: caller, via: wayOf(headers) });
      }
      throw new ApiError('forbidden', why);
    });

    app.post(
      '/incidents/:id/actions',
      { schema: { tags: ['incidents'], params: reference, body: actionSchema } },
      async (request, reply) => {
        const { kind } = request.body;
        try {
          const recorded = await incidents.act(request.params.id, request.body, actingIn(request));
          metrics.actions.inc({ kind, outcome: recorded.recorded });
          return await reply.code(recorded.recorded === 'applied' ? 200 : 202).send(recorded);
        } catch (error) {
          metrics.actions.inc({ kind, outcome: error instanceof ApiError ? error.code : 'unexpected' });
          throw error;
        }
      },
    );
  };
}

function kindIn(body: unknown): ActionKind | undefined {
  const { kind } = (body ?? {}) as { kind?: unknown };
  return actionSchema.options.map((option) => option.shape.kind.value).find((one) => one === kind);
}

const actionId = z.guid();

/** Who acts in this request. An `Idempotency-Key`, a UUID, makes a repeat of it harmless. Throws ApiError `invalid` for another one. */
export function actingIn(request: FastifyRequest): Acting {
  const via = wayOf(request.headers);
  const key = request.headers['idempotency-key'];
  if (key === undefined) return { person: request.caller, via };
  if (!actionId.safeParse(key).success) throw new ApiError('invalid', 'Idempotency-Key must be a UUID');
  return { person: request.caller, via, id: String(key).toLowerCase() };
}

function wayOf(headers: IncomingHttpHeaders): 'cli' | 'http' {
  return /^responder-cli\b/.test(headers['user-agent'] ?? '') ? 'cli' : 'http';
}
