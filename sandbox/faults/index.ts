import { cacheCold, cacheDown, cacheFull, cachePassword } from './cache.js';
import { databaseBlocked, databaseDown, databaseExhausted } from './database.js';
import { diskFull } from './disk-full.js';
import type { Fault } from './fault.js';
import { oauthKeys } from './oauth-keys.js';

/** Every fault that a drill can put in, by the workflow type of the runbook that cures it. */
export const faults: Record<string, Fault[]> = {
  cacheSystemFailure: [cacheDown(), cacheFull(), cachePassword(), cacheCold()],
  databaseConnectionFailures: [databaseDown(), databaseExhausted(), databaseBlocked()],
  diskSpaceCritical: [diskFull()],
  oauthSystemFailure: [oauthKeys('oauth-keys-missing'), oauthKeys('oauth-public-key-missing'), oauthKeys('oauth-keys-open'), oauthKeys('oauth-keys-not-a-pair'), oauthKeys('oauth-keys-lost')],
};

export { cacheCold, cacheDown, cacheFull, cachePassword } from './cache.js';
export { databaseBlocked, databaseDown, databaseExhausted } from './database.js';
export { diskFull, diskFullSizes } from './disk-full.js';
export type { DiskFullSizes } from './disk-full.js';
export type { AlertmanagerPayload, Fault } from './fault.js';
