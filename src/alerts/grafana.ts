import { z } from 'zod';
import { parsedBody } from './format.js';
import type { AlertFormat } from './format.js';
import { notified, notifiedAlert } from './labelled.js';
import { alertsAtMost } from './text.js';

// https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
const schema = z.looseObject({ alerts: z.array(notified).min(1).max(alertsAtMost) });

/** Unified alerting of Grafana (contact point "webhook"). Like Alertmanager's, with values, panel and dashboard, which become labels. */
export const grafana: AlertFormat = {
  name: 'grafana',
  schema,
  parse: (body) => parsedBody('Grafana', schema, body).alerts.map(notifiedAlert),
};
