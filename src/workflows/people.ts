import type { Actor } from '../domain/actor.js';
import { type ActionKind, type PersonAction, type Refusal, type SignedAction, unverifiedActions } from '../domain/action.js';
import { forbids } from '../domain/permissions.js';
import { verified } from '../domain/signing.js';
import { actorName } from '../domain/actor.js';
import { currentRun, type IncidentMemory, openAsks } from './incident-memory.js';

/** What reached us and from whom: signed by our HTTP server, or typed into the Temporal UI. */
export interface Request {
  /** Absent where nobody gave one. */
  id?: string;
  actor: Actor;
  /** The actor's roles, as our server signed them. */
  roles?: string[];
  /** It bears a signature that is not our server's, or not of this. */
  forged?: true;
  action: PersonAction;
}

/**
 * Reads an action under the name of its signal or update. Only a signature of our own server names a person; all else is
 * recorded as unverified. Lenient with what a person types into the UI: `{"text": "…"}`, `{"ask": "1.1"}` or nothing.
 */
export function readRequest(memory: IncidentMemory, kind: ActionKind, input: unknown): Request {
  const signed = ofOurServer(memory, input);
  if (signed?.action.kind === kind) {
    const { id, person, via, roles, action } = signed;
    return { id, actor: { kind: 'person', person, via }, action: action as PersonAction, ...(roles && { roles }) };
  }
  const bears = typeof input === 'object' && input !== null && 'signature' in input;
  return { actor: { kind: 'unverified', via: 'temporal' }, action: typed(memory, kind, input), ...(bears && { forged: true }) };
}

/** What a person may not do, as our server says it for the record; undefined for anything else. */
export function readRefusal(memory: IncidentMemory, input: unknown): { id: string; actor: Actor; refusal: Refusal } | undefined {
  const signed = ofOurServer(memory, input);
  if (signed?.action.kind !== 'refusal') return undefined;
  return { id: signed.id, actor: { kind: 'person', person: signed.person, via: signed.via }, refusal: signed.action };
}

function ofOurServer(memory: IncidentMemory, input: unknown): SignedAction | undefined {
  const signed = input as Partial<SignedAction> | undefined;
  if (!signed || typeof signed !== 'object' || typeof signed.signature !== 'string' || !signed.action) return undefined;
  const whole = signed as SignedAction;
  return whole.incidentId === memory.start.id && verified(whole, memory.start.publicKeys) ? whole : undefined;
}

function typed(memory: IncidentMemory, kind: ActionKind, input: unknown): PersonAction {
  const fields = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const text = (name: string): string => {
    const value = typeof input === 'string' ? input : fields[name];
    return typeof value === 'string' ? value.slice(0, 2_000) : '';
  };
  const onlyAsk = openAsks(memory).length === 1 ? (openAsks(memory)[0]?.id ?? '') : '';
  switch (kind) {
    case 'acknowledge':
      return { kind };
    case 'take-over':
      return { kind, reason: text('reason') };
    case 'approve':
      return { kind, ask: text('ask') || onlyAsk };
    case 'decline':
      return { kind, ask: text('ask') || onlyAsk, reason: text('reason') };
    case 'escalate':
      return { kind, ...(typeof fields['level'] === 'number' ? { level: fields['level'] } : {}), reason: text('reason') };
    case 'snooze':
      return { kind, minutes: Number(fields['minutes']), reason: text('reason') };
    case 'note':
      return { kind, text: text('text') };
    case 'check':
      return { kind, run: fields['run'] === true };
    case 'undo':
      return { kind, undo: text('undo') };
    case 'stop':
      return { kind, reason: text('reason') };
    case 'resolve':
      return { kind, reason: text('reason') };
  }
}

/** Why whoever has only Temporal may never do this, in words; undefined if they may, or if our server knows who it is. */
export function unproven(memory: IncidentMemory, request: Request): string | undefined {
  const { actor, action, forged } = request;
  if (actor.kind !== 'unverified') return undefined;
  if (unverifiedActions.includes(action.kind)) return forbidden(memory, request);
  return `${action.kind} needs a person that our server knows: use the responder command or a link of a page${forged ? '; the signature that came with it is not our server’s' : ''}`;
}

