import { z } from 'zod';
import { parsedBody } from './format.js';
import type { AlertFormat } from './format.js';
import { labelledAlert } from './labelled.js';
import { alertsAtMost } from './text.js';

const texts = z.record(z.string(), z.string());

const alert = z.looseObject({
  status: z.enum(['firing', 'resolved']),
  labels: texts,
  annotations: texts.default({}),
  startsAt: z.iso.datetime({ offset: true }),
});

// The webhook payload, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
const schema = z.object({
  version: z.literal('4'),
  alerts: z.array(alert).min(1).max(alertsAtMost),
});

/**
 * Prometheus Alertmanager. One body is a group, in which firing and resolved alerts are mixed; the group's own status says
 * nothing about the single ones. The labels `runbook` and `target` choose by name; `summary` or `title` is the title.
 */
export const alertmanager: AlertFormat = {
  name: 'alertmanager',
  schema,
  parse: (body) => parsedBody('Alertmanager', schema, body).alerts.map(({ status, labels, annotations, startsAt, ...rest }) => labelledAlert({ status, labels, annotations, startsAt, rest })),
};
