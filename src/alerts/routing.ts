import type { Alert } from '../domain/alert.js';
import type { Place } from '../domain/place.js';
import type { Ladder, Runbook } from '../domain/runbook.js';
import type { Severity } from '../domain/severity.js';
import type { ParsedAlert } from './format.js';
import { ruleFor } from './rules.js';
import { locate } from './targets.js';
import type { Inventory } from './targets.js';
import { limits } from './text.js';

/** An alert with everything that is needed to open or join its incident. */
export interface RoutedAlert {
  alert: Alert;
  place: Place;
  runbook: Runbook;
  ladder: Ladder;
  /** Why this runbook, in words. */
  because: string;
  /** A person opened it: no silence holds it. */
  byHand?: true;
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

/**
 * Which incident an alert belongs to. No alert is dropped: one that fits no runbook, or asks for one that does not exist,
 * goes to generalTroubleshooting, with a label `responder_note` that says so. Throws an Error only if that runbook is missing.
 */
export function route(parsed: ParsedAlert, { runbooks, inventory, source, acceptedAt, byHand }: RoutingContext): RoutedAlert {
  const asked = parsed.runbook ?? parsed.labels.runbook;
  const byName = runbooks.find(({ type }) => type === asked);
  const matched = asked === undefined ? ruleFor(parsed.labels.alertname ?? '') : undefined;
  const byRule = runbooks.find(({ type }) => type === matched?.rule.runbook);
  const runbook = byName ?? byRule ?? runbooks.find(({ type }) => type === fallback);
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
  const because = byName
    ? 'the alert asks for it by name'
    : asked !== undefined
      ? 'the alert asks for a runbook that does not exist'
      : matched && byRule
        ? `rule ${matched.number}: its name matches ${matched.rule.alertname.source} (${matched.rule.names})`
        : 'no rule fits its name';
  return { alert, place, runbook, ladder: ladderFor(runbook, severity, isCriticalWebhook(place, inventory)), because, ...(byHand && { byHand }) };
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
