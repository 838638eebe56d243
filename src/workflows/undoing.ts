import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import { summaryOf } from '../domain/summary.js';
import type { UndoEntry } from '../domain/undo.js';
import type { Books } from './desk.js';
import { storeReport } from './closing.js';
import { headOf } from './incident-view.js';
import { byUndo, entry, note } from './incident-memory.js';
import { queues, undoId } from './names.js';
import type { Undone, UndoInput } from './undo.js';

/** Takes back what is temporary: after proof and before the watch, or at close. */
export function undoAutomatic(books: Books, now: number): void {
  const entries = books.memory.undos.filter((undo) => undo.kind === 'automatic' && undo.state === 'registered');
  if (entries.length > 0) startUndo(books, entries, now);
}

/** True once every automatic undo has said something: one that has to wait must not keep the watch from starting. */
export function automaticUndosSettled({ memory }: Books): boolean {
  return !memory.undos.some((undo) => undo.kind === 'automatic' && (undo.state === 'registered' || undo.state === 'running'));
}

/** Starts the undo workflow for these entries. It outlives the incident where it has to wait. */
export function startUndo(books: Books, entries: UndoEntry[], now: number): void {
  const { memory } = books;
  memory.undoRuns += 1;
  for (const undo of entries) undo.state = 'running';
  const { times, place } = memory.start;
  const input: UndoInput = {
    v: 1,
    incident: headOf(memory, books.workflowId),
    environment: place.environment,
    entries: entries.map(({ state: _, ...undo }) => undo),
    until: (memory.closed?.at ?? now) + times.undoWaits,
    retryEvery: times.undoRetryEvery,
  };
  books.aside(async () => {
    await startChild('undo', {
      workflowId: undoId(memory.start.id, memory.undoRuns),
      taskQueue: queues.incidents,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: summaryOf(`Undo: ${entries.map((undo) => undo.title).join(', ')}`),
    });
  });
}

/** The undo workflow's word on one entry. */
export function recordUndone(books: Books, { id, state, evidence }: Undone): void {
  const { memory } = books;
  const undo = memory.undos.find((u) => u.id === id);
  if (!undo) return;
  undo.state = state;
  undo.evidence = evidence;
  note(memory, entry(Date.now(), byUndo, 'undo', `${undo.title}: ${state}. ${evidence}`));
  if (state === 'failed') memory.followUps.push(`Undo by hand: ${undo.title} (${evidence})`);
  if (memory.closed) storeReport(books);
}
