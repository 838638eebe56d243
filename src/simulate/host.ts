import { sampled } from '../activities/sampling.js';
import type { ActResult, Finding, SampleWindow, Verdict } from '../domain/step.js';

/** What workflows see of it. */
export type SimulatedHost = ReturnType<typeof simulatedHost>;

/**
 * Stands in for the worker of a host, on the worst of nights: every condition holds, everything is down, and nothing that is done
 * helps. `recovered` tells whether it is over all the same. Nothing is looked at, and nothing is run.
 */
export function simulatedHost({ recovered }: { recovered: () => Promise<boolean> }) {
  return {
    async simulateLook({ command }: { command: string }): Promise<Finding> {
      return { evidence: `would run: ${command}`, data: {} };
    },

    async simulateCondition({ says }: { says: string }): Promise<{ holds: boolean; why: string }> {
      return { holds: true, why: `taken to hold: ${says}` };
    },

    async simulateAct({ command }: { command: string }): Promise<ActResult> {
      return { outcome: 'done', evidence: `would run: ${command}` };
    },

    async simulateDown(): Promise<boolean> {
      return !(await recovered());
    },

    /** Waits between samples as the real proofs do. */
    async simulateProof({ says, window }: { says: string; window: SampleWindow }): Promise<Verdict> {
      return sampled(window, async () => ({ kind: (await recovered()) ? 'recovered' : 'not recovered', evidence: `would look whether ${says}` }));
    },
  };
}
