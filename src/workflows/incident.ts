import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { type ActionKind, type ActionResult, notPermitted } from '../domain/action.js';
import type { Alert } from '../domain/alert.js';
import type { IncidentView } from '../domain/incident.js';
import { nextWake } from '../domain/ladder.js';
import type { Asks, Changed, Ended, Found, IncidentStart } from '../domain/messages.js';
import type { Undelivered } from '../domain/page.js';
import { searchAttributes } from '../domain/search-attributes.js';
import { lookForCause } from './attaching.js';
import { type Desk, openDesk } from './desk.js';
import { type IncidentMemory, openMemory } from './incident-memory.js';
import { details, levelOf, viewOf, waitingFor } from './incident-view.js';
import { forbidden, readRequest, refusal, type Request, unproven } from './people.js';
import type { Undone } from './undo.js';

export const alertSignal = defineSignal<[Alert]>('alert');
export const foundSignal = defineSignal<[Found]>('found');
export const asksSignal = defineSignal<[Asks]>('asks');
export const changedSignal = defineSignal<[Changed]>('changed');
export const endedSignal = defineSignal<[Ended]>('ended');
export const undoneSignal = defineSignal<[Undone]>('undone');
export const undeliveredSignal = defineSignal<[Undelivered]>('undelivered');
export const showQuery = defineQuery<IncidentView>('show');

const neighbours = {
  attach: 'From a Disk or Database incident: it explains this one.',
  causeClosed: 'From the incident that explains this one: it is over.',
  symptom: 'From an incident that this one explains: what it has found.',
  diskRelieved: 'From a Disk incident that closed: a Database incident may try again.',
};

const actions: Record<ActionKind, string> = {
  acknowledge: 'Say that you have it: stops repeats for 30 min, not the ladder. From here: no argument needed.',
  'take-over': 'Take it from whoever has it: through the responder command only.',
  approve: 'Let an act go ahead: through the responder command or a link only.',
  decline: 'Say no to an act: {"ask": "1.1", "reason": "…"}; the only open question if none is named.',
  escalate: 'Page the next level now: {"reason": "…"}, or {"level": 3}.',
  snooze: 'Hold repeats and due levels for a while: through the responder command only.',
  note: 'Write into the record: {"text": "…"}.',
  check: 'Look whether it is over, now: through the responder command only.',
  undo: 'Take a change back: through the responder command only.',
  stop: 'Stop the run, not the incident: through the responder command only.',
  resolve: 'Close it unproven, with a reason: through the responder command only.',
};

/**
 * One problem on one target, from its first alert to an hour after its close: pages people, starts runs of its runbook, asks
 * and answers, keeps the record. Small on purpose, and apart from every runbook: a bug there must never stop a page here.
 * docs/architecture.md draws its life.
 */
export async function incident(start: IncidentStart, carried?: IncidentMemory): Promise<void> {
  const desk = openDesk(carried ?? openMemory(start), workflowInfo().workflowId);
  listen(desk);
  if (!carried) await lookForCause(desk);

  let timer: Timer | undefined;
  for (;;) {
    desk.changed = false;
    desk.turn(Date.now());
    publish(desk);
    if (desk.isOver() && (await quiet(desk))) return;
    // Only in a quiet moment, and never waited for: a pager that hangs must not hold up the ladder.
    if (tooLong(desk) && isQuiet(desk)) await continueAsNew<typeof incident>(desk.memory.start, desk.memory);
    timer = arm(timer, desk.nextWake());
    await condition(() => desk.changed || timer?.fired === true || (tooLong(desk) && isQuiet(desk)));
  }
}

function listen(desk: Desk): void {
  setHandler(alertSignal, (alert) => desk.alert(alert), { description: 'Another alert of the same problem; sent by our HTTP server.' });
  setHandler(foundSignal, (message) => desk.found(message), { description: 'From a run: where it is and what it knows.' });
  setHandler(asksSignal, (message) => desk.asked(message), { description: 'From a run: an act that waits for a person.' });
  setHandler(changedSignal, (message) => desk.changedSystem(message), { description: 'From a run: how to undo the act it is about to do.' });
  setHandler(endedSignal, (message) => desk.ended(message), { description: 'From a run: its last word.' });
  setHandler(undoneSignal, (message) => desk.undone(message), { description: 'From the undo workflow: what became of an undo.' });
  setHandler(undeliveredSignal, (message) => desk.undelivered(message), { description: 'From our HTTP server: what took a page says that it did not arrive.' });
  for (const [kind, description] of Object.entries(neighbours) as [keyof typeof neighbours, string][]) {
    setHandler(defineSignal<[unknown]>(kind), (content) => desk.neighbour(kind, content), { description });
  }
  setHandler(showQuery, () => viewOf(desk.memory, desk.workflowId), { description: 'All of the incident that people see.' });
  for (const [kind, description] of Object.entries(actions) as [ActionKind, string][]) {
    setHandler(defineSignal<[unknown]>(kind), (input) => void desk.act(readRequest(desk.memory, kind, input)), { description });
    setHandler(defineUpdate<ActionResult, [unknown]>(kind), (input) => acted(desk, readRequest(desk.memory, kind, input)), {
      description,
      validator: (input) => {
        judge(desk.memory, readRequest(desk.memory, kind, input));
      },
    });
  }
  setHandler(defineSignal<[unknown]>('refusal'), (content) => desk.refused(content), { description: 'From our HTTP server: what the permissions forbade a person, for the record.' });
}

