import { z } from 'zod';
import { severities } from '../domain/severity.js';
import { chosen } from './fields.js';
import { parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { alertsAtMost, cleanLabels, limits, line, paragraphs } from './text.js';

const alert = z.object({
  /** Workflow type of a runbook; without it, and for one that does not exist, the labels decide. */
  runbook: z.string().max(100).optional(),
  /** Name of the inventory, such as `production` or `app-1:/var`; without it the labels or the defaults decide. */
  target: z.string().max(1_000).optional(),
  status: z.enum(['firing', 'resolved']).default('firing'),
  severity: z
    .string()
    .transform((word, context) => severityOf(word) ?? (context.addIssue(`must be one of ${severities.join(', ')}`), z.NEVER))
    .optional(),
  title: z.string().min(1),
  description: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  startsAt: z.iso.datetime({ offset: true }).optional(),
});

const several = z.object({ alerts: z.array(alert).min(1).max(alertsAtMost) });

/** Our own format, for scripts and other monitoring systems: one alert, or `{alerts: [...]}`. */
export const own: AlertFormat = {
  name: 'responder',
  schema: z.union([several, alert]),
  parse(body) {
    // Chosen by shape, not by trying both: the error then names the field of the one that was meant.
    const isList = typeof body === 'object' && body !== null && 'alerts' in body;
    return (isList ? parsedBody('responder', several, body).alerts : [parsedBody('responder', alert, body)]).map(parsedAlert);
  },
};

function parsedAlert({
  runbook,
  target,
  severity,
  title,
  description,
  labels,
  status,
  startsAt,
}: z.output<typeof alert>): ParsedAlert {
  return {
    status,
    ...chosen({ runbook, target, severity }),
    title: line(title, limits.title) || 'Alert without a name',
    description: paragraphs(description, limits.description),
    labels: cleanLabels(labels),
    ...(startsAt && { startsAt }),
  };
}
