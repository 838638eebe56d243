import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { fallback } from '../alerts/routing.js';
import type { Config } from '../config.js';
import type { Runbook } from '../domain/runbook.js';
import { endOf, type HeldMessage, type Silence } from '../domain/silence.js';
import { silencing } from '../http/silencing-intake.js';
import { standardDeadlines } from '../http/temporal-calls.js';
import { temporalIntake } from '../http/temporal-intake.js';
import { recentIds } from '../http/temporal-search.js';
import { silenceKeeper } from '../http/temporal-silences.js';

export interface SilenceParts {
  client: Client;
  config: Pick<Config, 'times' | 'automation' | 'links' | 'temporal'>;
  runbooks: readonly Runbook[];
}

/** Lets what a silence held page after all. */
export function silenceActivities({ client, config, runbooks }: SilenceParts) {
  return {
    /**
     * Opens or joins the incident of a held alert, with now as its time zero; or another silence holds it. Says which incident,
     * null while Temporal has not said or none is open. A repeat joins what the first one opened.
     */
    async pageHeld({ message, silence, publicKeys }: { message: HeldMessage; silence?: Silence | undefined; publicKeys: string[] }): Promise<{ incidentId: string | null }> {
      const { alert, place, ladder } = message;
      const runbook = runbooks.find(({ type }) => type === alert.runbook) ?? runbooks.find(({ type }) => type === fallback);
      if (!runbook) throw new Error(`the list of runbooks has no ${fallback}`);
      const labels = silence ? { ...alert.labels, responder_note: heldBy(silence) } : alert.labels;
      const released = { ...alert, acceptedAt: Context.current().info.currentAttemptScheduledTimestampMs, labels };
      const intake = temporalIntake({ client, config, publicKeys, deadlines: standardDeadlines, recent: recentIds(10) });
      const { accept } = silencing(intake, silenceKeeper({ client, except: message.silence }));
      const { incidentId } = await accept({ alert: released, place, ladder, runbook, because: 'a silence held it' });
      return { incidentId };
    },
  };
}

function heldBy({ id, author, reason, startsAt, endsAt, expired }: Silence): string {
  const moment = (at: number): string => new Date(at).toISOString().slice(0, 16);
  return `held by the silence ${id.slice(0, 8)} of ${author} from ${moment(startsAt)} until ${moment(endOf({ endsAt, ...(expired && { expired }) }))} UTC: ${reason}`.slice(0, 500);
}

export type SilenceActivities = ReturnType<typeof silenceActivities>;
