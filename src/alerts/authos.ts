import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { startOf } from './fields.js';
import { AlertFormatError, parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { limits, line, paragraphs } from './text.js';

const status = z.string().max(100);
const component = z.looseObject({ status, message: z.string().optional() });
const timestamp = z.string().optional();

/** GET /api/health/detailed. */
const detailed = z.looseObject({ status, timestamp, checks: z.record(z.string(), component) });
/** GET /api/health/{component}. */
const single = z.looseObject({ component: z.string().min(1), result: component, timestamp });
/** `php artisan monitor:health --output-format=json`. */
const monitored = z.looseObject({
  overall_status: z.string(),
  timestamp,
  checks: z.record(z.string(), z.looseObject({ triggered: z.boolean(), message: z.string().optional() })),
});

/**
 * AuthOS itself: the bodies of its health routes and of `monitor:health`. Each check is an alert: what triggers fires, what is
 * healthy is resolved, and what is neither (a disk between 80 and 90 %, `not_configured`) says nothing.
 */
export const authos: AlertFormat = {
  name: 'authos',
  schema: z.union([monitored, detailed, single]),
  parse(body) {
    // Chosen by shape, so that the error names the field of the one that was meant.
    const has = (name: string): boolean => typeof body === 'object' && body !== null && Object.hasOwn(body, name);
    if (has('overall_status')) {
      const { checks, timestamp: at } = parsedBody('AuthOS', monitored, body);
      return within(checks).map(([name, check]) => parsedAlert(name, check, check.triggered ? 'firing' : 'resolved', at));
    }
    if (has('component')) {
      const { component: name, result, timestamp: at } = parsedBody('AuthOS', single, body);
      return healthAlert(name, result, at, {});
    }
    const { checks, timestamp: at, ...rest } = parsedBody('AuthOS', detailed, body);
    return within(checks).flatMap(([name, check]) => healthAlert(name, check, at, rest));
  },
};

const checksAtMost = 100;

function within<Check>(checks: Record<string, Check>): [string, Check][] {
  const entries = Object.entries(checks);
  if (entries.length <= checksAtMost) return entries;
  throw new AlertFormatError('AuthOS', [{ field: 'checks', message: `must not be longer than ${checksAtMost}` }]);
}

// AuthOS calls a missing key 'degraded', and so over 100 failed jobs; a disk is degraded over 80 %, which is an early warning only.
const firesDegraded = ['oauth', 'queue'];

function healthAlert(name: string, check: z.output<typeof component>, at: string | undefined, site: object): ParsedAlert[] {
  const state = check.status.toLowerCase();
  if (state === 'healthy' || state === 'ok') return [parsedAlert(name, check, 'resolved', at, site)];
  const fires = state === 'unhealthy' || state === 'critical' || (state === 'degraded' && firesDegraded.includes(name));
  return fires ? [parsedAlert(name, check, 'firing', at, site)] : [];
}

function parsedAlert(
  name: string,
  check: { message?: string | undefined },
  alertStatus: ParsedAlert['status'],
  at: string | undefined,
  site: object = {},
): ParsedAlert {
  const said = line(check.message ?? '', limits.title);
  return {
    status: alertStatus,
    title: line(`AuthOS: ${name.replaceAll('_', ' ')}${said ? `: ${said}` : ''}`, limits.title),
    description: paragraphs(check.message ?? '', limits.description),
    labels: withExtras({ alertname: `Authos${pascalCase(line(name, limits.labelName))}`, check: name }, { ...site, ...check }, ['message', 'services']),
    ...startOf(at),
  };
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|[_\s-])([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
