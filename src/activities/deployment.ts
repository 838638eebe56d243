import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import { artisan, artisanOutcome } from './artisan-command.js';
import { builtCaches } from './artisan.js';
import { commitsBetween, lastDeployment } from './deployment-history.js';
import { type Git, GitRefused, gitOf, isCommit } from './git.js';
import { badInput, hostNamed } from './known-hosts.js';
import type { Condition } from './known-hosts.js';
import { migrationOf, ranMigrations } from './migrations.js';
import { outsideText } from './outside-text.js';
import type { Scrub } from './scrub.js';
import { commandsWords } from './shell.js';
import type { Shell } from './shell.js';
import { fitted, listed } from './wording.js';

/** Exactly what a rollback takes back: what the person who approves has seen. */
export interface RollbackPlan {
  /** Deployed now; the rollback is refused where it is not. */
  head: string;
  previous: string;
  /** Migrations of the deployment that the database has, in the order in which they are rolled back. */
  migrations: string[];
}

/** Whether the last deployment can be taken back, with the plan if it can. */
export interface RollbackCondition extends Condition {
  plan?: RollbackPlan;
}

interface Parts {
  hosts: readonly Host[];
  shellOf: (host: Host) => Shell;
  scrub: Scrub;
}

/** Activities that take the last deployment back. Each checks its plan again, and refuses on a host that differs. */
export function deploymentActivities({ hosts, shellOf, scrub }: Parts) {
  function at(place: Place): { host: Host; shell: Shell } {
    const host = hostNamed(hosts, place.host);
    return { host, shell: shellOf(host) };
  }

  async function withGit<T>(place: Place, use: (git: Git, host: Host) => Promise<T>, refused: (why: string) => T): Promise<T> {
    const { host, shell } = at(place);
    const git = await gitOf({ host, shell });
    if ('unknown' in git) return refused(git.unknown);
    try {
      return await use(git, host);
    } catch (error) {
      if (error instanceof GitRefused) return refused(error.message);
      throw error;
    }
  }

  return {
    /**
     * Whether the last deployment can be taken back, and exactly what that means: commits, files and migrations, for the person
     * who approves. Does not hold with a dirty tree, a previous deployment that git does not know, or migrations that others
     * have been run after. Reads only.
     */
    async deploymentToRollBack({ place }: { place: Place }): Promise<RollbackCondition> {
      const no = (why: string): RollbackCondition => ({ holds: false, why: outsideText(why, scrub, 600) });
      const deployed = await lastDeployment(at(place));
      if ('unknown' in deployed) return no(deployed.unknown);
      const { head, previous } = deployed;
      if (previous === undefined) return no(deployed.noPrevious ?? 'git does not know what was deployed before');
      return withGit(place, async (git, host) => {
        const commits = await commitsBetween(git, { previous, head });
        const changed = await changedFiles(git, { previous, head });
        const problem = await whyNotRevert(git, host, { head, previous, migrations: [] });
        if (problem !== undefined) return no(problem);
        const migrations = await migrationsToRollBack(at(place), changed.added);
        if ('unknown' in migrations) return no(migrations.unknown);
        const rows = [
          ...commits.slice(0, 8).map(({ sha, subject, parents }) => `${sha.slice(0, 12)}${parents.length > 1 ? ' (merge)' : ''} ${outsideText(subject, scrub, 100)}`),
          ...(commits.length > 8 ? [`… and ${commits.length - 8} more commits`] : []),
          `${changed.all.length} files: ${changed.all.slice(0, 12).map((path) => outsideText(path, scrub, 80)).join(', ')}${changed.all.length > 12 ? ' …' : ''}`,
          migrations.names.length === 0 ? 'no migrations' : `rolled back first: ${migrations.names.join(', ')}`,
        ];
        const since = new Date(deployed.deployedAt).toISOString();
        return {
          holds: true,
          why: listed(`deployed ${since}, back from ${head.slice(0, 12)} to ${previous.slice(0, 12)}; ${commits.length} commits:`, rows),
          plan: { head, previous, migrations: migrations.names },
        };
      }, no);
    },

    /** Whether this host can be reverted as planned: same commit, clean tree, nothing in the way. Reads only. */
    async readyToRevert({ place, plan }: { place: Place; plan: RollbackPlan }): Promise<Condition> {
      checkedPlan(plan);
      return withGit(place, async (git, host) => {
        await commitsBetween(git, plan);
        const problem = await whyNotRevert(git, host, plan);
        return { holds: problem === undefined, why: problem ?? `${plan.head.slice(0, 12)} is deployed, and its tree is clean` };
      }, (why) => ({ holds: false, why }));
    },

    /**
     * `migrate:rollback --step=N --force` for the plan's migrations, which must be the last ones that ran, with `migrate:status`
     * before and after. Needs their files: so it comes before the revert, after which rollback says nothing to do. Never
     * repeat blindly: a second one would take back older migrations; it is refused once they are gone.
     */
    async rollBackMigrations({ place, plan }: { place: Place; plan: RollbackPlan }): Promise<ActResult> {
      checkedPlan(plan);
      const { migrations } = plan;
      if (migrations.length === 0) return { outcome: 'done', evidence: 'no migrations to roll back' };
      const before = await ranMigrations(at(place));
      if ('unknown' in before) return { outcome: 'refused', evidence: `nothing rolled back: ${before.unknown}` };
      const last = before.slice(0, migrations.length).map(({ name }) => name);
      if (last.join() !== migrations.join()) return { outcome: 'refused', evidence: fitted(`nothing rolled back: the last migrations are ${last.join(', ')}, not ${migrations.join(', ')}`) };
      const args = [`--step=${migrations.length}`, '--force'];
      const result = artisanOutcome('migrate:rollback', await artisan({ ...at(place), command: 'migrate:rollback', args, timeoutMs: 10 * 60_000 }));
      const after = await ranMigrations(at(place));
      if ('unknown' in after) return { outcome: 'failed', evidence: fitted(`${result.evidence}; not read back: ${after.unknown}`) };
      const left = migrations.filter((name) => after.some((ran) => ran.name === name));
      const others = before.length - after.length - (migrations.length - left.length);
      const state = `migrate:status: ${before.length} ran before, ${after.length} after`;
      const problem = left.length > 0 ? `; still there: ${left.join(', ')}` : others > 0 ? `; ${others} more than planned are gone` : '';
      return { ...result, outcome: result.outcome === 'done' && problem === '' ? 'done' : 'failed', evidence: fitted(`${result.evidence}; ${state}${problem}`) };
    },

    /**
     * Reverts every commit of the plan, newest first, merges along their main line, as commits of their own; proved by the tree,
     * which must be the previous deployment's. What git refuses leaves all as it was. A repeat is refused, as HEAD has moved.
     */
    async revertDeployment({ place, plan }: { place: Place; plan: RollbackPlan }): Promise<ActResult> {
      checkedPlan(plan);
      const refused = (why: string): ActResult => ({ outcome: 'refused', evidence: `nothing reverted: ${outsideText(why, scrub, 1_000)}` });
      return withGit(place, async (git, host) => {
        const commits = await commitsBetween(git, plan);
        const problem = await whyNotRevert(git, host, plan);
        if (problem !== undefined) return refused(problem);
        for (const { sha, parents } of commits) {
          const result = await git.run(['revert', '--no-edit', ...(parents.length > 1 ? ['-m', '1'] : []), sha]);
          if (result.exitCode !== 0) return backTo(git, plan.head, commandsWords('git revert', result));
        }
        const [now, before] = [await git.read(['rev-parse', 'HEAD^{tree}']), await git.read(['rev-parse', `${plan.previous}^{tree}`])];
        if (now !== before) return backTo(git, plan.head, `the tree is not that of ${plan.previous.slice(0, 12)}`);
        const head = await git.read(['rev-parse', '--short=12', 'HEAD']);
        return { outcome: 'done', evidence: `${commits.length} commits reverted on ${host.name}, HEAD is ${head} with the tree of ${plan.previous.slice(0, 12)}` };
      }, refused);
    },

    /**
     * `composer install --no-dev --no-interaction`, then the config and route caches that the application had are built again:
     * they are of the code before. A repeat is safe.
     */
    async installDependencies({ place }: { place: Place }): Promise<ActResult> {
      const { host, shell } = at(place);
      const installed = await composer({ host, shell }, ['install', '--no-dev', '--no-interaction', '--no-ansi', '--no-progress']);
      let { outcome, evidence } = installed;
      for (const command of await builtCaches(host)) {
        const built = artisanOutcome(command, await artisan({ host, shell, command }));
        if (built.outcome !== 'done') outcome = 'failed';
        evidence += `; ${built.evidence}`;
      }
      return { ...installed, outcome, evidence: fitted(evidence) };
    },

    /** `composer dump-autoload --optimize`: the class map of the code that is there. A repeat is safe. */
    async dumpAutoload({ place }: { place: Place }): Promise<ActResult> {
      return composer(at(place), ['dump-autoload', '--optimize', '--no-interaction', '--no-ansi']);
    },
  };
}

