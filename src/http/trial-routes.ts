import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { milliseconds } from '../config/duration.js';
import type { IncidentView } from '../domain/incident.js';
import { trialOf } from '../trial.js';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

const longest = 366 * 24 * 60 * 60_000;

const query = z.object({
  since: z
    .string()
    .default('14d')
    .transform((text, context) => {
      const length = milliseconds(text);
      if (length !== undefined && length <= longest) return length;
      context.addIssue('must be a duration such as 12h or 14d, of a year at most');
      return z.NEVER;
    }),
});

/** What would have been done and asked while the automation only looked on. With the token of a person. */
export function trialRoutes(parts: Pick<ServerParts, 'incidents' | 'reports'>, doors: Doors): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('preParsing', doors.forPeople);

    app.get('/trial', { schema: { tags: ['mode'], querystring: query } }, ({ query: { since: length } }) => {
      const until = Date.now();
      return trialOf(incidentsSince(parts, until - length), { since: until - length, until });
    });
  };
}

/** Open ones as they are now, then closed ones from their reports. What was reopened has a report, too: its first close is not its end. */
async function* incidentsSince({ incidents, reports }: Pick<ServerParts, 'incidents' | 'reports'>, since: number): AsyncGenerator<IncidentView | 'unreadable'> {
  const open = await incidents.list({ includeClosed: false });
  for (const { id } of open) yield (await incidents.view(id)).view;
  const seen = new Set(open.map(({ id }) => id));
  for await (const view of reports.since(since)) if (view === 'unreadable' || !seen.has(view.incident.id)) yield view;
}
