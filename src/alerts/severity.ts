import type { Severity } from '../domain/severity.js';

const words: Record<string, Severity> = {
  critical: 'Critical',
  page: 'Critical',
  emergency: 'Critical',
  fatal: 'Critical',
  high: 'High',
  error: 'High',
  major: 'High',
  medium: 'Medium',
  warning: 'Medium',
  minor: 'Medium',
  low: 'Medium',
  info: 'Medium',
};

/** Our word for a monitoring system's; undefined for one that is not known, so that the runbook's own severity counts. */
export function severityOf(word: string | undefined): Severity | undefined {
  return word === undefined ? undefined : new Map(Object.entries(words)).get(word.trim().toLowerCase());
}
