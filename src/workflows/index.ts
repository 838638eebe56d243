/* The runbooks: the workflows of the run worker. */
export { bruteForceAttack } from './brute-force-attack.js';
export { cacheSystemFailure } from './cache-system-failure.js';
export { databaseConnectionFailures } from './database-connection-failures.js';
export { diskSpaceCritical } from './disk-space-critical.js';
export { failedQueueJobs } from './failed-queue-jobs.js';
export { generalTroubleshooting } from './general-troubleshooting.js';
export { highApiResponseTimes } from './high-api-response-times.js';
export { highErrorRate } from './high-error-rate.js';
export { oauthSystemFailure } from './oauth-system-failure.js';
export { sslCertificateExpiry } from './ssl-certificate-expiry.js';
export { webhookDeliveryFailures } from './webhook-delivery-failures.js';
