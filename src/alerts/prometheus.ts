import { z } from 'zod';
import { parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { labelledAlert, texts } from './labelled.js';
import { alertsAtMost } from './text.js';

const alert = z.looseObject({
  labels: texts,
  annotations: texts.default({}),
  startsAt: z.iso.datetime({ offset: true }).optional(),
  endsAt: z.iso.datetime({ offset: true }).optional(),
});

// POST /api/v2/alerts of https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (postableAlerts)
const schema = z.array(alert).max(alertsAtMost);

/**
 * What Prometheus sends to an Alertmanager, so that it can do without one. It repeats a firing alert each minute with an end in
 * the future; one whose end has passed is resolved.
 */
export const prometheus: AlertFormat = {
  name: 'prometheus',
  path: '/api/v2/alerts',
  schema,
  parse: (body, at = Date.now()) => parsedBody('Prometheus', schema, body).map((one) => parsedAlert(one, at)),
};

function parsedAlert({ labels, annotations, startsAt, endsAt, ...rest }: z.output<typeof alert>, at: number): ParsedAlert {
  // Go's zero time, year 1, means that it has no end.
  const end = endsAt === undefined ? Number.NaN : Date.parse(endsAt);
  return labelledAlert({ status: end > 0 && end <= at ? 'resolved' : 'firing', labels, annotations, startsAt, rest });
}
