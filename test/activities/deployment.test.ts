import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Authos } from '../../sandbox/authos/authos.js';
import { commitFiles, git, initRepository } from '../../sandbox/faults/repository.js';
import { deploymentActivities, type RollbackPlan } from '../../src/activities/deployment.js';
import { lastDeployment } from '../../src/activities/deployment-history.js';
import { errorPatternActivities } from '../../src/activities/error-pattern.js';
import { phpActivities } from '../../src/activities/php-settings.js';
import { createScrub } from '../../src/activities/scrub.js';
import { localShell } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';
import { artisan, sandbox } from '../sandbox/authos/world.js';
import { silentApi } from './authos-volume.js';
import { line } from './log-world.js';
import { inActivity, placeOn } from './support.js';

const migration = '2026_01_27_120000_add_nickname';
const later = '2026_01_28_120000_add_motto';
let authos: Authos;
let end: () => Promise<void>;

beforeAll(async () => {
  ({ authos, end } = await sandbox());
  await initRepository(authos);
});
afterAll(() => end?.());
beforeEach(async () => {
  await git(authos, 'reset', '--quiet', '--hard', 'deployed');
  await authos.sql('alter table users drop column if exists nickname, drop column if exists motto');
  await authos.sql('delete from migrations where migration in ($1, $2)', [migration, later]);
});

const scrub = createScrub([]);
function world(changes: Partial<Host> = {}) {
  const host: Host = { ...authos.inventory().host, previousDeployment: 'deployed', ...changes };
  const shellOf = () => localShell({ records: host.records, scrub, path: `${authos.inventory().path}${delimiter}${process.env['PATH'] ?? ''}` });
  const { previousDeployment: _, ...withoutTag } = host;
  const at = { host: changes.previousDeployment === undefined && 'previousDeployment' in changes ? withoutTag : host, shell: shellOf() };
  const place = placeOn(at.host);
  const parts = { hosts: [at.host], shellOf, scrub };
  const deployment = deploymentActivities(parts);
  return {
    at,
    place,
    deployment,
    php: phpActivities(parts),
    condition: () => inActivity(() => deployment.deploymentToRollBack({ place })),
    last: () => inActivity(() => lastDeployment(at)),
    pattern: () => inActivity(() => errorPatternActivities({ ...parts, apiOf: () => silentApi }).identifyErrorPattern({ place })),
    rollBack: async (plan: RollbackPlan) => ({
      migrations: await inActivity(() => deployment.rollBackMigrations({ place, plan })),
      revert: await inActivity(() => deployment.revertDeployment({ place, plan })),
    }),
  };
}

const adding = (column: string): string => `<?php
return new class extends Migration
{
    public function up(): void
    {
        DB::statement('alter table users add column ${column} text');
    }

    public function down(): void
    {
        DB::statement('alter table users drop column ${column}');
    }
};
`;

/** A branch with a migration, merged, and a commit on top that deletes a file; migrated. */
async function deploy(): Promise<void> {
  await git(authos, 'switch', '--quiet', '--force-create', 'feature', 'deployed');
  await commitFiles(authos, 'Add nicknames', { [`database/migrations/${migration}.php`]: adding('nickname') });
  await git(authos, 'switch', '--quiet', 'main');
  await git(authos, 'merge', '--quiet', '--no-ff', '--message', 'Merge nicknames', 'feature');
  await commitFiles(authos, 'Tidy up $(reboot) "quoted"', { 'app/Models/User.php': null, "app/a 'b' \n-x.php": '<?php\n' });
  expect((await artisan(authos, 'migrate', '--force')).exitCode).toBe(0);
}

const head = () => git(authos, 'rev-parse', 'HEAD');
const columns = async (): Promise<string[]> => (await authos.sql<{ name: string }>("select column_name as name from information_schema.columns where table_name = 'users'")).map(({ name }) => name);
async function planned(): Promise<RollbackPlan> {
  const { plan, why } = await world().condition();
  if (!plan) throw new Error(why);
  return plan;
}

