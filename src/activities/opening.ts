import type { Client } from '@temporalio/client';
import { route } from '../alerts/routing.js';
import type { Config } from '../config.js';
import type { Runbook } from '../domain/runbook.js';
import { standardDeadlines } from '../http/temporal-calls.js';
import { temporalIntake } from '../http/temporal-intake.js';
import { recentIds } from '../http/temporal-search.js';

/** What a run found that is another runbook's business. */
export interface OtherProblem {
  runbook: string;
  /** Inventory name, as an alert would give it: `app-1:/var`. */
  target: string;
  /** Labels an alert would have: `host`, `mountpoint`, `database`. */
  labels: Record<string, string>;
  title: string;
  /** Keys of the incident that opens this one. */
  publicKeys: string[];
}

/** Lets a run open or join another incident, through the same door as an alert. A repeat joins what the first one opened. */
export function openingActivities({ client, config, runbooks }: { client: Client; config: Config; runbooks: readonly Runbook[] }) {
  return {
    /** Id of the incident (null while Temporal has not said) and whether it was opened or joined. */
    async openIncident({ runbook, target, labels, title, publicKeys }: OtherProblem): Promise<{ incidentId: string | null; state: string }> {
      const parsed = { status: 'firing' as const, runbook, target, title, description: '', labels };
      const routed = route(parsed, { runbooks, inventory: config, source: 'runbook', acceptedAt: Date.now() });
      const { accept } = temporalIntake({ client, config, publicKeys, deadlines: standardDeadlines, recent: recentIds(10) });
      const { incidentId, state } = await accept(routed);
      return { incidentId, state };
    },
  };
}

export type OpeningActivities = ReturnType<typeof openingActivities>;
