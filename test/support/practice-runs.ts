import { condition } from '@temporalio/workflow';
import type { RunInput } from '../../src/domain/messages.js';
import type { Runbook } from '../../src/domain/runbook.js';
import type { ActResult, Finding, SampleWindow, Verdict } from '../../src/domain/step.js';
import type { Undo } from '../../src/domain/undo.js';
import { openRun } from '../../src/workflows/run.js';
import { act, diagnostic, type On, type Proof, type ResolveStep, type Scene, step } from '../../src/workflows/step.js';

/** What the practice host can do; each test scripts it (practice-host.ts). */
export interface PracticeActivities {
  look(input: { what: string }): Promise<Finding>;
  holds(input: { what: string }): Promise<{ holds: boolean; why: string }>;
  cure(input: { what: string }): Promise<ActResult>;
  effectOf(input: { what: string }): Promise<ActResult | null>;
  isDown(input: { what: string }): Promise<boolean>;
  prove(input: { window: SampleWindow }): Promise<Verdict>;
  takeBack(input: { what: string }): Promise<ActResult>;
}

const on_ = (on: On): PracticeActivities => on as unknown as PracticeActivities;

export const practiceRunbook: Runbook = {
  type: 'practice',
  title: 'Practice',
  severity: 'Critical',
  target: 'host and mount',
  triggers: [],
  impact: [],
  prevention: ['Practise more often'],
  ladder: {
    besides: ['Infrastructure Team'],
    told: [],
    levels: [
      { afterMinutes: 15, role: 'Engineering Manager' },
      { afterMinutes: 30, role: 'CTO' },
    ],
  },
};

const timeout = { minutes: 1, because: 'practice is quick' };
const touches = (): string[] => ['thing:shared'];

function cure(name: string, risk: 'safe' | 'disruptive' | 'destructive', more: object = {}): ResolveStep {
  return step({
    title: name,
    risk,
    timeout,
    touches,
    command: () => `cure ${name}`,
    when: { says: 'it is needed', holds: (on) => on_(on).holds({ what: name }) },
    do: (on) => on_(on).cure({ what: name }),
    ...more,
  });
}

const undo = (kind: Undo['kind'], what: string) => ({
  says: `take ${what} back`,
  entry: async (_: On, { place }: Scene) => ({ kind, title: `Take ${what} back`, host: place.host, activity: 'takeBack', argument: { what }, touches: touches() }),
});

const recovered: Proof = { says: 'the host says so', check: (on, _, window) => on_(on).prove({ window }) };

/** A runbook with one step of every kind. */
export async function practice(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose(
    diagnostic({ title: 'Look Around', command: () => 'look', timeout, find: (on) => on_(on).look({ what: 'around' }) }),
    diagnostic({ title: 'Look Closely', command: () => 'look -c', timeout, find: (on) => on_(on).look({ what: 'closely' }) }),
  );
  await run.resolveUntil(recovered, [
    cure('Safe Cure', 'safe'),
    cure('Temporary Cure', 'safe', { undo: undo('automatic', 'Temporary Cure') }),
    cure('Restart', 'disruptive', {
      undo: undo('offered', 'Restart'),
      look: (on: On) => on_(on).effectOf({ what: 'Restart' }).then((found) => found ?? undefined),
      isDown: (on: On) => on_(on).isDown({ what: 'Restart' }),
      budget: ({ host }: { host: string }) => `restart:${host}/thing`,
    }),
    cure('Delete', 'destructive'),
    step({ title: 'Scale', acts: [], byHand: 'buy a bigger one' }),
    step({ title: 'Last Offers', acts: [act({ name: 'Log Everyone Out', risk: 'destructive', offeredLast: true, timeout, touches, command: () => 'cure Log Everyone Out', when: { says: 'it is needed', holds: (on) => on_(on).holds({ what: 'Log Everyone Out' }) }, do: (on) => on_(on).cure({ what: 'Log Everyone Out' }) })] }),
  ]);
  await run.end();
}

/** The practice runbook under the one name that has a limit of its own: a day of being mitigated. */
export async function diskSpaceCritical(input: RunInput): Promise<void> {
  await practice(input);
}

/** A runbook whose only cures are two temporary ones. */
export async function temporary(input: RunInput): Promise<void> {
  const run = openRun(input);
  await run.diagnose();
  await run.resolveUntil(recovered, [
    cure('Safe Cure', 'safe', { undo: undo('automatic', 'Safe Cure') }),
    cure('Temporary Cure', 'safe', { undo: undo('automatic', 'Temporary Cure') }),
  ]);
  await run.end();
}

/** A runbook with a bug. */
export async function throwing(): Promise<void> {
  await Promise.resolve();
  throw new Error('this runbook has a bug');
}

/** A runbook that never says anything. */
export async function hanging(): Promise<void> {
  await condition(() => false);
}

/** The same under names that a cause and its symptoms have. */
export { practice as databaseConnectionFailures, practice as highErrorRate };
