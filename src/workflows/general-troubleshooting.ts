import type { RunInput } from '../domain/messages.js';
import type { Runbook } from '../domain/runbook.js';
import { openRun } from './run.js';
import { diagnostic } from './step.js';

/** For an alert that fits no runbook: no alert is dropped because nobody wrote one for it. */
export const generalTroubleshootingRunbook: Runbook = {
  type: 'generalTroubleshooting',
  title: 'General Troubleshooting Tips',
  severity: 'Medium', // the alert's own counts
  target: 'environment',
  triggers: ['An alert that fits no other runbook', 'A first look by hand'],
  impact: ['Not known: a person judges'],
  prevention: [],
  ladder: { besides: [], told: [], levels: [{ afterMinutes: 60, role: 'Escalation contact' }] }, // by severity: src/alerts/routing.ts
};

const quickHealthCheck = diagnostic({
  title: 'Quick Health Check',
  command: () => 'curl https://<authos>/api/health/detailed | jq',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkHealth({ place, component: 'detailed' }),
});

/** General Troubleshooting Tips: looks, tells, and leaves the rest to the people it pages. */
export async function generalTroubleshooting(input: RunInput): Promise<void> {
  const run = openRun(generalTroubleshootingRunbook, input);
  await run.diagnose(quickHealthCheck);
  await run.end();
}
