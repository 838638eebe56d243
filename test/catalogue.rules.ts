import type { Role } from '../src/domain/runbook.js';
import type { Severity } from '../src/domain/severity.js';

/*
 * What is binding about each runbook, written down by hand from what the on-call team agreed on: who hears of it when, and
 * what each step may do. The code is compared with it, never the other way round.
 */

/** Who is paged for the first time in which minute, while the incident is unresolved and nobody answers; `told` once at the start. */
export const ladders: Record<string, { severity: Severity; told?: Role[]; firstPages: Partial<Record<number, Role[]>> }> = {
  highErrorRate: {
    severity: 'High',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 10: ['Escalation contact'], 30: ['Senior Backend Engineer'], 60: ['Engineering Manager'], 120: ['Escalation contact', '24/7 Hotline'] },
  },
  databaseConnectionFailures: {
    severity: 'Critical',
    firstPages: { 0: ['Primary', 'Database Administrator'], 5: ['Secondary'], 10: ['Escalation contact'], 15: ['Engineering Manager'], 30: ['CTO'], 90: ['Escalation contact', '24/7 Hotline'] },
  },
  oauthSystemFailure: {
    severity: 'Critical',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 10: ['Escalation contact'], 15: ['Security Engineer'], 30: ['CTO'], 90: ['Escalation contact', '24/7 Hotline'] },
  },
  highApiResponseTimes: {
    severity: 'Medium',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 60: ['Performance Engineer'], 120: ['Infrastructure Team'], 180: ['Escalation contact'] },
  },
  bruteForceAttack: {
    severity: 'High',
    told: ['Infrastructure Team'],
    firstPages: { 0: ['Primary', 'Security Team'], 5: ['Secondary'], 10: ['Escalation contact'], 30: ['Engineering Manager'], 90: ['Escalation contact', '24/7 Hotline'] },
  },
  webhookDeliveryFailures: {
    severity: 'Medium',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 60: ['Integration Engineer'], 120: ['Escalation contact'] },
  },
  cacheSystemFailure: {
    severity: 'Medium',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 60: ['Infrastructure Engineer'], 120: ['Escalation contact'] },
  },
  diskSpaceCritical: {
    severity: 'Critical',
    firstPages: { 0: ['Primary', 'Infrastructure Team'], 5: ['Secondary'], 10: ['Escalation contact'], 15: ['Engineering Manager'], 30: ['CTO'], 90: ['Escalation contact', '24/7 Hotline'] },
  },
  failedQueueJobs: {
    severity: 'Medium',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 60: ['Backend Engineer'], 120: ['Escalation contact'] },
  },
  sslCertificateExpiry: {
    severity: 'High',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 10: ['Escalation contact'], 30: ['Infrastructure/DevOps Engineer'], 60: ['Security Team'], 120: ['Escalation contact', '24/7 Hotline'] },
  },
  // Of a Medium alert; routing.test.ts has the others.
  generalTroubleshooting: {
    severity: 'Medium',
    firstPages: { 0: ['Primary'], 5: ['Secondary'], 60: ['Escalation contact'], 120: ['Escalation contact'] },
  },
};

/** Diagnostic steps that do more than look: one makes a token and revokes it, one sends a test. */
export const safeDiagnoses = ['Test Token Generation', 'Test Webhook Endpoint'];

/**
 * The acts of each resolution step: risk, and what departs from its rule. By the rule observe and safe acts need nobody and are
 * repeated after a crash; disruptive ones ask and are looked at first; destructive ones ask, also after a crash.
 */
export const actRules: Record<string, Record<string, string[]>> = {
  highErrorRate: {
    'Identify Error Pattern': ['observe'],
    'Quick Fixes': ['safe, budget', 'destructive, budget', 'safe', 'disruptive, budget'],
    'Database Issues': ['observe', 'safe'],
    'Memory Issues': ['observe', 'safe'],
    'Rollback if Recent Deployment': ['destructive, once'],
  },
  databaseConnectionFailures: {
    'Restart Database Service': ['disruptive, budget, probe'],
    'Kill Long-Running Queries': ['disruptive'],
    'Increase Max Connections': ['destructive, once, undo', 'disruptive, budget'],
    'Clear Connection Pool': ['disruptive, budget'],
    'Check Disk Space': ['observe', 'safe'],
  },
  oauthSystemFailure: {
    'Regenerate OAuth Keys': ['safe', 'destructive, budget', 'disruptive, budget, probe', 'destructive, budget', 'disruptive, budget, probe'],
    'Reinstall Passport': ['destructive'],
    'Check File Permissions': ['safe'],
    'Clear OAuth Cache': ['safe', 'disruptive, budget, probe'],
    'Verify Database Tables': ['observe'],
  },
  highApiResponseTimes: {
    'Clear Application Cache': ['safe', 'safe', 'safe', 'safe, budget', 'destructive, budget'],
    'Optimize Database': ['observe', 'observe'],
    'Enable Query Caching': ['observe', 'safe', 'observe'],
    'Optimize Code': ['observe', 'safe'],
    'Scale Resources': ['observe'],
  },
  bruteForceAttack: {
    'Block Attacking IPs': ['destructive, at once, check, undo', 'safe', 'destructive, check, undo'],
    'Rate Limit Authentication': ['observe', 'disruptive, undo'],
    'Notify Targeted Users': ['destructive, once'],
    'Enable Account Lockouts': ['observe'],
    'Monitor Ongoing Attack': ['observe'],
  },
  webhookDeliveryFailures: {
    'Retry Failed Deliveries': ['safe'],
    'Verify Webhook Configuration': ['observe'],
    'Check Webhook Endpoint': ['observe', 'safe'],
    'Adjust Retry Logic': ['disruptive, undo', 'disruptive, undo'],
    'Disable Problematic Webhook': ['disruptive, once, undo'],
  },
  cacheSystemFailure: {
    'Clear Cache': ['safe, budget', 'destructive, budget', 'safe'],
    'Restart Cache Service': ['disruptive, budget'],
    'Switch to Fallback Driver': ['disruptive, undo'],
    'Check Cache Storage': ['observe'],
    'Verify Cache Configuration': ['observe'],
  },
  diskSpaceCritical: {
    'Clear Old Logs': ['destructive, at once, repeat', 'destructive, at once, repeat'],
    'Clear Cache Files': ['safe', 'safe, budget', 'destructive, budget', 'destructive, last'],
    'Clean Failed Jobs': ['destructive', 'destructive, last'],
    'Archive Old Data': ['destructive'],
    'Increase Disk Space': ['destructive'],
  },
  failedQueueJobs: {
    'Restart Queue Workers': ['safe', 'disruptive, budget'],
    'Retry Failed Jobs': ['safe', 'disruptive'],
    'Clear Failed Jobs': ['destructive', 'destructive, last'],
    'Investigate Root Cause': ['observe', 'safe'],
    'Increase Worker Processes': ['disruptive, undo'],
  },
  sslCertificateExpiry: {
    "Renew Let's Encrypt Certificate": ['safe', 'safe', 'disruptive, once'],
    'Verify Renewal': ['observe'],
    'Update Certificate Files': ['destructive, undo'],
    'Test HTTPS': ['observe'],
  },
  generalTroubleshooting: {
    'Clear All Caches': ['disruptive, budget'],
  },
};
