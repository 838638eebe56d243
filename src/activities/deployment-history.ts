import type { Host } from '../domain/inventory.js';
import { type Git, GitRefused, gitOf, isCommit } from './git.js';
import type { Shell } from './shell.js';

/** The last deployment of a host, from its git: what runs now, since when, and what ran before. */
export interface Deployment {
  head: string;
  /** ms since the epoch. */
  deployedAt: number;
  /** The reflog says when HEAD moved here; a commit only when it was made. */
  timeFrom: 'reflog' | 'commit';
  /** What was deployed before. Absent if git does not know, or HEAD has nothing after it. */
  previous?: string;
  /** Why there is no `previous`. */
  noPrevious?: string;
}

/** A commit of a deployment, newest first. */
export interface Commit {
  sha: string;
  /** Its parents: more than one makes it a merge. */
  parents: string[];
  /** A committer's words: shown, never run. */
  subject: string;
}

/** Reads the last deployment. What can't be known is said, never guessed. Reads only. */
export async function lastDeployment(at: { host: Host; shell: Shell }): Promise<Deployment | { unknown: string }> {
  const git = await gitOf(at);
  if ('unknown' in git) return git;
  try {
    const head = await git.read(['rev-parse', '--verify', 'HEAD^{commit}']);
    const moved = await lastMove(git, head);
    const deployedAt = moved?.at ?? Number(await git.read(['show', '--no-patch', '--format=%ct', head])) * 1_000;
    const previous = await previousOf(git, { head, ref: at.host.previousDeployment, reflog: moved?.from });
    return { head, deployedAt, timeFrom: moved ? 'reflog' : 'commit', ...previous };
  } catch (error) {
    if (error instanceof GitRefused) return { unknown: error.message };
    throw error;
  }
}

/** When HEAD came to where it is, and from where: the newest entry of the reflog, and the one before it. */
async function lastMove(git: Git, head: string): Promise<{ at: number; from?: string } | undefined> {
  const { exitCode, stdout } = await git.run(['reflog', 'show', '--date=unix', '--max-count=2', '--format=%H %gd', 'HEAD']);
  if (exitCode !== 0) return undefined;
  const [newest, before] = stdout.split('\n').map((line) => /^([0-9a-f]{40,64}) HEAD@\{(\d+)\}$/.exec(line));
  if (newest?.[1] !== head) return undefined;
  return { at: Number(newest[2]) * 1_000, ...(before?.[1] === undefined ? {} : { from: before[1] }) };
}

async function previousOf(git: Git, { head, ref, reflog }: { head: string; ref: string | undefined; reflog: string | undefined }): Promise<Pick<Deployment, 'previous' | 'noPrevious'>> {
  let previous = reflog;
  if (ref !== undefined) {
    const named = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
    previous = named.stdout.trim();
    if (named.exitCode !== 0 || !isCommit(previous)) return { noPrevious: `git has no ${ref}, which the config names as the deployment before` };
  }
  if (previous === undefined) return { noPrevious: 'git does not know what was deployed before' };
  if (previous === head) return { noPrevious: 'nothing was deployed since the last deployment that git knows' };
  const isBefore = (await git.run(['merge-base', '--is-ancestor', previous, head])).exitCode === 0;
  return isBefore ? { previous } : { noPrevious: `${previous.slice(0, 12)} is not an ancestor of what runs now` };
}

/** The commits after `previous` up to `head` along the main line, newest first. Throws `GitRefused` if `previous` is not on it. */
export async function commitsBetween(git: Git, { previous, head }: { previous: string; head: string }): Promise<Commit[]> {
  const lines = await git.items(['log', '-z', '--first-parent', '--format=tformat:%H%x09%P%x09%s', `${previous}..${head}`]);
  const commits = lines.map((line) => {
    const [sha = '', parents = '', ...subject] = line.split('\t');
    return { sha, parents: parents.split(' ').filter(isCommit), subject: subject.join(' ') };
  });
  if (commits.some(({ sha }) => !isCommit(sha))) throw new GitRefused('git log gave a line that names no commit');
  // Reverting a merge goes back along its first parent: only a commit on that line is reached in the end.
  if (commits.at(-1)?.parents[0] !== previous) throw new GitRefused(`${previous.slice(0, 12)} is not on the main line of ${head.slice(0, 12)}`);
  return commits;
}
