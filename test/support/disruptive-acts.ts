/**
 * Every disruptive act, as `runbook/act`, and the file of test/runbooks that kills its worker. One that is made of the same parts
 * as another, with the same look after a death, is not played again: `sameAs` names the other.
 */
export const disruptiveActs: Record<string, { playedIn: string } | { sameAs: string }> = {
  'bruteForceAttack/Lower RATE_LIMIT_AUTH': { playedIn: 'worker-killed-settings' },
  'cacheSystemFailure/Restart Cache Service': { playedIn: 'worker-killed-services' },
  'cacheSystemFailure/Switch to Fallback Driver': { playedIn: 'worker-killed-settings' },
  'databaseConnectionFailures/Restart Database Service': { playedIn: 'worker-killed-database' },
  'databaseConnectionFailures/Kill Long-Running Queries': { playedIn: 'worker-killed-database' },
  'databaseConnectionFailures/Restart the database, so that it counts': { playedIn: 'worker-killed-database' },
  'databaseConnectionFailures/Clear Connection Pool': { playedIn: 'worker-killed-database' },
  'failedQueueJobs/Restart the workers through their supervisor': { playedIn: 'worker-killed-services' },
  'failedQueueJobs/Retry older failed jobs': { playedIn: 'worker-killed-application' },
  'failedQueueJobs/Increase Worker Processes': { playedIn: 'worker-killed-services' },
  // clearCache and optimizeClear may be repeated; then restartEverywhere, looked at by applicationStartedSince
  'generalTroubleshooting/Clear all caches and restart': { sameAs: 'highErrorRate/Restart the application' },
  'highErrorRate/Restart the application': { playedIn: 'worker-killed-application' },
  'oauthSystemFailure/Restore the private key': { playedIn: 'worker-killed-settings' },
  // restartApplicationAct with conditions of their own
  'oauthSystemFailure/Restart the application for the derived key': { sameAs: 'highErrorRate/Restart the application' },
  'oauthSystemFailure/Restart the application': { sameAs: 'highErrorRate/Restart the application' },
  'sslCertificateExpiry/Force the renewal': { playedIn: 'worker-killed-application' },
  'webhookDeliveryFailures/Set WEBHOOK_MAX_RETRIES to 3': { playedIn: 'worker-killed-settings' },
  // The same function of another key
  'webhookDeliveryFailures/Set WEBHOOK_RETRY_DELAY to 60': { sameAs: 'webhookDeliveryFailures/Set WEBHOOK_MAX_RETRIES to 3' },
  'webhookDeliveryFailures/Disable Problematic Webhook': { playedIn: 'worker-killed-application' },
};
