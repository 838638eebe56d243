import type { ActResult, Finding, SampleWindow, Verdict } from '../domain/step.js';
import type { RunInput } from '../domain/messages.js';
import { addressRow, attackOver, blocksAtMost, judged, type LoginCounts, manyAccounts, mergeCounts, noticesAtMost, stillAttackedFrom } from '../domain/login-attack.js';
import type { Place } from '../domain/place.js';
import type { Times } from '../domain/times.js';
import { reading, waiting } from './calling.js';
import { control } from './conduct.js';
import { from, readOnHosts } from './on-hosts.js';
import { phpOnAllHosts } from './restart.js';
import { openRun } from './run.js';
import { act, type Act, diagnostic, type On, type Procedure, type Proof, type Scene, step } from './step.js';

const hourOf = ({ minute }: Times): number => 60 * minute;
/** "For 15 min since the last block". */
const quietOf = ({ minute }: Times): number => 15 * minute;
const firewalls = ({ hosts }: Place): string[] => hosts.map((host) => `firewall@${host}`);
const limit = '5';

/** What one act measures and a later one needs. */
interface Facts {
  /** Start of the run, as the first proof sees it. */
  began?: number;
  /** Addresses that an act is about to block, or has asked about, by its name. */
  wanted?: Record<string, string[]>;
  /** All that this run has tried to block. */
  tried?: string[];
  /** Those that an earlier round blocked or asked about. */
  passed?: string[];
  /** RATE_LIMIT_AUTH as it stands in `.env`, by host. */
  rateLimits?: Record<string, string | null>;
  targets?: string[];
  preserved?: boolean;
}

const factsOf = ({ facts }: Pick<Scene, 'facts'>): Facts => facts;

/** Attackers come through a load balancer as everybody does: the logs of all hosts count together. */
async function countEverywhere({ place, times }: Scene): Promise<LoginCounts> {
  return mergeCounts(await readOnHosts(place, 'Count failed logins', (on, there) => on.countLogins({ place: there, hour: hourOf(times) })));
}

function rows(sentence: string, lines: string[], most: number): string {
  return [sentence, ...lines.slice(0, most), ...(lines.length > most ? [`… and ${lines.length - most} more`] : [])].join('\n').slice(0, 2_000);
}

function period({ first, last }: LoginCounts): string {
  return first === undefined || last === undefined ? '' : `, from ${new Date(first).toISOString()} to ${new Date(last).toISOString()}`;
}

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

/** An email is an attacker's text: one line, without what moves a cursor. */
function shown(email: string): string {
  return email.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�').slice(0, 100);
}