/** Composer in the application's root as its user. Its own words, 'failed' unless it exited 0. */
async function composer({ host, shell }: { host: Host; shell: Shell }, args: string[]): Promise<ActResult> {
  const [program = 'composer', ...before] = host.composer ?? ['composer'];
  const result = await shell.run(program, [...before, ...args], { cwd: host.root, asUser: host.user, timeoutMs: 10 * 60_000 });
  const file = result.file === undefined ? {} : { file: result.file };
  if (result.exitCode !== 0) return { outcome: 'failed', evidence: fitted(commandsWords(`composer ${args[0] ?? ''}`, result)), ...file };
  // Composer speaks on stderr.
  const words = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-3).join(' · ');
  return { outcome: 'done', evidence: fitted(`composer ${args[0] ?? ''}: ${words || 'no output'}`, 1_000), ...file };
}

/** Why this host can't be reverted as it is, or undefined. */
async function whyNotRevert(git: Git, host: Host, { head, previous }: RollbackPlan): Promise<string | undefined> {
  const now = await git.read(['rev-parse', 'HEAD']);
  if (now !== head) return `${now.slice(0, 12)} is deployed on ${host.name}, not ${head.slice(0, 12)}`;
  const dirty = await git.read(['status', '--porcelain', '--untracked-files=no']);
  if (dirty !== '') return `the work tree on ${host.name} has changes: ${dirty.replaceAll('\n', ', ').slice(0, 300)}`;
  const { deleted } = await changedFiles(git, { previous, head });
  // What the deployment deleted comes back; a file that somebody put there since would be in its way.
  for (const path of deleted) {
    const there = await lstat(join(host.root, path)).catch(() => undefined);
    if (there) return `${path} was deleted by the deployment, and somebody put another there on ${host.name}`;
  }
  return undefined;
}

