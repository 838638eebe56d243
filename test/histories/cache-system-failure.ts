import { cacheDown, cachePassword } from '../../sandbox/faults/index.js';
import { climbsTo, endsUncured, failing, mitigates, recoversAfterSettling } from './plays.js';
import type { Scenario } from './scenario.js';

const restart = 'Restart Cache Service';
const fallback = 'Switch to Fallback Driver';
const password = cachePassword();

export const cacheSystemFailureScenarios: Scenario[] = [
  { outcome: 'recovered', fault: cacheDown(), play: recoversAfterSettling(restart, { [restart]: 'approve' }) },
  { outcome: 'recovered-after-mitigation', fault: password, play: mitigates(password, { [fallback]: 'approve' }) },
  { outcome: 'approval-expired', fault: cacheDown(), play: endsUncured() },
  { outcome: 'unrecovered', fault: cacheDown(), play: climbsTo(2, { [restart]: 'decline', [fallback]: 'decline' }) },
  {
    outcome: 'failed-step',
    fault: cacheDown(),
    prepare: failing('docker', 'Error response from daemon: port is already allocated', 'restart'),
    play: endsUncured({ [restart]: 'approve', [fallback]: 'decline' }),
  },
];
