import { bruteForceAttackProcedure } from './workflows/brute-force-attack.js';
import { cacheSystemFailureProcedure } from './workflows/cache-system-failure.js';
import { databaseConnectionFailuresProcedure } from './workflows/database-connection-failures.js';
import { diskSpaceCriticalProcedure } from './workflows/disk-space-critical.js';
import { failedQueueJobsProcedure } from './workflows/failed-queue-jobs.js';
import { generalTroubleshootingProcedure } from './workflows/general-troubleshooting.js';
import { highApiResponseTimesProcedure } from './workflows/high-api-response-times.js';
import { highErrorRateProcedure } from './workflows/high-error-rate.js';
import { oauthSystemFailureProcedure } from './workflows/oauth-system-failure.js';
import { sslCertificateExpiryProcedure } from './workflows/ssl-certificate-expiry.js';
import { webhookDeliveryFailuresProcedure } from './workflows/webhook-delivery-failures.js';
import type { Procedure } from './workflows/step.js';

/** Every runbook, as data. The workflows behind them are listed in src/workflows/index.ts; a test compares both. */
export const runbooks: readonly Procedure[] = [bruteForceAttackProcedure, cacheSystemFailureProcedure, databaseConnectionFailuresProcedure, diskSpaceCriticalProcedure, failedQueueJobsProcedure, generalTroubleshootingProcedure, highApiResponseTimesProcedure, highErrorRateProcedure, oauthSystemFailureProcedure, sslCertificateExpiryProcedure, webhookDeliveryFailuresProcedure];
