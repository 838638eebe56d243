import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { incidentOf } from '../domain/incident-of.js';

/** Puts the incident's id on each log line of a workflow: the SDK names workflow ids, and an incident's own names its target. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let incidentId: string | undefined;
  return {
    inbound: [
      {
        execute(input, next) {
          incidentId = incidentOf(input.args[0]);
          return next(input);
        },
      },
    ],
    outbound: [{ getLogAttributes: (attributes, next) => next(incidentId === undefined ? attributes : { ...attributes, incidentId }) }],
  };
};