/**
 * Forged updates of one incident that history takes in, for the sake of a line on the record. A refused update is no event, so
 * that what comes after them can't make a history grow.
 */
const forgedOnRecord = 20;

function acted(desk: Desk, request: Request): ActionResult {
  const never = unproven(desk.memory, request);
  const result = desk.act(request);
  if (never === undefined) return result;
  desk.forged(forgedOnRecord);
  throw ApplicationFailure.nonRetryable(never);
}

/** Throws what is not possible now, or not permitted; what was done before is neither. */
function judge(memory: IncidentMemory, request: Request): void {
  if (request.id && memory.seen.includes(request.id)) return;
  if (unproven(memory, request) !== undefined && (memory.forged ?? 0) < forgedOnRecord) return; // `acted` refuses it
  const why = refusal(memory, request, Date.now());
  if (why) throw new Error(why);
  const denied = forbidden(memory, request);
  if (denied) throw ApplicationFailure.nonRetryable(denied, notPermitted);
}

/** Search attributes and the UI's page. Attributes in one batch, and only when one of them moved: each batch is an event. */
function publish(desk: Desk): void {
  const { memory } = desk;
  const wake = memory.closed ? undefined : nextWake(memory.policy, memory.ladder);
  // What the server set at the start is right until the first page is out.
  const fresh = !memory.firstPageOver && !memory.closed;
  const values = [memory.state, waitingFor(memory), levelOf(memory), wake?.at ?? null] as const;
  if (!fresh && JSON.stringify(values) !== desk.published) {
    desk.published = JSON.stringify(values);
    upsertSearchAttributes([
      { key: searchAttributes.incidentState, value: memory.state },
      { key: searchAttributes.waitingFor, value: waitingFor(memory) },
      { key: searchAttributes.escalationLevel, value: levelOf(memory) },
      { key: searchAttributes.nextEscalationAt, value: wake ? new Date(wake.at) : null },
    ]);
  }
  setCurrentDetails(details(memory, desk.workflowId, Date.now()));
}

/** Everything we started has answered, and nobody is in the middle of a sentence. */
function isQuiet(desk: Desk): boolean {
  return !desk.changed && desk.going === 0 && allHandlersFinished();
}

/** Waits for that; false if something new came up. */
async function quiet(desk: Desk): Promise<boolean> {
  await condition(() => desk.changed || isQuiet(desk));
  return !desk.changed;
}

function tooLong(desk: Desk): boolean {
  return workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > (desk.memory.start.historyAtMost ?? Infinity);
}

interface Timer {
  at: number;
  label: string;
  scope: CancellationScope;
  fired: boolean;
}

/**
 * A timer that is due within this, ms, rings in vain instead of being cancelled: it may ring before the cancellation arrives,
 * and Temporal's time-skipping test server loses the task that cancels it then (temporalio/sdk-java#3088).
 */
const soon = 1_000;

/** One timer for what is due next, named for the person who looks at the UI; kept while it still fits. */
function arm(timer: Timer | undefined, next: { at: number; label: string; exact: boolean } | undefined): Timer | undefined {
  if (timer && !timer.fired) {
    // An early wake-up for something that has moved is cheaper than a timer for each of a run's messages.
    const fits = next && timer.at <= next.at && (!next.exact || timer.label === next.label);
    if (fits) return timer;
    if (timer.at > Date.now() + soon) timer.scope.cancel();
  }
  if (!next) return undefined;
  const armed: Timer = { at: next.at, label: next.label, scope: new CancellationScope(), fired: false };
  const ring = armed.scope.run(() => sleep(Math.max(1, next.at - Date.now()), { summary: next.label }));
  ring.then(
    () => void (armed.fired = true),
    () => undefined, // cancelled: another timer took its place
  );
  return armed;
}