async function changedFiles(git: Git, { previous, head }: { previous: string; head: string }): Promise<{ all: string[]; added: string[]; deleted: string[] }> {
  const parts = await git.items(['diff', '--no-renames', '--no-ext-diff', '--name-status', '-z', previous, head]);
  const files = parts.flatMap((status, index) => (index % 2 === 0 ? [{ status, path: parts[index + 1] ?? '' }] : []));
  const of = (wanted: string): string[] => files.filter(({ status }) => status === wanted).map(({ path }) => path);
  return { all: files.map(({ path }) => path), added: of('A'), deleted: of('D') };
}

/** The deployment's migrations that have run, in the order of a rollback; they must be the last ones that ran. */
async function migrationsToRollBack(at: { host: Host; shell: Shell }, added: string[]): Promise<{ names: string[] } | { unknown: string }> {
  const own = new Set(added.flatMap((path) => migrationOf(path) ?? []));
  if (own.size === 0) return { names: [] };
  const ran = await ranMigrations(at);
  if ('unknown' in ran) return ran;
  const names = ran.filter(({ name }) => own.has(name)).map(({ name }) => name);
  const last = ran.slice(0, names.length).map(({ name }) => name);
  return last.join() === names.join() ? { names } : { unknown: `migrations were run after those of the deployment: ${last.filter((name) => !own.has(name)).join(', ')}` };
}

/** Ends a revert that git gave up and goes back to where it began; nothing is lost, since the tree was clean. */
async function backTo(git: Git, head: string, why: string): Promise<ActResult> {
  await git.run(['revert', '--abort']);
  await git.run(['reset', '--keep', head]);
  const [now, dirty] = [await git.read(['rev-parse', 'HEAD']), await git.read(['status', '--porcelain', '--untracked-files=no'])];
  if (now === head && dirty === '') return { outcome: 'refused', evidence: fitted(`nothing reverted, all is as it was: ${why}`, 1_000) };
  const state = `HEAD is ${now.slice(0, 12)}${dirty === '' ? '' : ' with changes'}`;
  return { outcome: 'failed', evidence: fitted(`${why}; and ${state}: a person must look`, 1_000) };
}

function checkedPlan({ head, previous, migrations }: RollbackPlan): void {
  if (!isCommit(head) || !isCommit(previous)) throw badInput(`a plan names whole commits, not ${JSON.stringify([head, previous])}`);
  if (migrations.some((name) => migrationOf(`database/migrations/${name}.php`) === undefined)) throw badInput(`no names of migrations: ${JSON.stringify(migrations)}`);
}

export type DeploymentActivities = ReturnType<typeof deploymentActivities>;
