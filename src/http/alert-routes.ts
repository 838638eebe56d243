import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AlertFormat } from '../alerts/format.js';
import { formats } from '../alerts/formats.js';
import { own } from '../alerts/own.js';
import { route } from '../alerts/routing.js';
import type { RoutedAlert } from '../alerts/routing.js';
import type { AcceptedAlert } from './incidents.js';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

/** What the routes that accept alerts answer. */
export const acceptedAlerts = z.object({
  alerts: z.array(
    z.object({
      fingerprint: z.string(),
      workflowId: z.string(),
      incidentId: z.string().nullable(),
      state: z.enum(['opened', 'joined', 'queued', 'ignored']),
    }),
  ),
});

/** POST /alerts for our own format and POST /alerts/<format> for the others, with the token of an alert source. */
export function alertRoutes(parts: ServerParts, doors: Doors): FastifyPluginAsyncZod {
  const { runbooks, config } = parts;
  return async (app) => {
    app.addHook('preParsing', doors.forSources);
    for (const format of formats) {
      app.post(
        format === own ? '/alerts' : `/alerts/${format.name}`,
        {
          schema: { tags: ['alerts'], body: format.schema, response: { 202: acceptedAlerts } },
          // The format itself validates: its errors name the field and never repeat what was sent.
          validatorCompiler: () => (value) => ({ value }),
        },
        async (request, reply) => {
          const acceptedAt = Date.now();
          const context = { runbooks, inventory: config, source: sourceOf(format, request.caller), acceptedAt };
          const routed = format.parse(request.body).map((parsed) => route(parsed, context));
          return reply.code(202).send({ alerts: await acceptAll(routed, parts) });
        },
      );
    }
  };
}

function sourceOf(format: AlertFormat, caller: string): string {
  return caller === format.name ? caller : `${format.name} (${caller})`;
}

const atOnce = 16;

/**
 * Accepts alerts, a few at a time, and answers in the order given. The resolved ones go first: in a group that holds both,
 * something is still wrong, and that must be the last word. Throws the first failure; a repeat of the whole is safe.
 */
export async function acceptAll(
  routed: RoutedAlert[],
  { incidents, metrics }: Pick<ServerParts, 'incidents' | 'metrics'>,
): Promise<AcceptedAlert[]> {
  const answers = new Map<RoutedAlert, AcceptedAlert>();
  for (const status of ['resolved', 'firing'] as const) {
    const waiting = routed.filter(({ alert }) => alert.status === status);
    const lane = async (): Promise<void> => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        const answer = await incidents.accept(one);
        answers.set(one, answer);
        metrics.alerts.inc({ source: one.alert.source, runbook: one.alert.runbook, state: answer.state });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
  }
  return routed.flatMap((one) => answers.get(one) ?? []);
}
