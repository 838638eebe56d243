import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AlertFormat } from '../alerts/format.js';
import { formats } from '../alerts/formats.js';
import { generic } from '../alerts/generic.js';
import { own } from '../alerts/own.js';
import { route } from '../alerts/routing.js';
import type { RoutedAlert } from '../alerts/routing.js';
import { snsVerifier } from '../alerts/sns.js';
import { ApiError } from './errors.js';
import type { AcceptedAlert } from './incidents.js';
import type { ServerParts } from './parts.js';
import { signatures } from './signatures.js';
import { guardSources } from './source-door.js';
import type { Doors } from './tokens.js';

/** What the routes that accept alerts answer. */
export const acceptedAlerts = z.object({
  alerts: z.array(
    z.object({
      fingerprint: z.string(),
      workflowId: z.string(),
      incidentId: z.string().nullable(),
      state: z.enum(['opened', 'joined', 'queued', 'silenced', 'accepted', 'ignored']),
    }),
  ),
});

/** POST /alerts for our own format and POST /alerts/<format> for the others, with the credentials of an alert source. */
export function alertRoutes(parts: ServerParts, doors: Doors): FastifyPluginAsyncZod {
  const { runbooks, config } = parts;
  const topics = Object.values(config.sources).flatMap(({ sns }) => sns?.topics ?? []);
  const mapped = new Map(Object.entries(config.sources).flatMap(([name, { mapping }]) => (mapping ? [[name, generic(mapping)]] : [])));
  return async (app) => {
    guardSources(app, { config, doors, signatures: signatures(config), sns: snsVerifier(topics, parts.fetchText) }, formats.flatMap(({ contentTypes = [] }) => contentTypes));
    for (const format of [...formats, unmapped]) {
      app.post(
        pathOf(format),
        {
          schema: { tags: ['alerts'], body: format.schema, response: { 202: acceptedAlerts } },
          // The format itself validates: its errors name the field and never repeat what was sent.
          validatorCompiler: () => (value) => ({ value }),
          preValidation: (request) => refuseForeignType(request, format),
        },
        async (request, reply) => {
          const acceptedAt = Date.now();
          const context = { runbooks, inventory: config, source: sourceOf(format, request.caller), acceptedAt };
          const routed = (format === unmapped ? (mapped.get(request.caller) ?? unmapped) : format)
            .parse(request.body, acceptedAt).map((parsed) => route(parsed, context));
          return reply.code(202).send({ alerts: await acceptAll(routed, parts) });
        },
      );
    }
  };
}

function pathOf(format: AlertFormat): string {
  return format === own ? '/alerts' : (format.path ?? `/alerts/${format.name}`);
}

function sourceOf(format: AlertFormat, caller: string): string {
  return caller === format.name ? caller : `${format.name} (${caller})`;
}

/** POST /alerts/generic for a source whose config has no mapping. */
const unmapped: AlertFormat = {
  name: 'generic',
  schema: z.unknown(),
  parse() {
    throw new ApiError('invalid', 'this source has no mapping in the config (sources.<name>.mapping)');
  },
};

async function refuseForeignType({ headers }: FastifyRequest, { contentTypes = [] }: AlertFormat): Promise<void> {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  const taken = ['application/json', ...contentTypes];
  if (!taken.includes(type)) throw new ApiError('unsupported_media_type', `the body must be ${taken.join(' or ')}`);
}

const atOnce = 16;

/**
 * Accepts alerts, a few at a time, and answers in the order given. The resolved ones go first: in a group that holds both,
 * something is still wrong, and that must be the last word. Throws the first failure; a repeat of the whole is safe.
 */
export async function acceptAll(
  routed: RoutedAlert[],
  { incidents, metrics, logger }: Pick<ServerParts, 'incidents' | 'metrics' | 'logger'>,
): Promise<AcceptedAlert[]> {
  const answers = new Map<RoutedAlert, AcceptedAlert>();
  for (const status of ['resolved', 'firing'] as const) {
    const waiting = routed.filter(({ alert }) => alert.status === status);
    const lane = async (): Promise<void> => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        const answer = await incidents.accept(one);
        answers.set(one, answer);
        logger.info({ incidentId: answer.incidentId, workflowId: answer.workflowId, runbook: one.alert.runbook, source: one.alert.source, state: answer.state }, 'alert accepted');
        metrics.alerts.inc({ source: one.alert.source, runbook: one.alert.runbook, state: answer.state });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
  }
  return routed.flatMap((one) => answers.get(one) ?? []);
}
