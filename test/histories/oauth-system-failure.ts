import { oauthKeys } from '../../sandbox/faults/oauth-keys.js';
import { climbsTo, endsUncured, failing, isCured, recoversAfterSettling } from './plays.js';
import type { Scenario } from './scenario.js';

const restore = 'Restore the private key';
const newPair = 'Make a new pair of keys';
const restart = 'Restart the application';

export const oauthSystemFailureScenarios: Scenario[] = [
  { outcome: 'recovered', fault: oauthKeys('oauth-keys-missing'), play: recoversAfterSettling(restore, { [restore]: 'approve' }) },
  { outcome: 'recovered-unasked', fault: oauthKeys('oauth-public-key-missing'), play: isCured() },
  { outcome: 'approval-expired', fault: oauthKeys('oauth-keys-lost'), play: endsUncured() },
  { outcome: 'unrecovered', fault: oauthKeys('oauth-keys-lost'), play: climbsTo(3, { [newPair]: 'decline', [restart]: 'decline' }) },
  {
    outcome: 'failed-step',
    fault: oauthKeys('oauth-keys-lost'),
    prepare: failing('herd', 'php: cannot allocate memory', 'passport:keys'),
    play: endsUncured({ [newPair]: 'approve', [restart]: 'decline' }),
  },
];