describe('the rollback of a deployment', () => {
  it('shows commits, files and migrations before anybody approves it', async () => {
    await deploy();
    const { holds, why, plan } = await world().condition();
    expect(holds).toBe(true);
    expect(plan).toEqual({ head: await head(), previous: await git(authos, 'rev-parse', 'deployed'), migrations: [migration] });
    expect(why).toMatch(/2 commits:\n\w{12} Tidy up \$\(reboot\) "quoted"\n\w{12} \(merge\) Merge nicknames\n3 files: /);
    expect(why).toContain("app/a 'b' \\x0a-x.php");
    expect(why).toContain(`rolled back first: ${migration}`);
  });

  it('takes migrations back first, then every commit, merges too, and a repeat changes nothing', async () => {
    await deploy();
    const hook = join(authos.root, '.git/hooks/post-commit');
    await writeFile(hook, `#!/bin/sh\ntouch ${join(authos.root, 'hook-ran')}\n`, { mode: 0o755 });
    const plan = await planned();
    const { migrations, revert } = await world().rollBack(plan);
    expect(migrations).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('6 ran before, 5 after') });
    expect(revert).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('2 commits reverted') });
    expect(await columns()).not.toContain('nickname');
    expect(await git(authos, 'rev-parse', 'HEAD^{tree}')).toBe(await git(authos, 'rev-parse', 'deployed^{tree}'));
    expect(await git(authos, 'rev-list', '--count', '--first-parent', 'deployed..HEAD')).toBe('4');
    expect((await stat(join(authos.root, 'app/Models/User.php'))).uid).toBe(authos.user.uid);
    await expect(stat(join(authos.root, 'hook-ran'))).rejects.toThrow('ENOENT');
    const after = await head();
    const again = await world().rollBack(plan);
    expect(again.migrations.outcome).toBe('refused');
    expect(again.revert).toMatchObject({ outcome: 'refused', evidence: expect.stringContaining('is deployed on app-1, not') });
    expect(await head()).toBe(after);
    await rm(hook);
  });

  it.each([
    ['an edit that was not committed', () => writeFile(join(authos.root, 'composer.json'), '{}'), /has changes: .*composer\.json/],
    ['a file where a deleted one comes back', () => writeFile(join(authos.root, 'app/Models/User.php'), 'mine'), /app\/Models\/User\.php was deleted by the deployment/],
  ])('with %s is refused and leaves all as it was', async (_, spoil, why) => {
    await deploy();
    const [plan, before] = [await planned(), await head()];
    await spoil();
    expect(await world().condition()).toMatchObject({ holds: false, why: expect.stringMatching(why) });
    const { deployment, place } = world();
    expect(await inActivity(() => deployment.readyToRevert({ place, plan }))).toMatchObject({ holds: false, why: expect.stringMatching(why) });
    expect(await inActivity(() => deployment.revertDeployment({ place, plan }))).toMatchObject({ outcome: 'refused' });
    expect(await head()).toBe(before);
    expect(await columns()).toContain('nickname');
  });

  it('that git gives up in the middle goes back to where it began', async () => {
    await deploy();
    const [plan, before] = [await planned(), await head()];
    // Whoever commits meanwhile holds the lock of the branch.
    await writeFile(join(authos.root, '.git/refs/heads/main.lock'), '');
    const { deployment, place } = world();
    const result = await inActivity(() => deployment.revertDeployment({ place, plan }));
    await rm(join(authos.root, '.git/refs/heads/main.lock'));
    expect(result.outcome).not.toBe('done');
    expect(await head()).toBe(before);
  });

  it('is not offered once other migrations have run after its own', async () => {
    await deploy();
    const plan = await planned();
    await authos.sql('insert into migrations (migration, batch) values ($1, 9)', [later]);
    expect(await world().condition()).toMatchObject({ holds: false, why: expect.stringContaining(later) });
    const { deployment, place } = world();
    expect(await inActivity(() => deployment.rollBackMigrations({ place, plan }))).toMatchObject({ outcome: 'refused' });
    expect(await columns()).toContain('nickname');
  });

  it('after the revert can not take migrations back, and says so', async () => {
    await deploy();
    const plan = await planned();
    const { deployment, place } = world();
    await inActivity(() => deployment.revertDeployment({ place, plan }));
    expect(await inActivity(() => deployment.rollBackMigrations({ place, plan }))).toMatchObject({ outcome: 'failed', evidence: expect.stringContaining(`still there: ${migration}`) });
  });

  it('is not offered where nothing was deployed, the tag is unknown, or the release is on another line', async () => {
    expect(await world().condition()).toMatchObject({ holds: false, why: expect.stringContaining('nothing was deployed since') });
    await deploy();
    expect(await world({ previousDeployment: 'no-such-tag' }).condition()).toMatchObject({ holds: false, why: expect.stringContaining('git has no no-such-tag') });
    expect(await world({ previousDeployment: 'feature' }).condition()).toMatchObject({ holds: false, why: expect.stringContaining('is not on the main line') });
    expect(await world({ root: authos.folder }).condition()).toMatchObject({ holds: false, why: expect.stringContaining('is no git work tree') });
  });

  it('without a tag goes by where HEAD was before it last moved', async () => {
    await deploy();
    const now = await head();
    await git(authos, 'reset', '--quiet', '--hard', 'deployed');
    await git(authos, 'merge', '--quiet', '--ff-only', now);
    const found = await world({ previousDeployment: undefined as never }).last();
    expect(found).toMatchObject({ head: now, previous: await git(authos, 'rev-parse', 'deployed'), timeFrom: 'reflog' });
    expect('deployedAt' in found && Date.now() - found.deployedAt).toBeLessThan(60_000);
  });

  it.each([
    [{ head: 'HEAD', previous: '--exec=reboot', migrations: [] }],
    [{ head: 'a'.repeat(40), previous: 'b'.repeat(40), migrations: ['../../x'] }],
    [{ head: 'a'.repeat(40), previous: 'b'.repeat(40), migrations: ['x; reboot'] }],
  ])('refuses the plan %j', async (plan) => {
    const { deployment, place } = world();
    await expect(inActivity(() => deployment.revertDeployment({ place, plan }))).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('installs dependencies as Composer says and builds the caches again that the code before had', async () => {
    await artisan(authos, 'config:cache');
    await writeFile(join(authos.root, 'bootstrap/cache/config.php'), (await readFile(join(authos.root, 'bootstrap/cache/config.php'), 'utf8')).replace('"debug": false', '"debug": true'));
    const { deployment, place } = world();
    const result = await inActivity(() => deployment.installDependencies({ place }));
    expect(result).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('Configuration cached successfully') });
    expect(authos.config().app.debug).toBe(false);
    expect(await readFile(join(authos.root, 'vendor/composer/installed.json'), 'utf8')).not.toContain('phpunit');
    await rm(join(authos.root, 'bootstrap/cache/config.php'));
    const without = world({ composer: ['no-such-composer'] });
    expect(await inActivity(() => without.deployment.dumpAutoload({ place }))).toMatchObject({ outcome: 'failed', evidence: expect.stringMatching(/exited 12[67]: .*no-such-composer/) });
  });
});

