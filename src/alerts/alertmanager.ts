import { z } from 'zod';
import { parsedBody } from './format.js';
import type { AlertFormat } from './format.js';
import { notified, notifiedAlert } from './labelled.js';
import { alertsAtMost } from './text.js';

// The webhook payload, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
const schema = z.object({
  version: z.literal('4'),
  alerts: z.array(notified).min(1).max(alertsAtMost),
});

/**
 * Prometheus Alertmanager. One body is a group, in which firing and resolved alerts are mixed; the group's own status says
 * nothing about the single ones. The labels `runbook` and `target` choose by name; `summary` or `title` is the title.
 */
export const alertmanager: AlertFormat = {
  name: 'alertmanager',
  schema,
  parse: (body) => parsedBody('Alertmanager', schema, body).alerts.map(notifiedAlert),
};
