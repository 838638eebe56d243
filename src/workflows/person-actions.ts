import { type Actor, actorName } from '../domain/actor.js';
import type { ActionResult } from '../domain/action.js';
import { acknowledge, snooze } from '../domain/ladder.js';
import { beginClose } from './closing.js';
import type { Books } from './desk.js';
import { currentRun, entry, note, noteRefusal, openAsks } from './incident-memory.js';
import { nextInWords } from './incident-view.js';
import { forbidden, readRefusal, refusal, type Request } from './people.js';
import { answer, pageEarly, stopRun } from './runs.js';
import { tellNews, tellPerson } from './telling.js';
import { startUndo } from './undoing.js';

/** Puts on record what our server says that a person may not do. Anything else is ignored: a forger writes nothing here. */
export function takeRefusal({ memory }: Books, input: unknown, now: number): void {
  const told = readRefusal(memory, input);
  if (!told || memory.seen.includes(told.id)) return;
  memory.seen = [...memory.seen, told.id].slice(-500);
  noteRefusal(memory, now, told.actor, `${told.refusal.of} refused: ${told.refusal.why}`);
}

/** Does what a person asks, or puts the refusal on record. A second delivery of the same request changes nothing. */
export function act(books: Books, request: Request, now: number): ActionResult {
  const { memory } = books;
  const { id, actor, action } = request;
  if (id && memory.seen.includes(id)) return { said: 'done before' };
  if (id) memory.seen = [...memory.seen, id].slice(-500);
  const why = refusal(memory, request, now) ?? forbidden(memory, request);
  if (why) {
    noteRefusal(memory, now, actor, `${action.kind} refused: ${why}`);
    return { said: `refused: ${why}` };
  }
  const open = !(memory.closed ?? memory.closing);
  const renews = ['acknowledge', 'take-over', 'approve', 'decline', 'note', 'snooze', 'escalate'].includes(action.kind);
  const hadIt = memory.ladder.acknowledgement?.by;
  if (open && renews) {
    const before = memory.ladder.acknowledgement;
    memory.ladder = acknowledge(memory.policy, memory.ladder, actor, now);
    tellWhoHasIt(books, before?.by, actor, now);
    memory.acknowledgedOnce = true;
  }
  const lapses = memory.ladder.acknowledgement ? new Date(memory.ladder.acknowledgement.lapsesAt).toISOString() : '';
  switch (action.kind) {
    case 'acknowledge':
      note(memory, entry(now, actor, 'acknowledge', `acknowledged until ${lapses}`));
      return { said: `acknowledged until ${lapses}; unresolved, it still escalates. ${nextInWords(memory, now)}` };
    case 'take-over': {
      note(memory, entry(now, actor, 'acknowledge', `took over${hadIt ? ` from ${actorName(hadIt)}` : ''} until ${lapses}: ${action.reason}`));
      if (hadIt?.kind === 'person') tellPerson(books, hadIt.person, { subject: `taken-over-${now}`, state: `taken over by ${actorName(actor)}: ${action.reason}` }, now);
      return { said: `yours${hadIt ? ` instead of ${actorName(hadIt)}'s` : ''} until ${lapses}; unresolved, it still escalates. ${nextInWords(memory, now)}` };
    }
    case 'approve':
    case 'decline': {
      const ask = openAsks(memory).find((a) => a.id === action.ask);
      if (!ask) return { said: 'refused: it is not open' };
      if (action.kind === 'approve' && ask.needsTwoPeople && !ask.first) {
        ask.first = { by: actor, at: now };
        note(memory, entry(now, actor, 'decision', `${ask.id} (${ask.act}): approved by the first of two people`));
        return { said: `approved: ${ask.act} on ${ask.host} still waits for a second person` };
      }
      answer(books, ask, action.kind === 'approve' ? 'approved' : 'declined', actor, now);
      if (action.kind === 'decline' && action.reason) note(memory, entry(now, actor, 'note', action.reason));
      return { said: `${action.kind === 'approve' ? 'approved' : 'declined'}: ${ask.act} on ${ask.host}` };
    }
    case 'escalate':
      pageEarly(books, now, action.reason ?? 'asked for', actor, action.level);
      return { said: `escalated. ${nextInWords(memory, now)}` };
    case 'snooze': {
      const until = now + action.minutes * memory.start.times.minute;
      memory.ladder = snooze(memory.policy, memory.ladder, until);
      note(memory, entry(now, actor, 'snooze', `snoozed until ${new Date(until).toISOString()}: ${action.reason}`));
      return { said: `snoozed until ${new Date(until).toISOString()}` };
    }
    case 'note':
      note(memory, entry(now, actor, 'note', action.text));
      return { said: 'noted' };
    case 'check':
      memory.wanted = action.run ? 'full' : 'check';
      if (actor.kind === 'person') memory.wantedBy = actor.person;
      note(memory, entry(now, actor, 'run', action.run ? 'asked for a run' : 'asked for a check'));
      return { said: action.run ? 'a run starts' : 'a check starts' };
    case 'undo': {
      const registered = memory.undos.find((u) => u.id === action.undo);
      if (!registered) return { said: 'refused: it is not registered' };
      note(memory, entry(now, actor, 'undo', `asked for: ${registered.title}`));
      registered.by = actorName(actor);
      startUndo(books, [registered], now);
      return { said: `undoing: ${registered.title}` };
    }
    case 'stop': {
      const run = currentRun(memory);
      if (run) stopRun(books, run, actor, action.reason || 'stopped by a person');
      note(memory, entry(now, actor, 'run', `asked run ${run?.n ?? ''} to stop: ${action.reason}`));
      return { said: `run ${run?.n ?? ''} is told to stop; the incident stays open` };
    }
    case 'resolve':
      beginClose(books, { as: 'resolved by a person', reason: action.reason, by: actor }, now);
      return { said: 'closing: the run is stopped and the report is stored' };
  }
}

/** An update when it changes hands; none while the same person renews what they have. */
function tellWhoHasIt(books: Books, before: Actor | undefined, actor: Actor, now: number): void {
  const [had, has] = [before && nameOf(before), nameOf(actor)];
  if (had !== has) tellNews(books, 'acknowledged', had === undefined ? `${has} has acknowledged` : `${has} has taken over from ${had}`, now);
}

function nameOf(actor: Actor): string {
  return actor.kind === 'person' ? actor.person : actorName(actor);
}
