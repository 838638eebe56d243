import { ApplicationFailure } from '@temporalio/common';
import { sampled } from '../../src/activities/sampling.js';
import type { ActResult, Verdict } from '../../src/domain/step.js';
import type { PracticeActivities } from './practice-runs.js';

/** A host whose behaviour a test scripts; what it was asked to do is in `did`. */
export interface PracticeHost {
  activities: PracticeActivities;
  did: string[];
  /** The verdict of the next proofs. */
  verdict: Verdict;
  /** What an act does; the default cures nothing and says done. */
  onCure: (what: string, attempt: number) => Promise<ActResult> | ActResult;
  onTakeBack: (what: string) => ActResult;
  /** Acts whose condition does not hold. */
  needless: Set<string>;
  down: boolean;
  effect: ActResult | undefined;
  lookFails: boolean;
}

export const notYet: Verdict = { kind: 'not recovered', evidence: 'still broken' };
export const over: Verdict = { kind: 'recovered', evidence: 'all is well' };
export const relieved: Verdict = { kind: 'not recovered', evidence: 'a little better', mitigated: true };

/** Every act of the practice runbook that changes something. */
export const practiceActs = ['Safe Cure', 'Temporary Cure', 'Restart', 'Delete', 'Log Everyone Out'] as const;

/** A host on which only these acts are needed, and none of them cures anything. */
export function hostNeeding(...needed: (typeof practiceActs)[number][]): PracticeHost {
  return Object.assign(practiceHost(), { needless: new Set(practiceActs.filter((act) => !needed.includes(act))) });
}

export function practiceHost(): PracticeHost {
  const host: PracticeHost = {
    did: [],
    verdict: notYet,
    onCure: (what) => ({ outcome: 'done', evidence: `${what} ran` }),
    onTakeBack: (what) => ({ outcome: 'done', evidence: `${what} is taken back` }),
    needless: new Set(),
    down: false,
    effect: undefined,
    lookFails: false,
    activities: {
      async look({ what }) {
        if (host.lookFails) throw ApplicationFailure.nonRetryable('there is nothing to look at', 'HostMisconfigured');
        return { evidence: `looked ${what}`, data: {} };
      },
      async holds({ what }) {
        return host.needless.has(what) ? { holds: false, why: 'it is needless' } : { holds: true, why: `${what} is needed` };
      },
      async cure({ what }) {
        host.did.push(what);
        return host.onCure(what, host.did.filter((d) => d === what).length);
      },
      async effectOf() {
        return host.effect ?? null;
      },
      async isDown() {
        return host.down;
      },
      async prove({ window }) {
        return sampled(window, async () => host.verdict);
      },
      async takeBack({ what }) {
        host.did.push(`undo ${what}`);
        return host.onTakeBack(what);
      },
    },
  };
  return host;
}
