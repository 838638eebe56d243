import { withExtras } from './extra-labels.js';
import type { ParsedAlert } from './format.js';
import { severityOf } from './severity.js';
import { limits, line, paragraphs } from './text.js';

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
  const severity = severityOf(labels.severity);
  return {
    status,
    ...(labels.runbook && { runbook: line(labels.runbook, limits.labelName) }),
    ...(labels.target && { target: line(labels.target, limits.labelValue) }),
    ...(severity && { severity }),
    title: line(annotations.summary || annotations.title || labels.alertname || 'Alert without a name', limits.title),
    description: paragraphs(annotations.description || annotations.message || '', limits.description),
    labels: withExtras(labels, rest, ['endsAt']),
    ...(startsAt !== undefined && { startsAt }),
  };
}
