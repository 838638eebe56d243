import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { chosen, labelsIn, startOf } from './fields.js';
import { AlertFormatError } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { alertsAtMost, limits, line, paragraphs } from './text.js';

const pointer = z.string().regex(/^(?:\/(?:[^~/]|~[01])*)+$/, 'must be a JSON pointer such as /event/name (RFC 6901)');

/** Where the fields of an alert are in a body, as JSON pointers (RFC 6901). */
export const mappingSchema = z.strictObject({
  /** A list of alerts in the body; without it the body is one. The other pointers start at the single alert. */
  alerts: pointer.optional(),
  title: pointer,
  status: pointer.optional(),
  /** Values of `status` that mean that it is over. */
  resolved: z.array(z.string().min(1)).min(1).default(['resolved', 'ok']),
  alertname: pointer.optional(),
  runbook: pointer.optional(),
  target: pointer.optional(),
  severity: pointer.optional(),
  description: pointer.optional(),
  startsAt: pointer.optional(),
});
export type Mapping = z.output<typeof mappingSchema>;

/** Any JSON, read by the mapping of its source in the config. What the mapping does not name becomes labels. */
export function generic(mapping: Mapping): AlertFormat {
  return {
    name: 'generic',
    schema: z.unknown(),
    parse(body) {
      const list = mapping.alerts === undefined ? [body] : at(body, mapping.alerts);
      if (!Array.isArray(list) || list.length === 0 || list.length > alertsAtMost) {
        throw new AlertFormatError('this source', [{ field: 'alerts of the mapping', message: `must be a list of 1 to ${alertsAtMost}` }]);
      }
      return list.map((one) => parsedAlert(one, mapping));
    },
  };
}

function parsedAlert(body: unknown, mapping: Mapping): ParsedAlert {
  const textAt = (where: string | undefined): string | undefined => {
    const value = where === undefined ? undefined : at(body, where);
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
  };
  const title = line(textAt(mapping.title) ?? '', limits.title);
  if (!title) throw new AlertFormatError('this source', [{ field: 'title of the mapping', message: 'is missing (text)' }]);
  const name = textAt(mapping.alertname);
  const status = textAt(mapping.status)?.trim().toLowerCase();
  return {
    status: mapping.resolved.some((word) => word.toLowerCase() === status) ? 'resolved' : 'firing',
    ...chosen({ runbook: textAt(mapping.runbook), target: textAt(mapping.target), severity: severityOf(textAt(mapping.severity)) }),
    title,
    description: paragraphs(textAt(mapping.description) ?? '', limits.description),
    labels: withExtras({ ...labelsIn(body), ...(name && { alertname: name }) }, body as object, ['labels']),
    ...startOf(textAt(mapping.startsAt)),
  };
}

/** The value at a JSON pointer; undefined if there is none. Inherited properties are never followed. */
function at(body: unknown, where: string): unknown {
  return where
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, key) => (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined), body);
}
