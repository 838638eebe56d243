import { alertmanager } from './alertmanager.js';
import type { AlertFormat } from './format.js';
import { own } from './own.js';

/** The formats that the server takes: `own` at POST /alerts, each other one at POST /alerts/<name>. */
export const formats: readonly AlertFormat[] = [own, alertmanager];
