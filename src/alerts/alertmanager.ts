import { z } from 'zod';
import { parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { alertsAtMost, cleanLabels, limits, line, paragraphs } from './text.js';

const texts = z.record(z.string(), z.string());

const alert = z.object({
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
  parse: (body) => parsedBody('Alertmanager', schema, body).alerts.map(parsedAlert),
};

function parsedAlert({ status, labels, annotations, startsAt }: z.output<typeof alert>): ParsedAlert {
  const severity = severityOf(labels.severity);
  return {
    status,
    ...(labels.runbook && { runbook: line(labels.runbook, limits.labelName) }),
    ...(labels.target && { target: line(labels.target, limits.labelValue) }),
    ...(severity && { severity }),
    title: line(annotations.summary || annotations.title || labels.alertname || 'Alert without a name', limits.title),
    description: paragraphs(annotations.description || annotations.message || '', limits.description),
    labels: cleanLabels(labels),
    startsAt,
  };
}
