import { missingIndex, slowEndpoint } from '../../sandbox/faults/slow-endpoint.js';
import { climbsTo, endsUncured, failing, recovers } from './plays.js';
import type { Scenario } from './scenario.js';

/** Nothing is asked here: the cache is on a store of its own, so that clearing it is safe. */
export const highApiResponseTimesScenarios: Scenario[] = [
  { outcome: 'recovered', fault: slowEndpoint(), play: recovers() },
  { outcome: 'unrecovered', fault: missingIndex(), play: climbsTo(3) },
  { outcome: 'failed-step', fault: missingIndex(), prepare: failing('composer', 'Could not open input file: composer.json'), play: endsUncured() },
];
