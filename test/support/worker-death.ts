import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execaNode } from 'execa';
import { expect } from 'vitest';
import type { IncidentView } from '../../src/domain/incident.js';
import { hostWorker } from '../../src/workers/build.js';
import type { RunbookActivities } from '../../src/workflows/activity-types.js';
import type { Act, Procedure } from '../../src/workflows/step.js';
import { outcomeOf, type RunbookWorld, type RunOptions } from './runbook-world.js';

const dyingHost = fileURLToPath(new URL('./dying-runbook-host.ts', import.meta.url));

/** What the process that is killed is told of a death. */
export interface DeathPlan {
  host: string;
  activity: keyof RunbookActivities;
  moment: 'before' | 'after';
  /** Fields of the input by which the call is known among others of the same activity. */
  only?: Record<string, unknown>;
}

/** A disruptive act whose worker is killed: before it did anything, or after it did everything and before it said so. */
export interface Death extends Omit<DeathPlan, 'host'> {
  runbook: Procedure;
  act: string;
  /** Other acts that come first and are wanted. */
  besides?: string[];
  options?: RunOptions;
  /** What tells one doing of it from two, and from none: a pid, a count of restarts, the lines of a file. */
  effect: () => Promise<unknown>;
  /** The effect goes on after the death: the act has parts, of which the rest is still to do, or its undo comes before the end. */
  goesOn?: boolean;
  /** How the act ends, where more than the moment and a look decide it. */
  ends?: 'done' | 'unknown';
}

/**
 * When a worker is killed: after the effect and before the record, where a repeat would do it twice; with RESPONDER_EVERY_DEATH
 * (`npm run test:night`) also before the effect, where nothing would be done.
 */
export const moments: readonly DeathPlan['moment'][] = process.env['RESPONDER_EVERY_DEATH'] ? ['before', 'after'] : ['after'];

/**
 * Names under which a world's host takes acts side by side, since every act locks its host: one for each death that is played with
 * others. They are one machine, so the acts must touch different things of it.
 */
export const hostNames = ['side-1', 'side-2', 'side-3', 'side-4'];

/**
 * Plays runbooks side by side up to the acts named, kills their workers with SIGKILL in the middle of them, starts fresh ones
 * here, and holds the outcome against crash rule 'check': what was done is not done again, what was not is done once; where only
 * the condition can tell, a success that nobody saw is not claimed.
 */
export async function playDeaths(world: RunbookWorld, deaths: Death[]): Promise<IncidentView[]> {
  const { config, world: site } = world;
  const plans = deaths.map(({ activity, moment, only }, i): DeathPlan => ({ host: hostNames[i] ?? '', activity, moment, ...(only ? { only } : {}) }));
  const before = await effects(deaths);
  const dying = execaNode(dyingHost, [site.env.address, config.file, JSON.stringify(plans)], { nodeOptions: ['--import', 'tsx'], env: config.env, stderr: 'inherit', buffer: false, reject: false });
  const runs = deaths.map(({ runbook, act, besides = [], options }, i) => {
    const wanted = new Set([act, ...besides]);
    const host = plans[i]?.host ?? '';
    const place = { ...options?.place, host, hosts: [host] };
    return world.run(runbook, { automation: onlyStepsOf(runbook, wanted), answers: (asked) => (wanted.has(asked) ? 'approve' : 'decline'), ...options, place });
  });
  const running = Promise.all(runs);
  running.catch(() => undefined); // awaited below, unless an act is not reached
  try {
    await Promise.race([reached(dying.stdout, deaths.length), Promise.race(runs).then(({ view }) => Promise.reject(new Error(`a run ended before its act: ${JSON.stringify(view.runs)}`)))]);
  } finally {
    dying.kill('SIGKILL');
    await dying;
  }
  const atDeath = await effects(deaths);
  const workers = await Promise.all(plans.map(({ host }) => hostWorker({ connection: site.env.nativeConnection, namespace: 'default' }, host, world.activities)));
  const ended = running.then(async (all) => {
    const views = all.map(({ view }) => view);
    expect(deaths.map((death, i) => summary(death, views[i]))).toEqual(deaths.map(promised));
    const atEnd = await effects(deaths);
    for (const [i, { act, moment, goesOn }] of deaths.entries()) {
      const [acted, kept] = moment === 'after' ? [[before[i], atDeath[i]], [atDeath[i], atEnd[i]]] : [[atDeath[i], atEnd[i]], [before[i], atDeath[i]]];
      expect(acted[1], `${act}: its effect`).not.toEqual(acted[0]);
      if (!goesOn) expect(kept[1], `${act}: nothing else than its effect`).toEqual(kept[0]);
    }
    await site.endIncidents();
    return views;
  });
  await Promise.all(workers.map((worker) => worker.runUntil(ended)));
  return ended;
}

const effects = (deaths: Death[]): Promise<unknown[]> => Promise.all(deaths.map(({ effect }) => effect()));

/** Steps that none of the acts wanted is in stay out of the way. */
function onlyStepsOf(runbook: Procedure, wanted: Set<string>): Record<string, 'never'> {
  const others = runbook.resolve.filter(({ acts }) => !acts.some(({ name }) => wanted.has(name)));
  return Object.fromEntries(others.map(({ title }) => [`${runbook.type}/${title}`, 'never']));
}

function summary({ act }: Death, view: IncidentView | undefined) {
  if (!view) throw new Error(`no run of ${act}`);
  const run = view.runs[0];
  const [outcome = ''] = outcomeOf(view, act).split(':');
  const claimed = run?.end === 'recovered'; // 'mitigated' is what a proof says
  const proven = run?.steps.some(({ check }) => check?.startsWith('recovered')) ?? false;
  return { act, outcome, asked: view.asks.filter((ask) => ask.act === act).length, ended: run?.endedAt !== undefined, claimedWithoutProof: claimed && !proven && JSON.stringify(run) };
}

function promised(death: Death) {
  const { act, moment } = death;
  const outcome = death.ends ?? (moment === 'before' || actNamed(death).look ? 'done' : 'unknown');
  return { act, outcome, asked: 1, ended: true, claimedWithoutProof: false };
}

function actNamed({ runbook, act }: Death): Act {
  const found = runbook.resolve.flatMap(({ acts }) => acts).find(({ name }) => name === act);
  if (!found) throw new Error(`${runbook.type} has no act "${act}"`);
  return found;
}

async function reached(output: NodeJS.ReadableStream, count: number): Promise<void> {
  let lines = 0;
  for await (const _ of createInterface({ input: output })) {
    lines += 1;
    if (lines === count) return;
  }
  throw new Error(`the host ended after ${lines} of ${count} acts`);
}
