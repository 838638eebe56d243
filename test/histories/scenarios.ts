import { diskSpaceCriticalScenarios } from './disk-space-critical.js';
import type { Scenario } from './scenario.js';

/** What is recorded, by runbook. A runbook's own list is a file beside this one. */
export const scenarios: Record<string, Scenario[]> = {
  diskSpaceCritical: diskSpaceCriticalScenarios,
};
