import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { incidentOf } from '../domain/incident-of.js';

/** `<incident id>/run/1`, `<incident id>/undo/2` */
const ofIncident = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\//;

/** Puts the incident's id on each log line of an activity: by the workflow that asked for it, or by what it was asked. */
export const namedLogs: ActivityInterceptorsFactory = ({ info }) => {
  let incidentId = ofIncident.exec(info.workflowExecution?.workflowId ?? '')?.[1];
  return {
    inbound: {
      execute(input, next) {
        for (const given of input.args) incidentId ??= incidentOf(given);
        return next(input);
      },
    },
    outbound: { getLogAttributes: (attributes, next) => next(incidentId === undefined ? attributes : { ...attributes, incidentId }) },
  };
};