/** Blocks addresses at every host; `which` are those that RUNBOOK-SPEC blocks at once, or all others over the threshold. */
function blockAct(name: string, which: 'sure' | 'unsure', more: Pick<Act, 'approval'> & { says: string }): Act {
  const wantedOf = (scene: Scene): string[] => factsOf(scene).wanted?.[name] ?? [];
  return act({
    name,
    risk: 'destructive',
    approval: more.approval,
    command: ({ hosts }) => `sudo ufw prepend deny proto tcp from <address> to any port 80,443, on ${hosts.join(', ')}; or deny <address>; in nginx, nginx -t, and a reload`,
    when: {
      says: more.says,
      async holds(_, scene) {
        const facts = factsOf(scene);
        const counts = await countEverywhere(scene);
        const { sure, unsure, spared } = judged(counts);
        const room = blocksAtMost - (facts.tried?.length ?? 0);
        const asked = which === 'unsure' ? facts.wanted?.[name] : undefined;
        // What a person has approved is blocked and nothing else, if it still stands.
        const chosen = asked ? [...sure, ...unsure].filter(({ address }) => asked.includes(address)) : which === 'sure' ? sure : unsure;
        const wanted = chosen.filter(({ address }) => !facts.tried?.includes(address) && !facts.passed?.includes(address));
        const now = wanted.slice(0, room);
        facts.wanted = { ...facts.wanted, [name]: now.map(({ address }) => address) };
        const left = [...(wanted.length > room ? [`${wanted.length - room} more, beyond ${blocksAtMost} a run`] : []), ...spared.map(addressRow)];
        return { holds: now.length > 0, why: rows(`${now.length} addresses, with over ${attackOver} failed logins in the last hour`, [...now.map(addressRow), ...left], 60) };
      },
    },
    touches: firewalls,
    ifWorkerDies: 'check',
    async look(_, scene) {
      const found = await readOnHosts(scene.place, 'Blocks', (on, there) => on.lookAtBlocks({ place: there }));
      const isThere = wantedOf(scene).every((address) => found.every(({ inForce }) => inForce.includes(address)));
      return isThere ? { outcome: 'done', evidence: `in force: ${wantedOf(scene).join(', ')}` } : undefined;
    },
    undo: {
      says: 'lifted by itself after 1 h, from the second time on after 24 h; a person may lift it before',
      async entry(_, scene) {
        const addresses = wantedOf(scene);
        return scene.place.hosts.map((host) => ({
          kind: 'owned' as const,
          title: `Lift the blocks of ${addresses.length > 3 ? `${addresses.length} addresses` : addresses.join(', ')} at ${host}`,
          host,
          activity: 'liftBlocks',
          argument: { host, addresses },
          touches: [`firewall@${host}`],
        }));
      },
    },
    timeout: { minutes: 6, because: '50 rules, each read back' },
    async do(_, scene, onHost) {
      const { place, times, incidentId, run } = scene;
      const facts = factsOf(scene);
      const addresses = wantedOf(scene);
      if (addresses.length === 0) return { outcome: 'refused', evidence: 'nobody to block' };
      facts.tried = [...new Set([...(facts.tried ?? []), ...addresses])];
      // Who lifts a block is there before the block: one that nobody lifts would stay for ever.
      await control.keepBlocks({ hosts: place.hosts, addresses, request: { id: `${incidentId}/${run}`, hour: hourOf(times) } });
      return onEveryHost(place, onHost, (on, there) => on.blockAddresses({ place: there, addresses, incident: incidentId }));
    },
  });
}

/** On all hosts, whatever one of them says: an open door beside a closed one helps nobody. */
async function onEveryHost(place: Place, onHost: (host: string) => On, doing: (on: On, there: Place) => Promise<ActResult>): Promise<ActResult> {
  const lines: string[] = [];
  const outcomes: ActResult['outcome'][] = [];
  for (const host of place.hosts) {
    const { outcome, evidence } = await doing(onHost(host), from(place, host));
    outcomes.push(outcome);
    lines.push(place.hosts.length === 1 ? evidence : `${host}: ${evidence}`);
  }
  const outcome = outcomes.includes('failed') ? 'failed' : outcomes.includes('done') ? 'done' : 'refused';
  return { outcome, evidence: lines.join('\n') };
}

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
    act({
      name: 'Lower RATE_LIMIT_AUTH',
      risk: 'disruptive',
      command: ({ hosts }) => `RATE_LIMIT_AUTH=${limit} in .env on ${hosts.join(', then ')}; config:cache if there was one, a reload, queue:restart`,
      when: {
        says: `the application runs with a higher limit than ${limit}`,
        async holds(_, scene) {
          const read = await readRateLimits(scene);
          const higher = read.filter(({ running }) => Number(running) > Number(limit));
          factsOf(scene).rateLimits ??= Object.fromEntries(read.map(({ host, raw }) => [host, raw]));
          return { holds: higher.length === read.length, why: read.map(({ host, running, because }) => `${host}: ${running ?? because ?? 'the application has no such setting'}`).join(', ') };
        },
      },
      touches: (place) => [`env:${place.environment}`, ...place.hosts.map((host) => `file:.env@${host}`), ...phpOnAllHosts(place)],
      async look(_, scene) {
        const read = await readRateLimits(scene);
        return read.every(({ running }) => running === limit) ? { outcome: 'done', evidence: `RATE_LIMIT_AUTH is ${limit}` } : undefined;
      },
      undo: {
        says: 'writes RATE_LIMIT_AUTH back by itself, if it is still ours',
        async entry(_, scene) {
          const { rateLimits = {} } = factsOf(scene);
          return Object.entries(rateLimits).map(([host, old]) => ({
            kind: 'automatic' as const,
            title: old === null ? `Take RATE_LIMIT_AUTH out of .env at ${host}` : `Write RATE_LIMIT_AUTH=${old} back at ${host}`,
            host,
            activity: 'restoreEnv',
            argument: { place: from(scene.place, host), key: 'RATE_LIMIT_AUTH', ours: limit, old },
            touches: [`env:${scene.place.environment}`, `file:.env@${host}`, `service:php@${host}`],
          }));
        },
      },
      timeout: { minutes: 5, because: 'a reload finishes the requests it has, and the value is read back' },
      async do(_, { place }, onHost) {
        const lines: string[] = [];
        for (const host of place.hosts) {
          // One after another: each answers its health check again before the next is reloaded.
          const { outcome, evidence } = await onHost(host).setEnv({ place: from(place, host), key: 'RATE_LIMIT_AUTH', value: limit });
          lines.push(`${host}: ${evidence}`);
          if (outcome !== 'done') return { outcome, evidence: lines.join('\n') };
        }
        return { outcome: 'done', evidence: lines.join('\n') };
      },
    }),
  ],
});

