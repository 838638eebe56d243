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

// https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
const schema = z.looseObject({ alerts: z.array(alert).min(1).max(alertsAtMost) });

/** Unified alerting of Grafana (contact point "webhook"). Like Alertmanager's, with values, panel and dashboard, which become labels. */
export const grafana: AlertFormat = {
  name: 'grafana',
  schema,
  parse: (body) => parsedBody('Grafana', schema, body).alerts.map(({ status, labels, annotations, startsAt, ...rest }) => labelledAlert({ status, labels, annotations, startsAt, rest })),
};
