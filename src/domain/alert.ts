import type { OwnPage } from './page.js';
import type { Severity } from './severity.js';

/** One message of a monitoring system, parsed, routed to its runbook and target, and accepted by our server. */
export interface Alert {
  /** Which of our endpoints took it: `alertmanager`, `responder`, `cli` … */
  source: string;
  status: 'firing' | 'resolved';
  /** Workflow type of the runbook it was routed to. */
  runbook: string;
  /** Inventory name of what it is about, such as `app-1:/var`; see `Target` in RUNBOOK-SPEC. */
  target: string;
  /** False if the alert named no target that the inventory knows and several fit: the run then only observes and pages. */
  targetIsClear: boolean;
  severity: Severity;
  /** One line, from the alert: an outsider's text, shown and never executed. At most 300 characters. */
  title: string;
  description: string;
  labels: Record<string, string>;
  /** ISO 8601, when the monitor says it began; absent if it did not say. */
  startsAt?: string;
  /** Milliseconds since the epoch, when our server accepted it: time zero of the incident it opens. */
  acceptedAt: number;
  /** Of a word to an incident that stands for several alerts, or that waited. */
  kept?: Kept;
}

/** What our server adds to the last of the alerts that it kept for one incident. */
export interface Kept {
  /** UUIDv7 of what was kept: the same if it is sent again. */
  id: string;
  /** Alerts under this id so far, this one included. */
  count: number;
  /** One of them fires, whatever the last one says. */
  fired: boolean;
  /** Whom the server paged itself. */
  paged?: OwnPage;
}

/** Runbook and target: alerts with the same fingerprint belong to one incident. */
export function fingerprint(alert: Pick<Alert, 'runbook' | 'target'>): string {
  return `${alert.runbook}/${alert.target}`;
}
