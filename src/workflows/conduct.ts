import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control.js';
import type { Decision, Found, FromRun, Phase, RunInput, Stop } from '../domain/messages.js';
import type { ActReport, StepReport } from '../domain/step.js';
import type { Scene } from './step.js';
import { inWords } from './words.js';

export const decisionSignal = defineSignal<[Decision]>('decision');
export const stopSignal = defineSignal<[Stop]>('stop');
export const progressQuery = defineQuery<StepReport[]>('progress');

/** What a run knows about itself while it goes on; the verbs in run.ts and act.ts share it. */
export interface Conduct {
  input: RunInput;
  scene: Scene;
  steps: StepReport[];
  found: string[];
  followUps: string[];
  usedUp: string[];
  decisions: Map<string, Decision>;
  stop?: Stop;
  /** Set when the run is over for another reason than a person's stop. */
  triedToResolve: boolean;
  /** Undos of the automatic kind, earlier runs' included. */
  automaticUndos: number;
  asks: number;
  acts: number;
  /** The promise that the incident has: our next message comes before this. */
  quietUntil: number;
}

/** Local activities: one event each (docs/adr/0003). A try is short; what they ask for is idempotent. */
export const control = proxyLocalActivities<ControlActivities>({
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '1 minute',
  retry: { initialInterval: '200ms', maximumInterval: '2s' },
});

/** Opens the books of a run and listens to its incident. */
export function openConduct(input: RunInput): Conduct {
  const conduct: Conduct = {
    input,
    scene: {
      place: input.place,
      alert: input.alert,
      mode: 'automatic',
      times: input.times,
      incidentId: input.incident.id,
      run: input.run,
      publicKeys: input.publicKeys,
      facts: {},
      lastActAt: Date.now(),
    },
    steps: [],
    found: [],
    followUps: [],
    usedUp: [...input.usedUp],
    decisions: new Map(),
    triedToResolve: false,
    automaticUndos: input.automaticUndos,
    asks: 0,
    acts: 0,
    quietUntil: Date.now() + input.times.firstWord,
  };
  setHandler(decisionSignal, (decision) => void conduct.decisions.set(decision.ask, decision), {
    description: "A person's or the clock's answer to a question of this run; sent by its incident.",
  });
  setHandler(stopSignal, (stop) => void (conduct.stop ??= stop), { description: 'Ends this run without another act; sent by its incident.' });
  setHandler(progressQuery, () => conduct.steps, { description: 'Every step so far, with outcome and evidence.' });
  return conduct;
}

/** Does something that a stop may interrupt; undefined if it was interrupted. Never for an act that changes the system. */
export async function unlessStopped<T>(conduct: Conduct, doing: () => Promise<T>): Promise<T | undefined> {
  if (conduct.stop) return undefined;
  const scope = new CancellationScope();
  const stopped = condition(() => conduct.stop !== undefined).then(() => scope.cancel());
  stopped.catch(() => undefined); // the workflow's own cancellation reaches `doing` as well
  try {
    return await scope.run(doing);
  } catch (error) {
    if (isCancellation(error) && conduct.stop) return undefined;
    throw error;
  }
}

/** The head of every message upwards, with a promise: the next one comes within `next` ms. */
export function head(conduct: Conduct, next: number): FromRun {
  conduct.quietUntil = Date.now() + next;
  return { v: 1, incidentId: conduct.input.incident.id, run: conduct.input.run, quietUntil: conduct.quietUntil };
}

/** Sends `found`: where the run is and what it knows. `next` is the longest time, in ms, until the next message. */
export async function tellFound(conduct: Conduct, phase: Phase, next: number, pageEarly?: { why: string }): Promise<void> {
  const content: Found = {
    ...head(conduct, next),
    phase,
    mode: conduct.scene.mode,
    found: digest(conduct.found),
    done: digest(doneLines(conduct.steps)),
    ...(pageEarly ? { pageEarly } : {}),
  };
  await tell(conduct, 'found', content);
}

/** Renews the promise if what comes next may take longer than it allows. A message for every step would cost too many events. */
export async function keepPromise(conduct: Conduct, next: number): Promise<void> {
  if (Date.now() + next > conduct.quietUntil) await tellFound(conduct, 'resolving', next + 5 * conduct.scene.times.minute);
}

export async function tell(conduct: Conduct, message: 'found' | 'asks' | 'changed' | 'ended', content: FromRun): Promise<void> {
  await control.tell({ workflowId: conduct.input.incident.workflowId, message, content });
}

/** Writes the run's own page in the Temporal UI; costs no event. */
export function showDetails(conduct: Conduct): void {
  const { incident, run, place } = conduct.input;
  setCurrentDetails(
    [
      `**Run ${run} of incident \`${incident.workflowId}\`** on ${place.name}, mode ${conduct.scene.mode}.`,
      '',
      ...conduct.steps.flatMap((step) => [
        `- **${step.title}**`,
        ...step.acts.map((act) => `  - ${act.act}: ${inWords(act.outcome)}`),
        ...(step.check ? [`  - then: ${step.check}`] : []),
      ]),
    ].join('\n'),
  );
}

/** What was done, in lines for people: resolve acts with their outcome. */
export function doneLines(steps: StepReport[]): string[] {
  return steps
    .filter((step) => step.phase === 'resolve')
    .flatMap((step) => step.acts.map((act) => `${act.act}: ${inWords(act.outcome)}`));
}

/** The last lines that fit into half of a message's 4 KB, each at most 300 characters. */
function digest(lines: string[]): string[] {
  const kept: string[] = [];
  let room = 1_900;
  for (const line of lines.toReversed()) {
    const short = line.length > 300 ? `${line.slice(0, 299)}…` : line;
    room -= short.length + 4;
    if (room < 0) break;
    kept.unshift(short);
  }
  return kept;
}

/** Adds an act's report to its step's, making the step's on first use. */
export function record(conduct: Conduct, title: string, phase: StepReport['phase'], report?: ActReport): StepReport {
  let step = conduct.steps.find((s) => s.title === title);
  if (!step) {
    step = { title, phase, acts: [] };
    conduct.steps.push(step);
  }
  if (report) step.acts.push(report);
  showDetails(conduct);
  return step;
}
