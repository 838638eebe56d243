/** The 87 steps of the runbooks that the on-call team follows by hand, under their titles, in their order. */
export const stepTitles: Record<string, { title: string; diagnose: string[]; resolve: string[] }> = {
  highErrorRate: {
    title: 'High Error Rate',
    diagnose: ['Check Error Statistics', 'Review Recent Errors', 'Check Error Logs', 'Check System Health'],
    resolve: ['Identify Error Pattern', 'Quick Fixes', 'Database Issues', 'Memory Issues', 'Rollback if Recent Deployment'],
  },
  databaseConnectionFailures: {
    title: 'Database Connection Failures',
    diagnose: ['Check Database Health', 'Test Direct Connection', 'Check Database Server', 'Check Connection Pool'],
    resolve: ['Restart Database Service', 'Kill Long-Running Queries', 'Increase Max Connections', 'Clear Connection Pool', 'Check Disk Space'],
  },
  oauthSystemFailure: {
    title: 'OAuth System Failure',
    diagnose: ['Check OAuth Health', 'Verify OAuth Keys', 'Check OAuth Clients', 'Test Token Generation'],
    resolve: ['Regenerate OAuth Keys', 'Reinstall Passport', 'Check File Permissions', 'Clear OAuth Cache', 'Verify Database Tables'],
  },
  highApiResponseTimes: {
    title: 'High API Response Times',
    diagnose: ['Check Performance Metrics', 'Identify Slow Endpoints', 'Check Database Query Performance', 'Check System Resources'],
    resolve: ['Clear Application Cache', 'Optimize Database', 'Enable Query Caching', 'Optimize Code', 'Scale Resources'],
  },
  bruteForceAttack: {
    title: 'Brute Force Attack',
    diagnose: ['Check Security Metrics', 'Review Suspicious IPs', 'Analyze Attack Pattern', 'Check Targeted Accounts'],
    resolve: ['Block Attacking IPs', 'Rate Limit Authentication', 'Notify Targeted Users', 'Enable Account Lockouts', 'Monitor Ongoing Attack'],
  },
  webhookDeliveryFailures: {
    title: 'Webhook Delivery Failures',
    diagnose: ['Check Webhook Metrics', 'Review Webhook Logs', 'Test Webhook Endpoint', 'Check Network Connectivity'],
    resolve: ['Retry Failed Deliveries', 'Verify Webhook Configuration', 'Check Webhook Endpoint', 'Adjust Retry Logic', 'Disable Problematic Webhook'],
  },
  cacheSystemFailure: {
    title: 'Cache System Failure',
    diagnose: ['Check Cache Health', 'Test Cache Operations', 'Check Cache Driver'],
    resolve: ['Clear Cache', 'Restart Cache Service', 'Switch to Fallback Driver', 'Check Cache Storage', 'Verify Cache Configuration'],
  },
  diskSpaceCritical: {
    title: 'Disk Space Critical',
    diagnose: ['Check Disk Usage', 'Identify Large Files', 'Check Log Sizes', 'Check Database Size'],
    resolve: ['Clear Old Logs', 'Clear Cache Files', 'Clean Failed Jobs', 'Archive Old Data', 'Increase Disk Space'],
  },
  failedQueueJobs: {
    title: 'Failed Queue Jobs',
    diagnose: ['Check Queue Health', 'Count Failed Jobs', 'Inspect Failed Job', 'Check Queue Workers'],
    resolve: ['Restart Queue Workers', 'Retry Failed Jobs', 'Clear Failed Jobs', 'Investigate Root Cause', 'Increase Worker Processes'],
  },
  sslCertificateExpiry: {
    title: 'SSL Certificate Expiry',
    diagnose: ['Check Certificate Expiry', 'Verify Certificate Chain', 'Check Certificate Files'],
    resolve: ['Renew Let\'s Encrypt Certificate', 'Verify Renewal', 'Update Certificate Files', 'Test HTTPS'],
  },
};

/** Runbooks of the text that nobody has written as a workflow yet. One leaves this list when it enters the catalogue. */
export const pending: string[] = [];