describe('errors and the last deployment', () => {
  const at = (secondsFromNow: number): string => new Date(Date.now() + secondsFromNow * 1_000).toISOString();
  const broken = { type: 'QueryException', url: '/api/v1/users', method: 'GET' };
  const logs = async (text: string): Promise<void> => {
    await mkdir(join(authos.root, 'storage/logs'), { recursive: true });
    await writeFile(join(authos.root, 'storage/logs/laravel.log'), text);
  };

  it('are tied if the commonest error began right after it and was not there before', async () => {
    await deploy();
    await logs(line(at(-600), 'older', { ...broken, type: 'Other' }) + Array.from({ length: 5 }, () => line(at(0), 'new', broken)).join(''));
    expect((await world().pattern()).data).toMatchObject({ followsDeployment: true, why: expect.stringMatching(/^the commonest error \(QueryException on GET \/api\/v1\/users\) began \d+ s after the last deployment/) });
  });

  it('are not tied if the same error was there before', async () => {
    await deploy();
    await logs(line(at(-600), 'before', broken) + Array.from({ length: 5 }, () => line(at(0), 'after', broken)).join(''));
    expect((await world().pattern()).data).toMatchObject({ followsDeployment: false, why: expect.stringContaining('was there before') });
  });

  it('are not tied to one of more than two hours ago', async () => {
    await git(authos, 'reset', '--quiet', '--hard', 'deployed');
    const date = `${Math.floor(Date.now() / 1_000) - 7_300} +0000`;
    await git(authos, 'commit', '--quiet', '--allow-empty', '--message', 'Old', `--date=${date}`);
    for (const log of ['HEAD', 'refs/heads/main']) await rm(join(authos.root, '.git/logs', log), { force: true });
    await logs(line(at(0), 'now', broken));
    const { data } = await world().pattern();
    // Without a reflog the commit's own time counts, which is now: only a deployment that moved HEAD has an older one.
    expect(data.deployment?.timeFrom).toBe('commit');
    await writeFile(join(authos.root, '.git/logs/HEAD'), `${'0'.repeat(40)} ${await head()} Dana <d@e> ${date}\tcommit: Old\n`);
    await authos.user.own(join(authos.root, '.git/logs/HEAD'));
    expect((await world().pattern()).data).toMatchObject({ followsDeployment: false, why: expect.stringContaining('more than 2 h ago') });
  });
});

describe("PHP's settings and compiled caches", () => {
  it('are read, and what optimize:clear took away is built again, without emptying the cache', async () => {
    const { php, place } = world();
    expect(await inActivity(() => php.phpSettings({ place, prefix: 'memory_limit' }))).toMatchObject({ data: { memory_limit: '128M' } });
    await artisan(authos, 'config:cache');
    await artisan(authos, 'route:cache');
    await artisan(authos, 'tinker', '--execute', "cache()->put('kept', 'there', 600);");
    const result = await inActivity(() => php.optimizeClear({ place, memoryLimit: '512M' }));
    expect(result).toMatchObject({ outcome: 'done', evidence: expect.stringMatching(/config:cache: built again.*route:cache: built again/s) });
    expect((await artisan(authos, 'tinker', '--execute', "echo cache()->get('kept');")).stdout).toContain('there');
    expect(await inActivity(() => php.clearCompiled({ place, what: 'config' }))).toMatchObject({ outcome: 'done', evidence: expect.stringContaining('config:cache: built again') });
    await stat(join(authos.root, 'bootstrap/cache/config.php'));
  });
});
