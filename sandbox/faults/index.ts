import { backupMissing } from './backup-missing.js';
import { badDeployment } from './bad-deployment.js';
import { bruteForceAttack } from './brute-force.js';
import { cacheCold, cacheDown, cacheFull, cachePassword } from './cache.js';
import { databaseBlocked, databaseDown, databaseExhausted } from './database.js';
import { certificate } from './certificate.js';
import { diskFull, volumeTooSmall } from './disk-full.js';
import type { Fault } from './fault.js';
import { oauthKeys } from './oauth-keys.js';
import { queueOverwhelmed, queuePoisonJobs, queueStaleWorkers, queueWorkersStopped } from './queue-jobs.js';
import { missingIndex, slowEndpoint } from './slow-endpoint.js';
import { webhookDisabledItself, webhookEndpointBack, webhookEndpointDown, webhookRedirects } from './webhooks.js';

/** Every fault that a drill can put in, by the workflow type of the runbook that cures it. */
export const faults: Record<string, Fault[]> = {
  bruteForceAttack: [bruteForceAttack(), bruteForceAttack('brute-force-behind-proxy'), bruteForceAttack('brute-force-wandering')],
  cacheSystemFailure: [cacheDown(), cacheFull(), cachePassword(), cacheCold()],
  databaseConnectionFailures: [databaseDown(), databaseExhausted(), databaseBlocked()],
  diskSpaceCritical: [diskFull(), volumeTooSmall(), volumeTooSmall('xfs')],
  failedQueueJobs: [queueStaleWorkers(), queuePoisonJobs(), queueWorkersStopped(), queueOverwhelmed()],
  generalTroubleshooting: [backupMissing()],
  highApiResponseTimes: [slowEndpoint(), missingIndex()],
  highErrorRate: [badDeployment()],
  oauthSystemFailure: [oauthKeys('oauth-keys-missing'), oauthKeys('oauth-public-key-missing'), oauthKeys('oauth-keys-open'), oauthKeys('oauth-keys-not-a-pair'), oauthKeys('oauth-keys-lost')],
  sslCertificateExpiry: [certificate('certificate-expiring'), certificate('certificate-not-loaded'), certificate('certificate-wrong-name'), certificate('certificate-broken-chain')],
  webhookDeliveryFailures: [webhookEndpointBack(), webhookEndpointDown(), webhookDisabledItself(), webhookRedirects()],
};

export { cacheCold, cacheDown, cacheFull, cachePassword } from './cache.js';
export { databaseDown, databaseExhausted } from './database.js';
export { diskFull } from './disk-full.js';
export type { Fault } from './fault.js';
