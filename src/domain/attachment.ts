/** Runbooks whose incident explains others in its environment (RUNBOOK-SPEC, "Attached"). They never attach themselves. */
export const causes = ['diskSpaceCritical', 'databaseConnectionFailures'] as const;

/** Runbooks that attach to an open cause: they diagnose, hold what disturbs, and tell their findings through its pages. */
export const symptoms = [
  'highErrorRate',
  'oauthSystemFailure',
  'highApiResponseTimes',
  'webhookDeliveryFailures',
  'cacheSystemFailure',
  'failedQueueJobs',
  'generalTroubleshooting',
] as const;

export const isCause = (runbook: string): boolean => (causes as readonly string[]).includes(runbook);
export const isSymptom = (runbook: string): boolean => (symptoms as readonly string[]).includes(runbook);

/** The incident that another one is attached to. */
export interface Cause {
  incidentId: string;
  workflowId: string;
  /** `Disk Space Critical on app-1:/var`. */
  title: string;
}

/** An incident that is attached to this one, with what it has found so far. */
export interface Symptom {
  incidentId: string;
  workflowId: string;
  title: string;
  found: string[];
}
