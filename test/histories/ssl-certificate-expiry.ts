import { certificate } from '../../sandbox/faults/certificate.js';
import { climbsTo, endsUncured, isCured, keepAtTheQuestion, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

const force = 'Force the renewal';

export const sslCertificateExpiryScenarios: Scenario[] = [
  { outcome: 'recovered', fault: certificate('certificate-expiring'), play: recovers() },
  {
    outcome: 'recovered-by-force',
    fault: certificate('certificate-wrong-name'),
    async play(incident) {
      await keepAtTheQuestion(incident);
      await isCured({ [force]: 'approve' })(incident);
    },
  },
  { outcome: 'approval-expired', fault: certificate('certificate-broken-chain'), play: endsUncured() },
  { outcome: 'approval-declined', fault: certificate('certificate-broken-chain'), play: endsUncured({ [force]: 'decline' }) },
  {
    // The validation fails: a failed step, and nothing else that could help.
    outcome: 'unrecovered-after-a-failed-step',
    fault: certificate('certificate-expiring'),
    prepare: ({ authos }) => authos.https.refuseRenewal('Some challenges have failed.'),
    play: climbsTo(3),
  },
];
