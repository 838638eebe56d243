import type { Site } from '../../sandbox/drill/site.js';
import { bruteForceAttack } from '../../sandbox/faults/brute-force.js';
import { climbsTo, endsUncured, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

const suspicious = 'Block suspicious addresses';
const limit = 'Lower RATE_LIMIT_AUTH';
const mail = 'Mail the owners of targeted accounts';

export const bruteForceAttackScenarios: Scenario[] = [
  { outcome: 'recovered', fault: bruteForceAttack(), play: recovers({ [suspicious]: 'decline', [limit]: 'decline', [mail]: 'decline' }) },
  { outcome: 'approval-expired', fault: bruteForceAttack(), prepare: firewallOff, play: endsUncured() },
  {
    outcome: 'unrecovered',
    fault: bruteForceAttack(),
    prepare: firewallOff,
    async play(incident) {
      const answers = { [suspicious]: 'decline', [limit]: 'decline', [mail]: 'decline' } as const;
      // Whoever is still at it is watched for long, in one activity.
      await incident.until('the watch for new attackers', (_, progress) => progress.some(({ acts }) => acts.some(({ act, endedAt }) => act === 'Watch for new attackers' && endedAt === 0)), answers);
      await incident.keep('open-while-the-attack-is-watched');
      await climbsTo(2, answers)(incident);
    },
  },
  { outcome: 'failed-step', fault: bruteForceAttack(), prepare: firewallOff, play: endsUncured({ [suspicious]: 'decline', [limit]: 'approve', [mail]: 'approve' }) },
];

/** Rules can be written, and none is in force. */
async function firewallOff({ authos }: Site): Promise<void> {
  await authos.front.enable(false);
}