async function readRateLimits({ place }: Scene): Promise<{ host: string; raw: string | null; running?: string | null; because?: string }[]> {
  return readOnHosts(place, 'RATE_LIMIT_AUTH', async (on, there) => ({ host: there.host, ...(await on.readEnv({ place: there, key: 'RATE_LIMIT_AUTH' })) }));
}

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
      async do(_, { place, times, facts, lastActAt }) {
        const found = facts as Facts;
        found.passed = [...new Set([...(found.passed ?? []), ...(found.tried ?? []), ...Object.values(found.wanted ?? {}).flat()])];
        found.wanted = {}; // the first step begins anew after this
        const watch = { hour: hourOf(times), quiet: quietOf(times), since: lastActAt, every: times.sampleEvery, until: Date.now() + 2 * quietOf(times), known: found.passed };
        const seen = await Promise.all(place.hosts.map((host) => waiting(host, 'Watch for new attackers', 3 * quietOf(times) + 5 * 60_000).watchLogins({ place: from(place, host), ...watch })));
        return { outcome: 'done', evidence: seen.map(({ evidence }) => evidence).join('\n') };
      },
    }),
  ],
});

const recovered: Proof = {
  says: `for 15 min since the last block and act, no address outside the allow-list and no account has ${stillAttackedFrom} failed logins, and every block is read back`,
  async check(_, scene, window) {
    const facts = factsOf(scene);
    facts.began ??= window.since;
    const lookBack = window.since === facts.began;
    // A question without a wait: after an answer, and before the act.
    if (window.notBefore === 0) return proveEverywhere(scene, window, { lookBack, soFar: false });
    if (lookBack) return proveEverywhere(scene, window, { lookBack, soFar: false });
    // An attack that goes on need not be watched for a quarter of an hour first.
    const soFar = await proveEverywhere(scene, { ...window, samples: 1, every: 0 }, { lookBack, soFar: true });
    if (soFar.kind !== 'recovered') return soFar;
    const notBefore = Math.max(window.notBefore, window.since + quietOf(scene.times) + 1_000);
    return proveEverywhere(scene, { ...window, notBefore }, { lookBack, soFar: false });
  },
};

/** On all hosts; the worst of their verdicts counts. */
async function proveEverywhere({ place, times }: Scene, window: SampleWindow, how: { lookBack: boolean; soFar: boolean }): Promise<Verdict> {
  const within = Math.max(0, window.notBefore - Date.now()) + window.samples * window.every + 10 * 60_000;
  const ask = (host: string): On => (window.notBefore === 0 ? reading(host, 'Recovered by now?', 2) : waiting(host, how.soFar ? 'Quiet so far?' : 'Quiet for 15 min?', within));
  const verdicts = await Promise.all(place.hosts.map((host) => ask(host).proveNoAttack({ place: from(place, host), quiet: quietOf(times), ...how, window })));
  const worst = verdicts.find(({ kind }) => kind === 'not recovered') ?? verdicts.find(({ kind }) => kind === 'unknown') ?? verdicts[0];
  return worst ?? { kind: 'unknown', evidence: 'there is no host' };
}

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
  recovered,
};

/** Brute Force Attack: docs/runbooks.md#brute-force-attack. */
export async function bruteForceAttack(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...bruteForceAttackProcedure.diagnose);
  // Whoever turns up while we watch goes through the first step too.
  await run.resolveUntil(recovered, [...bruteForceAttackProcedure.resolve, blockAttackingIps]);
  await run.end();
}
