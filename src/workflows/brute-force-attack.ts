import type { Finding } from '../domain/step.js';
import type { RunInput } from '../domain/messages.js';
import { addressRow, attackOver, blocksAtMost, manyAccounts, noticesAtMost, stillAttackedFrom } from '../domain/login-attack.js';
import { lowerAuthRateLimit } from './auth-rate-limit.js';
import { waiting } from './calling.js';
import { blockAct } from './login-blocks.js';
import { attackIsOver } from './login-proof.js';
import { countEverywhere, factsOf, hourOf, period, quietOf, rows, shown } from './logins.js';
import { from, onEveryHost } from './on-hosts.js';
import { openRun } from './run.js';
import { act, diagnostic, type Procedure, step } from './step.js';

const checkSecurityMetrics = diagnostic({
  title: 'Check Security Metrics',
  command: () => 'curl https://<authos>/api/v1/monitoring/metrics/authentication',
  timeout: { minutes: 1, because: 'one request' },
  find: (on, { place }) => on.checkSecurityMetrics({ place }),
});

const reviewSuspiciousIps = diagnostic({
  title: 'Review Suspicious IPs',
  command: () => 'tail -n 500 storage/logs/security.log | grep "failed_authentication"',
  timeout: { minutes: 1, because: 'the end of one file' },
  find: (on, { place }) => on.reviewFailedLogins({ place, most: 500 }),
});

const analyzeAttackPattern = diagnostic({
  title: 'Analyze Attack Pattern',
  command: () => 'grep "failed_authentication" storage/logs/security* of the last hour | jq -r ".context.ip" | sort | uniq -c | sort -rn | head -20',
  timeout: { minutes: 2, because: 'an hour of large logs' },
  async find(_, scene): Promise<Finding> {
    const counts = await countEverywhere(scene);
    const sentence = `${counts.failures} failed logins in the last hour from ${counts.distinct} addresses${period(counts)}${counts.gaps.length > 0 ? `; ${counts.gaps.join(', ')}` : ''}`;
    return { evidence: rows(sentence, counts.addresses.map(addressRow), 20), data: { failures: counts.failures, distinct: counts.distinct } };
  },
});

const checkTargetedAccounts = diagnostic({
  title: 'Check Targeted Accounts',
  command: () => 'grep "failed_authentication" storage/logs/security* of the last hour | jq -r ".context.email" | sort | uniq -c | sort -rn | head -20',
  timeout: { minutes: 2, because: 'an hour of large logs' },
  async find(_, scene): Promise<Finding> {
    const { accounts, gaps } = await countEverywhere(scene);
    const lines = accounts.map(({ email, failures }) => `${String(failures).padStart(6)}  ${shown(email)}`);
    const sentence = `${accounts.length} accounts with ${stillAttackedFrom} or more failed logins in the last hour${gaps.length > 0 ? `; ${gaps.join(', ')}` : ''}`;
    return { evidence: rows(sentence, lines, 20), data: { accounts: accounts.length } };
  },
});

const blockAttackingIps = step({
  title: 'Block Attacking IPs',
  acts: [
    blockAct('Block certain attackers', 'sure', {
      approval: 'at once', // the text says "immediately"; whoever may be somebody else too waits for a person below
      says: `over ${attackOver} failed logins in an hour, none that succeeded, ${manyAccounts} accounts or more tried, and the client in the web server's own access log; nobody of the allow-list, and at most ${blocksAtMost} a run`,
    }),
    act({
      name: 'Preserve the security logs',
      risk: 'safe',
      command: () => 'cp storage/logs/security* <archive>/evidence/<incident>/; sha256sum; hold both',
      when: {
        says: 'not done in this run yet; the archive is off the volume and has room',
        holds: async (_, scene) => (factsOf(scene).preserved ? { holds: false, why: 'they are preserved' } : { holds: true, why: 'they are evidence' }),
      },
      touches: ({ hosts }) => hosts.map((host) => `archive@${host}`),
      settle: 'none',
      timeout: { minutes: 20, because: 'large logs, copied to another volume' },
      async do(_, scene, onHost) {
        const { place, alert, times, incidentId } = scene;
        // What led to the alert, and the hour that is counted.
        const since = alert.acceptedAt - 2 * hourOf(times);
        const result = await onEveryHost(place, onHost, (on, there) => on.preserveLogs({ place: there, channel: 'security', since, incident: incidentId }));
        scene.facts['preserved'] = result.outcome === 'done';
        return result;
      },
    }),
    blockAct('Block suspicious addresses', 'unsure', {
      approval: 'ask',
      says: `over ${attackOver} failed logins in an hour, but something speaks against it; a person decides`,
    }),
  ],
});

const rateLimitAuthentication = step({
  title: 'Rate Limit Authentication',
  acts: [
    act({
      name: 'Verify throttle:auth',
      risk: 'observe',
      command: () => 'grep "throttle:auth" routes/api.php',
      touches: () => [],
      timeout: { minutes: 1, because: 'one file' },
      do: (on, { place }) => on.checkAuthThrottle({ place }),
    }),
    lowerAuthRateLimit,
  ],
});

