import type { Alert } from '../domain/alert.js';
import type { Place } from '../domain/place.js';
import type { Ladder, Runbook } from '../domain/runbook.js';
import type { Severity } from '../domain/severity.js';
import type { ParsedAlert } from './format.js';
import { locate } from './targets.js';
import type { Inventory } from './targets.js';
import { limits } from './text.js';

/** An alert with everything that is needed to open or join its incident. */
export interface RoutedAlert {
  alert: Alert;
  place: Place;
  runbook: Runbook;
  ladder: Ladder;
}

export interface RoutingContext {
  runbooks: readonly Runbook[];
  inventory: Inventory;
  /** Format or door that took the alert. */
  source: string;
  /** ms since the epoch. */
  acceptedAt: number;
  /** A person opened it by hand: their severity counts for every runbook. */
  byHand?: boolean;
}

/** The runbook for an alert that fits no other. */
export const fallback = 'generalTroubleshooting';

/** Names under which monitoring systems report a runbook's trigger, in the order in which they are tried; the first match counts. */
const rules: readonly { alertname: RegExp; runbook: string }[] = [
  { alertname: /^DiskSpaceCritical$/i, runbook: 'diskSpaceCritical' },
  { alertname: /^(?:Node|Host)?File-?system/i, runbook: 'diskSpaceCritical' }, // node_exporter's mixin: NodeFilesystemAlmostOutOfSpace …
  { alertname: /Disk/i, runbook: 'diskSpaceCritical' },
  { alertname: /Postgres|Database|^Pg[A-Z_]|MaxConnections|TooManyConnections/i, runbook: 'databaseConnectionFailures' },
  { alertname: /(?:^|[^p])Cache|Redis|Valkey/i, runbook: 'cacheSystemFailure' }, // not OPcache
  { alertname: /OAuth|Passport|TokenGeneration/i, runbook: 'oauthSystemFailure' },
  { alertname: /SSL|TLS|Certificate|CertExpir/i, runbook: 'sslCertificateExpiry' }, // blackbox_exporter's SSLCertExpiringSoon …
  { alertname: /Web-?_?hook/i, runbook: 'webhookDeliveryFailures' },
  { alertname: /Queue|Failed-?_?Jobs|Jobs-?_?Failed|Horizon/i, runbook: 'failedQueueJobs' },
  { alertname: /Brute-?_?Force|Failed-?_?(?:Login|Auth)|(?:Login|(?<!O)Auth\w*)-?_?Fail|Suspicious-?_?(?:Login|Ip)|Credential-?_?Stuffing/i, runbook: 'bruteForceAttack' },
  { alertname: /Error-?_?Rate|HighErrors|TooManyErrors|CriticalErrors|5xx/i, runbook: 'highErrorRate' },
  { alertname: /Response-?_?Time|Latency|SlowQuer|SlowRequests|SlowResponse/i, runbook: 'highApiResponseTimes' },
];

/**
 * Which incident an alert belongs to. No alert is dropped: one that fits no runbook, or asks for one that does not exist,
 * goes to generalTroubleshooting, with a label `responder_note` that says so. Throws an Error only if that runbook is missing.
 */
export function route(parsed: ParsedAlert, { runbooks, inventory, source, acceptedAt, byHand }: RoutingContext): RoutedAlert {
  const asked = parsed.runbook ?? parsed.labels.runbook;
  const byName = runbooks.find(({ type }) => type === asked);
  const rule = asked === undefined ? rules.find(({ alertname }) => alertname.test(parsed.labels.alertname ?? '')) : undefined;
  const runbook = byName ?? runbooks.find(({ type }) => type === rule?.runbook) ?? runbooks.find(({ type }) => type === fallback);
  if (!runbook) throw new Error(`the list of runbooks has no ${fallback}`);

  const { target, labels } = parsed;
  const { place, clear } = locate(runbook.target, { ...(target !== undefined && { target }), labels }, inventory);
  const severity = severityFor(runbook, parsed.severity, byHand ?? false);
  const alert: Alert = {
    source,
    status: parsed.status,
    runbook: runbook.type,
    target: place.name,
    targetIsClear: clear,
    severity,
    title: parsed.title,
    description: parsed.description,
    labels: asked === undefined || byName ? labels : withNote(labels, `there is no runbook "${asked}"`),
    ...(parsed.startsAt !== undefined && { startsAt: parsed.startsAt }),
    acceptedAt,
  };
  return { alert, place, runbook, ladder: ladderFor(runbook, severity, isCriticalWebhook(place, inventory)) };
}

// A runbook's severity is part of its text: a label may not turn a page at night into one that waits for quiet hours to end.
function severityFor(runbook: Runbook, said: Severity | undefined, byHand: boolean): Severity {
  return runbook.type === fallback || byHand ? (said ?? runbook.severity) : runbook.severity;
}

function isCriticalWebhook({ environment, webhook }: Place, { environments }: Inventory): boolean {
  return webhook !== undefined && (environments[environment]?.criticalWebhooks?.includes(webhook) ?? false);
}

/** The runbook's ladder; that of generalTroubleshooting depends on the alert's severity (docs/runbooks.md). */
function ladderFor(runbook: Runbook, severity: Severity, criticalWebhook: boolean): Ladder {
  // "If webhook is business-critical": at once, and not only while it is unresolved.
  if (runbook.type === 'webhookDeliveryFailures' && criticalWebhook) {
    return { ...runbook.ladder, besides: ['Integration Engineer', 'Webhook endpoint owner'] };
  }
  if (runbook.type !== fallback) return runbook.ladder;
  const afterMinutes = { Critical: 15, High: 30, Medium: 60 }[severity];
  const levels: Ladder['levels'] = [{ afterMinutes, role: 'Escalation contact' }];
  return { ...runbook.ladder, levels: severity === 'Critical' ? [...levels, { afterMinutes: 30, role: 'CTO' }] : levels };
}

function withNote(labels: Record<string, string>, note: string): Record<string, string> {
  const kept = Object.entries(labels).slice(0, limits.labels - 1);
  return { ...Object.fromEntries(kept), responder_note: note };
}
