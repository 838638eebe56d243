import { execa } from 'execa';
import { appCode } from '../authos/app-code.js';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';
import { commitFiles, git, initRepository } from './repository.js';
import { keepRequesting, request } from './traffic.js';

const migration = '2026_01_27_120000_rename_organization_id_to_tenant_id';
const path = '/api/v1/organizations';

/** Renames a column, so that neither the code before nor the code after works with the other's tables. */
const migrationFile = `<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\DB;

return new class extends Migration
{
    public function up(): void
    {
        DB::statement('alter table users rename column organization_id to tenant_id');
    }

    public function down(): void
    {
        DB::statement('alter table users rename column tenant_id to organization_id');
    }
};
`;

/**
 * Three commits deployed at once, one of them a merge, with a migration; the query has a typing error, so every request for
 * organisations fails from then on. Only the whole way back helps: migration, code, restart.
 */
export function badDeployment({ users = 5 }: { users?: number } = {}): Fault {
  return {
    name: 'bad-deployment',
    runbook: 'highErrorRate',
    title: 'A deployment with a migration broke an endpoint',
    async put(authos) {
      await authos.sql("insert into users (name, email, password, organization_id) select 'User ' || n, 'user' || n || '@authos.test', 'x', n % 7 from generate_series(1, 70) n");
      await initRepository(authos);
      await deploy(authos);
      if ((await request(authos, path)) !== 500) throw new Error(`${path} still works after the bad deployment`);
      // More than 10 errors in the minute of a drill, which is 1.5 s.
      keepRequesting(authos, path, { users, perSecond: 6 });
    },
    async alert(authos) {
      const { error } = await authos.counters.errors();
      return alertmanagerPayload({
        labels: { alertname: 'HighErrorRate', severity: 'high', environment: authos.environment, job: 'authos' },
        annotations: { summary: `High error rate in ${authos.environment}`, description: `More than 10 errors a minute; ${error} errors today.` },
        startsAt: new Date(),
      });
    },
    over: examine,
    answers: (act) => (act === 'Roll back the deployment' ? { approve: true, reason: '' } : { approve: false, reason: `"${act}" does not make the code right` }),
  };
}

async function deploy(authos: Authos): Promise<void> {
  const query = appCode['app/Queries/organizations.sql'] ?? '';
  await git(authos, 'switch', '--quiet', '--create', 'tenants');
  await commitFiles(authos, 'Rename organisations to tenants', { [`database/migrations/${migration}.php`]: migrationFile });
  await git(authos, 'switch', '--quiet', 'main');
  await git(authos, 'merge', '--quiet', '--no-ff', '--message', 'Merge branch tenants', 'tenants');
  await commitFiles(authos, 'Query tenants; drop the old docs', {
    'app/Queries/organizations.sql': query.replaceAll('organization_id', 'tennant_id'),
    'app/Models/Tenant.php': '<?php\n\nnamespace App\\Models;\n\nclass Tenant extends Model\n{\n}\n',
  });
  // One deployment is one move of HEAD: the host was on the release, then on what was pulled.
  const [old, now] = [await git(authos, 'rev-parse', 'deployed'), await git(authos, 'rev-parse', 'HEAD')];
  await git(authos, 'reset', '--quiet', '--hard', old);
  await git(authos, 'merge', '--quiet', '--ff-only', now);
  await run(authos, 'herd', 'php', 'artisan', 'migrate', '--force');
  await run(authos, 'composer', 'install', '--no-dev', '--no-interaction');
  await run(authos, 'herd', 'restart');
}

async function run(authos: Authos, command: string, ...args: string[]): Promise<void> {
  const asUser = process.getuid?.() === 0 ? { uid: authos.user.uid, gid: authos.user.gid } : {};
  await execa(command, args, { cwd: authos.root, env: { PATH: authos.env()['PATH'] ?? '' }, extendEnv: false, stdin: 'ignore', ...asUser });
}

async function examine(authos: Authos): Promise<{ over: boolean; evidence: string }> {
  const status = await request(authos, path);
  const [column] = await authos.sql("select 1 from information_schema.columns where table_name = 'users' and column_name = 'organization_id'");
  const [kept] = await authos.sql<{ users: number }>("select count(*)::int as users from users where email like 'user%@authos.test'");
  const ran = await authos.sql('select 1 from migrations where migration = $1', [migration]);
  const tree = (await git(authos, 'rev-parse', 'HEAD^{tree}')) === (await git(authos, 'rev-parse', 'deployed^{tree}'));
  const commits = await git(authos, 'rev-list', '--count', 'deployed..HEAD');
  const evidence = [
    `${path} answers ${status}`,
    column ? 'the column has its old name' : 'the column is still renamed',
    ran.length === 0 ? 'the migration is rolled back' : 'the migration is still there',
    tree ? `the code is that of the release, ${commits} commits later` : 'the code is not that of the release',
    `${kept?.users ?? 0} of 70 users are there`,
  ].join('; ');
  return { over: status === 200 && column !== undefined && ran.length === 0 && tree && kept?.users === 70, evidence };
}
