import type { Mode } from './messages.js';
import type { SilenceRequest } from './silence.js';

/** What a person can do with an incident. Texts are at most 2 000 characters. */
export type PersonAction =
  | { kind: 'acknowledge' }
  /** From whoever has acknowledged, who is told; or the acknowledgement, if nobody has. */
  | { kind: 'take-over'; reason: string }
  | { kind: 'approve'; ask: string }
  | { kind: 'decline'; ask: string; reason?: string }
  /** To the next level not yet paged, or to a chosen one; the levels below it count as paged. */
  | { kind: 'escalate'; level?: number; reason?: string }
  | { kind: 'snooze'; minutes: number; reason: string }
  | { kind: 'note'; text: string }
  /** A check-only run now, or with `run` a full one. */
  | { kind: 'check'; run?: boolean }
  | { kind: 'undo'; undo: string }
  /** Stops the run, not the incident. */
  | { kind: 'stop'; reason: string }
  /** Closes the incident unproven. */
  | { kind: 'resolve'; reason: string };

export type ActionKind = PersonAction['kind'];

/** Type of the failure of an update that the permissions forbid. */
export const notPermitted = 'NotPermitted';

/** What somebody with access to the Temporal namespace may do without our signature (DESIGN 4); recorded as unverified. */
export const unverifiedActions: readonly ActionKind[] = ['acknowledge', 'note', 'escalate', 'decline'];

/** Turns the kill switch, for all runbooks (`global`) or one. Not an incident's business: see src/workflows/mode.ts. */
export interface ModeChange {
  kind: 'mode';
  scope: string;
  mode: Mode;
}

/** Adds a silence, under the id of the signed action, or ends one. See src/workflows/silences.ts. */
export type SilenceChange = { kind: 'silence'; silence: SilenceRequest } | { kind: 'expire silence'; silence: string };

/** What the permissions forbade a person, for the incident's record: sent by the server, which refused or was told of it. */
export interface Refusal {
  kind: 'refusal';
  of: ActionKind;
  why: string;
}

/** An action with the proof that our HTTP server authenticated its person: Ed25519 over `signedText`, in hex. */
export interface SignedAction {
  v: 1;
  /** UUID; a second delivery of the same id changes nothing. */
  id: string;
  /** `mode` for a change of mode, `silences` for one of silences. */
  incidentId: string;
  person: string;
  via: 'cli' | 'http' | 'link' | 'chat' | 'console';
  /** ms since the epoch. */
  at: number;
  action: PersonAction | ModeChange | SilenceChange | Refusal;
  /** The person's roles at that moment, where the config has permissions. */
  roles?: string[];
  signature: string;
}

/** The text that is signed: every field, in this order; roles only where there are some to sign. */
export function signedText(action: Omit<SignedAction, 'signature'>): string {
  const { v, id, incidentId, person, via, at, action: what, roles } = action;
  return JSON.stringify([v, id, incidentId, person, via, at, what, ...(roles ? [roles] : [])]);
}

/** The incident's answer to an action: what it did, in words, or the reason why not. */
export interface ActionResult {
  said: string;
}
