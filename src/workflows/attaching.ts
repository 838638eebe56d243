import { getExternalWorkflowHandle, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control.js';
import type { NeighbourActivities } from '../activities/neighbours.js';
import { type Cause, isCause, isSymptom, type Symptom } from '../domain/attachment.js';
import { hold, restart } from '../domain/ladder.js';
import type { Books } from './desk.js';
import { headOf } from './incident-view.js';
import { byIncident, currentRun, entry, note, openAsks } from './incident-memory.js';
import { queues } from './names.js';
import { runsWithActsAtMost } from './runs.js';

/** Half a second, since a page may wait behind it; no answer means that it goes on without one. */
const atOnce = proxyLocalActivities<NeighbourActivities>({ startToCloseTimeout: '500ms', scheduleToCloseTimeout: '500ms', retry: { maximumAttempts: 1 } });

/** At the close nothing is urgent any more, but the all-clear waits behind it. */
const atClose = proxyLocalActivities<NeighbourActivities>({ startToCloseTimeout: '2s', scheduleToCloseTimeout: '5s', retry: { maximumAttempts: 2, initialInterval: '200ms' } });

const neighbours = (summary: string): NeighbourActivities =>
  proxyActivities<NeighbourActivities>({ taskQueue: queues.pages, summary, startToCloseTimeout: '10s', retry: { maximumAttempts: 6 } });

const locks = proxyActivities<ControlActivities>({ taskQueue: queues.pages, summary: 'Hold what disturbs', startToCloseTimeout: '10s' });

/** The cause looks for symptoms twice, and not before this much later again: an index entry may be late. Minutes. */
const betweenLooks = 0.5;

/** Before its first page a symptom asks whether an open incident explains it. */
export async function lookForCause(books: Books): Promise<void> {
  const { memory } = books;
  const { alert, place } = memory.start;
  if (!isSymptom(alert.runbook)) return;
  try {
    const cause = await atOnce.findCause({ environment: place.environment });
    if (cause) attach(books, cause);
  } catch {
    // Not known in time: it pages as if it stood alone, and the cause finds it.
  }
}

/** The cause's side: once its own first page is out, and on a later turn again. No timer of its own, that would cost more than it finds. */
export function lookForSymptoms(books: Books, now: number): void {
  const { memory } = books;
  const { place, times, alert } = memory.start;
  const { left, notBefore } = memory.looksForSymptoms;
  if (!isCause(alert.runbook) || !memory.firstPageOver || left === 0 || now < notBefore) return;
  memory.looksForSymptoms.notBefore = now + betweenLooks * times.minute;
  books.aside(async () => {
    try {
      await atOnce.attachSymptoms({ environment: place.environment, cause: asCause(books) });
      memory.looksForSymptoms.left -= 1;
    } catch {
      // Not known in time: it looks again.
    }
  });
}

function asCause(books: Books): Cause {
  const { id, workflowId, title, target } = headOf(books.memory, books.workflowId);
  return { incidentId: id, workflowId, title: `${title} on ${target}` };
}

/** This incident is explained by another: it pages no more, looks on, and holds what disturbs. */
export function attach(books: Books, cause: Cause): void {
  const { memory } = books;
  const now = Date.now();
  if (memory.attachedTo || memory.state !== 'open' || memory.closing || memory.closed || !isSymptom(memory.start.alert.runbook)) return;
  memory.attachedTo = cause;
  memory.state = 'attached';
  memory.firstPageOver = true;
  memory.ladder = hold(memory.ladder, 'attached', now);
  note(memory, entry(now, byIncident, 'state', `attached to ${cause.title}: it holds what disturbs, and tells what it finds there`));
  const { environment } = memory.start.place;
  const request = { environment, incidentId: memory.start.id, because: `attached to ${cause.title}` };
  // A run that goes on already is held at its next lock; a new one is told at its start.
  if (currentRun(memory)) books.aside(() => locks.holdRisky(request));
  tellCause(books);
}

/** Puts what was found into the cause's pages. */
export function tellCause(books: Books): void {
  const { memory } = books;
  const { attachedTo } = memory;
  if (!attachedTo) return;
  const { incidentId, workflowId, title } = asCause(books);
  const symptom: Symptom = { incidentId, workflowId, title, found: memory.found.slice(0, 3) };
  books.aside(async () => {
    try {
      await getExternalWorkflowHandle(attachedTo.workflowId).signal('symptom', symptom);
    } catch {
      causeClosed(books, attachedTo.incidentId); // it is gone
    }
  });
}

export function recordSymptom({ memory }: Books, symptom: Symptom): void {
  const others = memory.symptoms.filter(({ incidentId }) => incidentId !== symptom.incidentId);
  if (others.length === memory.symptoms.length) note(memory, entry(Date.now(), byIncident, 'found', `explains ${symptom.title}`));
  memory.symptoms = [...others, symptom].slice(-20);
}

/** At its close, a cause lets its symptoms go; a disk with room again also lets a Database incident try once more. */
export function letSymptomsGo(books: Books): void {
  const { memory } = books;
  for (const symptom of memory.symptoms) {
    books.aside(async () => {
      try {
        await getExternalWorkflowHandle(symptom.workflowId).signal('causeClosed', { incidentId: memory.start.id });
      } catch {
        // closed already
      }
    });
  }
  memory.symptoms = [];
  if (memory.start.alert.runbook === 'diskSpaceCritical') {
    books.aside(() => atClose.tellDatabaseIncidents({ environment: memory.start.place.environment }));
  }
}

/** The cause is over: a check tells whether this is over too. */
export function causeClosed({ memory }: Books, incidentId: string): void {
  if (memory.attachedTo?.incidentId !== incidentId || memory.attachedTo.closed) return;
  memory.attachedTo.closed = true;
  memory.wanted = 'check';
}

/** Now and then, since a cause that was ended by force says nothing: is it still there? */
export function checkCause(books: Books): void {
  const { attachedTo } = books.memory;
  if (!attachedTo || attachedTo.closed) return;
  books.aside(async () => {
    if (!(await neighbours('Is the cause still open?').causeIsOpen({ cause: attachedTo }))) causeClosed(books, attachedTo.incidentId);
  });
}

/** Unrecovered though its cause is over: it stands alone now, with a new time zero, and starts a new run. */
export function detach(books: Books, now: number): void {
  const { memory } = books;
  note(memory, entry(now, byIncident, 'state', `detached from ${memory.attachedTo?.title ?? ''}: it is unrecovered though that is over`));
  delete memory.attachedTo;
  memory.state = 'open';
  memory.ladder = restart(memory.policy, memory.ladder, now);
  memory.wanted = memory.runsWithActs < runsWithActsAtMost ? 'full' : 'check';
  const { environment } = memory.start.place;
  books.aside(() => locks.letIn({ environment, incidentId: memory.start.id }));
}

/** A disk has room again: a Database incident that waits for a person tries once more. */
export function diskRelieved({ memory }: Books): void {
  if (memory.start.alert.runbook !== 'databaseConnectionFailures' || memory.closed || memory.closing || currentRun(memory)) return;
  if (openAsks(memory).length > 0 || memory.runsWithActs >= runsWithActsAtMost) return;
  note(memory, entry(Date.now(), byIncident, 'run', 'the disk has room again: a new run'));
  memory.wanted = 'full';
}
