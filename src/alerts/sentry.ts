import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { startOf } from './fields.js';
import { parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { limits, line, paragraphs } from './text.js';

const text = z.string().nullish();

// https://docs.sentry.io/organization/integrations/integration-platform/webhooks/metric-alerts/
const metric = z.looseObject({
  action: z.enum(['critical', 'warning', 'resolved']),
  data: z.looseObject({
    metric_alert: z.looseObject({ alert_rule: z.looseObject({ name: text }).nullish(), date_started: text }),
    description_title: text,
    description_text: text,
  }),
});

// https://docs.sentry.io/organization/integrations/integration-platform/webhooks/issue-alerts/
const issue = z.looseObject({
  action: z.literal('triggered'),
  data: z.looseObject({
    event: z.looseObject({ title: text, culprit: text, level: text, environment: text, datetime: text, message: text }),
    triggered_rule: text,
  }),
});

/** Sentry's metric alerts and issue alerts. The rule's name is the alert's name; an issue alert is never resolved by Sentry. */
export const sentry: AlertFormat = {
  name: 'sentry',
  schema: z.union([metric, issue]),
  parse(body) {
    const isMetric = typeof body === 'object' && body !== null && 'data' in body && typeof body.data === 'object' && body.data !== null && 'metric_alert' in body.data;
    return [isMetric ? metricAlert(parsedBody('Sentry', metric, body)) : issueAlert(parsedBody('Sentry', issue, body))];
  },
};

function metricAlert({ action, data }: z.output<typeof metric>): ParsedAlert {
  const { metric_alert: alert, description_title: title, description_text: description } = data;
  const name = alert.alert_rule?.name ?? 'SentryMetricAlert';
  const severity = action === 'resolved' ? undefined : severityOf(action);
  return {
    status: action === 'resolved' ? 'resolved' : 'firing',
    ...(severity && { severity }),
    title: line(title || name, limits.title) || 'Alert without a name',
    description: paragraphs(description ?? '', limits.description),
    labels: withExtras({ alertname: name }, { ...alert, ...alert.alert_rule }, ['name', 'triggers']),
    ...startOf(alert.date_started),
  };
}

function issueAlert({ data }: z.output<typeof issue>): ParsedAlert {
  const { event, triggered_rule: rule } = data;
  const severity = severityOf(event.level ?? undefined);
  // The event holds the request of whoever met the error, cookies and all: only what says which error it is goes on.
  const { culprit, environment, level, event_id, project, release, platform, issue_id, web_url } = event;
  return {
    status: 'firing',
    ...(severity && { severity }),
    title: line(event.title || event.message || rule || '', limits.title) || 'Alert without a name',
    description: paragraphs(event.message || culprit || '', limits.description),
    labels: withExtras({ alertname: rule || 'SentryIssueAlert' }, { culprit, environment, level, event_id, project, release, platform, issue_id, web_url }, []),
    ...startOf(event.datetime),
  };
}
