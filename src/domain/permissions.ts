import type { ActionKind } from './action.js';
import type { Risk } from './step.js';

/** What the config can keep for some people, besides approvals, which have a risk each. `open`, `mode` and `silence` are no incident's business. */
export const restrictable = ['acknowledge', 'take-over', 'decline', 'escalate', 'snooze', 'note', 'check', 'undo', 'stop', 'resolve', 'open', 'mode', 'silence'] as const satisfies readonly (ActionKind | 'open' | 'mode' | 'silence')[];
export type Restrictable = (typeof restrictable)[number];

/** Risks of acts that may ask a person. */
export const approvable = ['safe', 'disruptive', 'destructive'] as const satisfies readonly Risk[];
export type Approvable = (typeof approvable)[number];

/** Who may what (docs/security.md). Lists are of roles and of people's ids; what is absent is everybody's, an empty list nobody's. */
export type Permissions = Partial<Record<Restrictable, string[]>> & {
  approve?: Partial<Record<Approvable, string[]>>;
  /** Risks whose acts need the approvals of two people. */
  twoPeople: Approvable[];
  /** May somebody approve the acts of a run that they asked for? */
  ownRequests: 'refused' | 'allowed';
};

/** Somebody as permissions see them: without `person` it is nobody that our server knows. */
export interface Holder {
  person?: string | undefined;
  /** Roles of the roster at the moment of the action. */
  roles: readonly string[];
}

/** What is to be done: an approval with the risk of its act. */
export type Deed = Restrictable | { approve: Risk };

/** Why the permissions forbid it, in words for the person; undefined if they don't. Pure: server and incident both ask. */
export function forbids(permissions: Permissions | undefined, { person, roles }: Holder, deed: Deed): string | undefined {
  const allowed = allowedFor(permissions, deed);
  if (!allowed || allowed.some((name) => name === person || roles.includes(name))) return undefined;
  const what = typeof deed === 'string' ? deed : `to approve a ${deed.approve} act`;
  return `${what} is left to ${allowed.length > 0 ? allowed.join(', ') : 'nobody'} by the config${person === undefined ? '' : `, and ${person} is none of them`}`;
}

function allowedFor(permissions: Permissions | undefined, deed: Deed): string[] | undefined {
  if (typeof deed === 'string') return permissions?.[deed];
  return deed.approve === 'observe' ? undefined : permissions?.approve?.[deed.approve];
}

/** True if one approval is not enough for an act of this risk. */
export function needsTwoPeople(permissions: Permissions | undefined, risk: Risk): boolean {
  return permissions?.twoPeople.some((one) => one === risk) ?? false;
}
