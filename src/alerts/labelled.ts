import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { chosen } from './fields.js';
import type { ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { limits, line, paragraphs } from './text.js';

export const texts = z.record(z.string(), z.string());

/** An alert in a notification of Alertmanager or Grafana. */
export const notified = z.looseObject({
  status: z.enum(['firing', 'resolved']),
  labels: texts,
  annotations: texts.default({}),
  startsAt: z.iso.datetime({ offset: true }),
});

interface Labelled {
  status: ParsedAlert['status'];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string | undefined;
  /** What else the alert says, which becomes labels. */
  rest: object;
}

/**
 * An alert of the Prometheus family, which is labels and annotations. The labels `runbook` and `target` choose by name;
 * `summary` or `title` is the title.
 */
export function labelledAlert({ status, labels, annotations, startsAt, rest }: Labelled): ParsedAlert {
  return {
    status,
    ...chosen({ runbook: labels.runbook, target: labels.target, severity: severityOf(labels.severity) }),
    title: line(annotations.summary || annotations.title || labels.alertname || 'Alert without a name', limits.title),
    description: paragraphs(annotations.description || annotations.message || '', limits.description),
    labels: withExtras(labels, rest, ['endsAt']),
    ...(startsAt !== undefined && { startsAt }),
  };
}

/** The same of a notification. What else it says becomes labels. */
export function notifiedAlert({ status, labels, annotations, startsAt, ...rest }: z.output<typeof notified>): ParsedAlert {
  return labelledAlert({ status, labels, annotations, startsAt, rest });
}