const notifyTargetedUsers = step({
  title: 'Notify Targeted Users',
  acts: [
    act({
      name: 'Mail the owners of targeted accounts',
      risk: 'destructive', // mail can't be unsent
      onceAnIncident: true,
      command: () => "php artisan tinker: Mail::to(User::where('email', <targeted>)->first())->send(new SecurityAlertMail()), each once; emails travel as data",
      when: {
        says: `accounts with ${stillAttackedFrom} or more failed logins in the last hour, ${noticesAtMost} at most`,
        async holds(_, scene) {
          const facts = factsOf(scene);
          // Whoever was approved is told, and nobody else.
          facts.targets ??= (await countEverywhere(scene)).accounts.slice(0, noticesAtMost).map(({ email }) => email);
          return { holds: facts.targets.length > 0, why: rows(`${facts.targets.length} accounts`, facts.targets.map(shown), 50) };
        },
      },
      touches: ({ environment }) => [`mail@${environment}`],
      settle: 'none',
      timeout: { minutes: 15, because: 'PHP starts once for each of 50 accounts, and its mail server may be slow' },
      do: (on, scene) => on.notifyUsers({ place: scene.place, emails: factsOf(scene).targets ?? [], incident: scene.incidentId }),
    }),
  ],
  byHand: 'if the run did not, tell the owners of the accounts that were tried',
});

const enableAccountLockouts = step({
  title: 'Enable Account Lockouts',
  acts: [
    act({
      name: 'Check for account lockouts',
      risk: 'observe',
      command: () => 'grep -riE "lockout|locked_until|tooManyLoginAttempts" app config routes',
      touches: () => [],
      timeout: { minutes: 2, because: 'some thousand files of code' },
      do: (on, { place }) => on.checkAccountLockout({ place }),
    }),
  ],
  byHand: 'if the run found no account lockout: lock an account for 30 minutes after 5 failed logins',
});

const monitorOngoingAttack = step({
  title: 'Monitor Ongoing Attack',
  acts: [
    act({
      name: 'Watch for new attackers',
      risk: 'observe',
      // The text follows the log with `tail -f`. One activity looks again and again, until there is somebody new or it is quiet.
      command: () => 'tail -f storage/logs/security.log | grep "failed_authentication"',
      touches: () => [],
      timeout: { minutes: 40, because: 'it looks for half an hour; each look has its own limit' },
      async do(_, scene) {
        const { place, times, lastActAt } = scene;
        const found = factsOf(scene);
        found.passed = [...new Set([...(found.passed ?? []), ...(found.tried ?? []), ...Object.values(found.wanted ?? {}).flat()])];
        found.wanted = {}; // the first step begins anew after this
        const watch = { hour: hourOf(times), quiet: quietOf(times), since: lastActAt, every: times.sampleEvery, until: Date.now() + 2 * quietOf(times), known: found.passed };
        const seen = await Promise.all(place.hosts.map((host) => waiting(host, 'Watch for new attackers', 3 * quietOf(times) + 5 * 60_000).watchLogins({ place: from(place, host), ...watch })));
        return { outcome: 'done', evidence: seen.map(({ evidence }) => evidence).join('\n') };
      },
    }),
  ],
});

/** "Brute Force Attack" of RUNBOOKS.md. */
export const bruteForceAttackProcedure: Procedure = {
  type: 'bruteForceAttack',
  title: 'Brute Force Attack',
  severity: 'High',
  target: 'environment',
  triggers: ['>10 failed login attempts from same IP within 1 hour', '>10 failed attempts for same email within 1 hour', 'Multiple suspicious IPs detected'],
  impact: ['Potential account compromise', 'Service degradation from attack traffic', 'Reputation damage'],
  prevention: ['Implement CAPTCHA after 3 failed attempts', 'Use rate limiting at multiple layers', 'Implement IP-based geofencing', 'Enable MFA for all accounts', 'Use Web Application Firewall (WAF)'],
  ladder: {
    besides: ['Security Team'],
    told: ['Infrastructure Team'],
    levels: [{ afterMinutes: 30, role: 'Engineering Manager' }],
  },
  diagnose: [checkSecurityMetrics, reviewSuspiciousIps, analyzeAttackPattern, checkTargetedAccounts],
  resolve: [blockAttackingIps, rateLimitAuthentication, notifyTargetedUsers, enableAccountLockouts, monitorOngoingAttack],
  recovered: attackIsOver,
};

/** Brute Force Attack: docs/runbooks.md#brute-force-attack. */
export async function bruteForceAttack(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...bruteForceAttackProcedure.diagnose);
  // Whoever turns up while we watch goes through the first step too.
  await run.resolveUntil(attackIsOver, [...bruteForceAttackProcedure.resolve, blockAttackingIps]);
  await run.end();
}
