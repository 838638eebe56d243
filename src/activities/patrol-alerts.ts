import type { Client } from '@temporalio/client';
import { route } from '../alerts/routing.js';
import type { Config } from '../config.js';
import type { Round } from '../domain/patrol.js';
import type { Runbook } from '../domain/runbook.js';
import { silencing } from '../http/silencing-intake.js';
import { standardDeadlines } from '../http/temporal-calls.js';
import { temporalIntake } from '../http/temporal-intake.js';
import { recentIds } from '../http/temporal-search.js';
import { silenceKeeper } from '../http/temporal-silences.js';

/** Hands what the patrol found to the incidents, through the same door as an alert: same rules, same fingerprints, same silences. */
export function patrolAlertActivities({ client, config, runbooks }: { client: Client; config: Config; runbooks: readonly Runbook[] }) {
  return {
    /** What became of each, in order. A repeat joins what the first one opened. */
    async handOn({ alerts, publicKeys }: { alerts: Round['alerts']; publicKeys: string[] }): Promise<{ fingerprint: string; state: string }[]> {
      const { accept } = silencing(temporalIntake({ client, config, publicKeys, deadlines: standardDeadlines, recent: recentIds(100) }), silenceKeeper({ client }));
      const answers = [];
      for (const { judgement, status } of alerts) {
        const { alertname, title, labels, severity } = judgement;
        const parsed = { status, title, description: '', labels: { ...labels, alertname }, ...(severity && { severity }) };
        const { fingerprint, state } = await accept(route(parsed, { runbooks, inventory: config, source: 'patrol', acceptedAt: Date.now() }));
        answers.push({ fingerprint, state });
      }
      return answers;
    },
  };
}

export type PatrolAlertActivities = ReturnType<typeof patrolAlertActivities>;
