import type { Runbook } from './domain/runbook.js';
import { diskSpaceCriticalRunbook } from './workflows/disk-space-critical.js';
import { generalTroubleshootingRunbook } from './workflows/general-troubleshooting.js';

/** Every runbook, as data. The workflows behind them are listed in src/workflows/index.ts; a test compares both. */
export const runbooks: readonly Runbook[] = [diskSpaceCriticalRunbook, generalTroubleshootingRunbook];
