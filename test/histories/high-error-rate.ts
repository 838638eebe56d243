import { badDeployment } from '../../sandbox/faults/bad-deployment.js';
import { climbsTo, endsUncured, failing, isCured, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

const restart = 'Restart the application';
const rollback = 'Roll back the deployment';

/** So many users that a minute of a recording, which is a second, has more than 10 errors. */
const fault = () => badDeployment({ users: 12 });

export const highErrorRateScenarios: Scenario[] = [
  { outcome: 'recovered', fault: fault(), play: recovers({ [restart]: 'decline', [rollback]: 'approve' }) },
  { outcome: 'approval-expired', fault: fault(), play: endsUncured() },
  { outcome: 'unrecovered', fault: fault(), play: climbsTo(3, { [restart]: 'decline', [rollback]: 'decline' }) },
  {
    outcome: 'failed-step',
    fault: fault(),
    prepare: failing('composer', 'Could not resolve host: repo.packagist.org'),
    // The code is the old one again, whatever became of its packages.
    play: isCured({ [restart]: 'approve', [rollback]: 'approve' }),
  },
];