/** Why this action is not possible now, in words for the person; undefined if it is. Pure: validators call it. */
export function refusal(memory: IncidentMemory, request: Request, now: number): string | undefined {
  const { actor, action } = request;
  const never = unproven(memory, request);
  if (never !== undefined) return never;
  if (memory.closed ?? memory.closing) {
    if (action.kind === 'note') return undefined;
    if (action.kind === 'undo') return refusedUndo(memory, action.undo);
    return `the incident is closed (${memory.closed?.as ?? memory.closing?.as}); a new alert reopens it`;
  }
  const { times } = memory.start;
  switch (action.kind) {
    case 'acknowledge':
      return undefined;
    case 'take-over': {
      const by = memory.ladder.acknowledgement?.by;
      if (by?.kind === 'person' && actor.kind === 'person' && by.person === actor.person) return `${actor.person} has it already: acknowledge renews that`;
      return action.reason.trim() ? undefined : 'to take over needs a reason';
    }
    case 'approve':
    case 'decline':
      return refusedAnswer(memory, action.ask, now) ?? (action.kind === 'approve' ? refusedSecond(memory, action.ask, actor) : undefined);
    case 'escalate': {
      const highest = 1 + memory.start.ladder.levels.length;
      if (action.level === undefined || (Number.isInteger(action.level) && action.level >= 1 && action.level <= highest)) return undefined;
      return `there is no level ${action.level}: this incident has levels 1 to ${highest}`;
    }
    case 'snooze': {
      const most = memory.start.severity === 'Critical' ? times.snoozeAtMostCritical : times.snoozeAtMost;
      const minutes = most / times.minute;
      if (!(action.minutes > 0) || action.minutes > minutes) return `a ${memory.start.severity} incident may be snoozed for 1 to ${minutes} min, not ${action.minutes}`;
      return action.reason.trim() ? undefined : 'a snooze needs a reason';
    }
    case 'note':
      return action.text.trim() ? undefined : 'a note needs a text';
    case 'check': {
      const run = currentRun(memory);
      return run ? `run ${run.n} is going on (${run.phase})` : undefined;
    }
    case 'undo':
      return refusedUndo(memory, action.undo);
    case 'stop':
      return currentRun(memory) ? undefined : 'no run is going on';
    case 'resolve':
      return action.reason.trim() ? undefined : 'to close an incident unproven needs a reason';
  }
}

/**
 * Why the permissions with which the incident began forbid a possible action, in words for the person; undefined if they
 * don't. Somebody without a signature has no roles.
 */
export function forbidden(memory: IncidentMemory, { actor, action, roles = [] }: Request): string | undefined {
  const { permissions } = memory.start;
  const person = actor.kind === 'person' ? actor.person : undefined;
  if (action.kind !== 'approve') return forbids(permissions, { person, roles }, action.kind);
  const ask = memory.asks.find(({ id }) => id === action.ask);
  if (!ask) return undefined;
  if (permissions?.ownRequests === 'refused' && ask.requestedBy !== undefined && ask.requestedBy === person) {
    return `${person} asked for the run that asks ${ask.id}: somebody else has to approve`;
  }
  return forbids(permissions, { person, roles }, { approve: ask.risk });
}

function refusedSecond(memory: IncidentMemory, id: string, actor: Actor): string | undefined {
  const first = memory.asks.find((ask) => ask.id === id)?.first?.by;
  const same = first?.kind === 'person' && actor.kind === 'person' && first.person === actor.person;
  return same ? `${actor.person} has approved question ${id} already: it takes a second person` : undefined;
}

function refusedUndo({ undos }: IncidentMemory, id: string): string | undefined {
  const registered = undos.find((undo) => undo.id === id);
  if (!registered) return `there is no undo ${id || '(none given)'}; ${undos.length > 0 ? `there are: ${undos.map((undo) => undo.id).join(', ')}` : 'nothing was done that can be taken back'}`;
  return ['running', 'waiting', 'done'].includes(registered.state) ? `undo ${id} is ${registered.state}` : undefined;
}

function refusedAnswer(memory: IncidentMemory, id: string, now: number): string | undefined {
  const ask = memory.asks.find((a) => a.id === id);
  if (!ask) {
    const open = openAsks(memory).map((a) => a.id);
    return `there is no question ${id || '(none given)'}; ${open.length > 0 ? `open: ${open.join(', ')}` : 'none is open'}`;
  }
  if (ask.answer) return `question ${id} was ${ask.answer.answer} by ${actorName(ask.answer.by)} at ${new Date(ask.answer.at).toISOString()}`;
  // The timer may not have fired yet; the deadline counts.
  if (ask.expiresAt !== null && ask.expiresAt <= now) return `too late: question ${id} expired at ${new Date(ask.expiresAt).toISOString()}`;
  return undefined;
}
