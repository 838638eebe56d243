import type { RunInput } from '../domain/messages.js';
import type { Place } from '../domain/place.js';
import { regenerateOauthKeys, somewhere } from './oauth-keys.js';
import { actOnHosts, readOnHosts } from './on-hosts.js';
import { phpOnAllHosts, restartApplicationAct } from './restart.js';
import { openRun } from './run.js';
import { act, diagnostic, type Procedure, type Proof, step } from './step.js';

const tables = ({ database, environment }: Place): string[] => [`table:oauth@${database ?? environment}`];
const keyFiles = ({ hosts }: Place): string[] => hosts.map((host) => `file:oauth-keys@${host}`);

const checkOauthHealth = diagnostic({
  title: 'Check OAuth Health',
  command: () => 'curl <authos>/api/health/oauth',
  timeout: { minutes: 1, because: 'one request with its own time limit' },
  find: (on, { place }) => on.checkHealth({ place, component: 'oauth' }),
});

const verifyOauthKeys = diagnostic({
  title: 'Verify OAuth Keys',
  command: () => 'ls -la storage/oauth-*.key; which of them pair; whether the environment holds them',
  timeout: { minutes: 2, because: 'two files and one start of PHP, on each host' },
  async find(_, { place }) {
    const found = await readOnHosts(place, 'Verify OAuth Keys', (on, there) => on.checkOauthKeys({ place: there }));
    return { evidence: found.map(({ evidence }) => evidence).join('\n'), data: found.map(({ data }) => data) };
  },
});

const checkOauthClients = diagnostic({
  title: 'Check OAuth Clients',
  // `passport:client`, as the text has it, would create one.
  command: () => 'select name, revoked from oauth_clients',
  timeout: { minutes: 1, because: 'one query with its own time limit' },
  find: (on, { place }) => on.checkOauthClients({ place }),
});

const testTokenGeneration = diagnostic({
  title: 'Test Token Generation',
  risk: 'safe', // it writes a row, of a token that is revoked at once
  command: () => 'php artisan tinker: User::where("email", <test user>)->first()->createToken("responder-probe"), then revoke it',
  timeout: { minutes: 2, because: 'one start of PHP' },
  find: (on, { place }) => on.testTokenGeneration({ place }),
});

const reinstallPassport = step({
  title: 'Reinstall Passport',
  risk: 'destructive',
  command: () => 'php artisan passport:install (after a backup of keys and tables; with --force, which makes new keys, only if the private key is no key)',
  when: { says: 'keys or tables of OAuth are corrupt', holds: (on, { place }) => on.oauthIsCorrupt({ place }) },
  touches: (place) => [...tables(place), ...keyFiles(place)],
  timeout: { minutes: 10, because: 'a backup of all tokens, then migrations' },
  do: (on, { place }) => on.reinstallPassport({ place }),
});

const checkFilePermissions = step({
  title: 'Check File Permissions',
  risk: 'safe',
  command: ({ hosts }) => `chmod 600 storage/oauth-*.key; chown <application> storage/oauth-*.key, where they are wrong, on ${hosts.join(', ')}`,
  when: { says: 'owner, group or mode of a key is wrong' },
  touches: keyFiles,
  timeout: { minutes: 2, because: 'two files and one start of PHP' },
  do: (_, { place }, onHost) => actOnHosts(place.hosts, place, onHost, (on, there) => on.fixKeyPermissions({ place: there })),
});

const clearOauthCache = step({
  title: 'Clear OAuth Cache',
  acts: [
    act({
      name: 'Forget passport:*',
      risk: 'safe',
      // The text's command: Laravel's cache takes no wildcard, so it clears nothing, and the evidence says so.
      command: () => "php artisan cache:forget 'passport:*'",
      touches: ({ environment }) => [`env:${environment}`],
      settle: 'none',
      timeout: { minutes: 2, because: 'one start of PHP' },
      do: (on, { place }) => on.forgetPassportCache({ place }),
    }),
    {
      ...restartApplicationAct({
        when: {
          says: 'our own probes say that OAuth does not work, its keys are in order, and the database is not down',
          async holds(on, { place }) {
            // A restart cures what a process keeps in memory; it makes no key.
            const bad = await somewhere(place, ({ private: one, public: other, pair }) => one !== 'valid' || other !== 'valid' || pair === 'not a pair');
            if (bad) return { holds: false, why: `keys are not in order: ${bad}` };
            // Nor does it help a database, which has a runbook of its own.
            const { data: database } = await on.checkHealth({ place, component: 'database' });
            if (database.status === 'unhealthy' || database.status === 'critical') return { holds: false, why: `the database is ${database.status}: ${database.message}` };
            const { works, why } = await on.oauthWorks({ place });
            return { holds: works === 'no', why };
          },
        },
      }),
      isDown: (on, { place }) => on.tokensAreDown({ place }),
      touches: (place) => [`env:${place.environment}`, ...phpOnAllHosts(place)],
    },
  ],
});

const verifyDatabaseTables = step({
  title: 'Verify Database Tables',
  risk: 'observe',
  command: () => 'select count(*) from oauth_clients, oauth_personal_access_clients and the other tables of OAuth that this Passport has',
  touches: () => [],
  timeout: { minutes: 2, because: 'counting a large table' },
  do: (on, { place }) => on.verifyOauthTables({ place }),
});

/** Holds for all samples. Every sample makes a token and has it revoked, unless nothing may be changed. */
const recovered: Proof = {
  says: 'the health check of OAuth is healthy, a token of our own can be made, and the keys are not two that do not pair',
  check: (on, { place, mode }, window) => on.proveOauth({ place, window, mayTest: mode === 'automatic' }),
};

/** "OAuth System Failure" of RUNBOOKS.md: what it says around its steps, and the steps. */
export const oauthSystemFailureProcedure: Procedure = {
  type: 'oauthSystemFailure',
  title: 'OAuth System Failure',
  severity: 'Critical',
  target: 'environment',
  triggers: ['OAuth health check returns "unhealthy"', 'Missing OAuth keys', 'Token generation failures'],
  impact: ['No new logins possible', 'API authentication failures', 'Third-party integration failures'],
  prevention: ['Backup OAuth keys regularly', 'Include keys in deployment checklist', 'Monitor OAuth metrics', 'Set up key rotation schedule'],
  ladder: {
    besides: [],
    told: [],
    levels: [
      { afterMinutes: 15, role: 'Security Engineer' },
      { afterMinutes: 30, role: 'CTO' },
    ],
  },
  diagnose: [checkOauthHealth, verifyOauthKeys, checkOauthClients, testTokenGeneration],
  resolve: [regenerateOauthKeys, reinstallPassport, checkFilePermissions, clearOauthCache, verifyDatabaseTables],
  recovered,
};

/** OAuth System Failure: docs/runbooks.md#oauth-system-failure. */
export async function oauthSystemFailure(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(...oauthSystemFailureProcedure.diagnose);
  await run.resolveUntil(recovered, oauthSystemFailureProcedure.resolve);
  await run.end();
}
