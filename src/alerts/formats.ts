import { alertmanager } from './alertmanager.js';
import { authos } from './authos.js';
import { cloudEvents } from './cloud-events.js';
import { cloudwatch } from './cloudwatch.js';
import type { AlertFormat } from './format.js';
import { grafana } from './grafana.js';
import { own } from './own.js';
import { prometheus } from './prometheus.js';
import { sentry } from './sentry.js';
import { uptimeKuma } from './uptime-kuma.js';

/** The formats that the server takes: `own` at POST /alerts, each other one at its path, else POST /alerts/<name>. */
export const formats: readonly AlertFormat[] = [own, alertmanager, grafana, prometheus, authos, cloudwatch, uptimeKuma, sentry, cloudEvents];

/** The format of that name; our own without one. Undefined if there is none. */
export function formatNamed(name: string | undefined): AlertFormat | undefined {
  return name === undefined ? own : formats.find((format) => format.name === name);
}
