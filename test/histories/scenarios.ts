import { bruteForceAttackScenarios } from './brute-force-attack.js';
import { cacheSystemFailureScenarios } from './cache-system-failure.js';
import { databaseConnectionFailuresScenarios } from './database-connection-failures.js';
import { diskSpaceCriticalScenarios } from './disk-space-critical.js';
import { failedQueueJobsScenarios } from './failed-queue-jobs.js';
import { generalTroubleshootingScenarios } from './general-troubleshooting.js';
import { highApiResponseTimesScenarios } from './high-api-response-times.js';
import { highErrorRateScenarios } from './high-error-rate.js';
import { oauthSystemFailureScenarios } from './oauth-system-failure.js';
import type { Scenario } from './scenario.js';
import { sslCertificateExpiryScenarios } from './ssl-certificate-expiry.js';
import { webhookDeliveryFailuresScenarios } from './webhook-delivery-failures.js';

/** What is recorded, by runbook. A runbook's own list is a file beside this one. */
export const scenarios: Record<string, Scenario[]> = {
  bruteForceAttack: bruteForceAttackScenarios,
  cacheSystemFailure: cacheSystemFailureScenarios,
  databaseConnectionFailures: databaseConnectionFailuresScenarios,
  diskSpaceCritical: diskSpaceCriticalScenarios,
  failedQueueJobs: failedQueueJobsScenarios,
  generalTroubleshooting: generalTroubleshootingScenarios,
  highApiResponseTimes: highApiResponseTimesScenarios,
  highErrorRate: highErrorRateScenarios,
  oauthSystemFailure: oauthSystemFailureScenarios,
  sslCertificateExpiry: sslCertificateExpiryScenarios,
  webhookDeliveryFailures: webhookDeliveryFailuresScenarios,
};
