import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { chosen, labelsIn } from './fields.js';
import { parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { alertsAtMost, limits, line, paragraphs } from './text.js';

// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
const event = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  subject: z.string().optional(),
  time: z.iso.datetime({ offset: true }).optional(),
  data: z.unknown().optional(),
});
const batch = z.array(event).max(alertsAtMost);

const alertData = z.looseObject({
  status: z.string().optional(),
  severity: z.string().optional(),
  title: z.string().optional(),
  summary: z.string().optional(),
  message: z.string().optional(),
  description: z.string().optional(),
  runbook: z.string().optional(),
  target: z.string().optional(),
});

/** CloudEvents 1.0 in JSON, one or a batch. The type is the alert's name; fields of the data that are named as ours are taken. */
export const cloudEvents: AlertFormat = {
  name: 'cloudevents',
  contentTypes: ['application/cloudevents+json', 'application/cloudevents-batch+json'],
  schema: z.union([batch, event]),
  parse: (body) =>
    (Array.isArray(body) ? parsedBody('CloudEvents', batch, body) : [parsedBody('CloudEvents', event, body)]).map(parsedAlert),
};

function parsedAlert({ type, time, data, specversion: _version, ...rest }: z.output<typeof event>): ParsedAlert {
  const read = alertData.safeParse(data);
  const { status, severity: word, title, summary, message, description, runbook, target, ...others } = read.success ? read.data : {};
  const over = /^(?:resolved|ok|recovered|up)$/i.test(status ?? '') || /[./-](?:resolved|recovered)$/i.test(type);
  const given = { alertname: line(type, limits.labelValue) };
  return {
    status: over ? 'resolved' : 'firing',
    ...chosen({ runbook, target, severity: severityOf(word) }),
    title: line(title || summary || message || type, limits.title) || 'Alert without a name',
    description: paragraphs(description || message || (typeof data === 'string' ? data : ''), limits.description),
    // Labels of the data, as our own format has them, are labels: `host` must be findable under that name.
    labels: withExtras({ ...given, ...labelsIn(others) }, { ...rest, data: others }, ['data_base64']),
    ...(time !== undefined && { startsAt: time }),
  };
}
