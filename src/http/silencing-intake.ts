import { fingerprint } from '../domain/alert.js';
import { incidentWorkflowId } from '../domain/identity.js';
import type { HeldMessage } from '../domain/silence.js';
import type { RoutedAlert } from '../alerts/routing.js';
import type { Incidents } from './incidents.js';

/** What the intake needs of silences. Neither call throws: where there is doubt, an alert pages. */
export interface SilenceKeeper {
  /** Id of the silence that holds this alert now; undefined if none does or it can't be known in time. */
  silenceOf(routed: RoutedAlert): Promise<string | undefined>;
  /** True once Temporal has it: held durably, and paged when the silence ends. */
  hold(message: HeldMessage): Promise<boolean>;
}

/**
 * An intake that holds what a silence fits, and passes on everything else. A 'resolved' goes on to the incident too, since one
 * that was open before the silence is checked. What a person opens by hand is never held.
 */
export function silencing(intake: Pick<Incidents, 'accept'>, keeper: SilenceKeeper): Pick<Incidents, 'accept'> {
  return {
    async accept(routed) {
      const { alert, place, ladder, byHand } = routed;
      const silence = byHand ? undefined : await keeper.silenceOf(routed);
      if (silence === undefined) return intake.accept(routed);
      const held = await keeper.hold({ silence, alert, place, ladder });
      if (!held || alert.status === 'resolved') return intake.accept(routed);
      return { fingerprint: fingerprint(alert), workflowId: incidentWorkflowId(alert.runbook, alert.target), incidentId: null, state: 'silenced' };
    },
  };
}
