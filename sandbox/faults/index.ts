import { diskFull } from './disk-full.js';
import type { Fault } from './fault.js';

/** Every fault that a drill can put in, by the workflow type of the runbook that cures it. */
export const faults: Record<string, Fault[]> = {
  diskSpaceCritical: [diskFull()],
};

export { diskFull, diskFullSizes } from './disk-full.js';
export type { DiskFullSizes } from './disk-full.js';
export type { AlertmanagerPayload, Fault } from './fault.js';
