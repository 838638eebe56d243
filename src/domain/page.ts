import type { DuePage } from './ladder.js';
import type { Ask } from './messages.js';
import type { Severity } from './severity.js';

/** What a page says besides whom it is for. Lines are for people and may hold an outsider's text: channels escape it. */
export interface Story {
  /** What is wrong: the alert's title. */
  wrong: string;
  state: string;
  found: string[];
  done: string[];
  /** Acts that wait for an answer. */
  asked: Ask[];
  /** What happens next and when, in one sentence. */
  next: string;
}

/** The incident as every page, notice and report names it. */
export interface IncidentHead {
  id: string;
  workflowId: string;
  runbook: string;
  title: string;
  severity: Severity;
  target: string;
  openedAt: number;
  links: { console: string; temporal: string };
}

/** Argument of the activity `sendPage`: one due moment, one question, or one notice. */
export type PageRequest = {
  incident: IncidentHead;
  story: Story;
  /** Only these of its people: the rest has been reached by an earlier request of the same keys. */
  only?: Missing[];
} & (
  | { kind: 'page'; due: DuePage; waited?: Waited }
  /** New questions, asked of everyone paged so far; `people` are ids of the config. Its key names the first of them. */
  | { kind: 'ask'; asks: Ask[]; people: string[]; dueAt: number }
  /** Told once, without repeats: to a role as of `dueAt`, or to people who were paged before. `subject` makes its key unique. */
  | { kind: 'notice'; subject: string; roles: string[]; people: string[]; dueAt: number; news?: News }
);

/** From our HTTP server: what took a page says afterwards that it did not arrive. Such a signal only makes others be tried. */
export interface Undelivered {
  v: 1;
  incidentId: string;
  key: string;
  /** What the other side calls the message: `reference` of its delivery. */
  reference?: string | undefined;
  /** In the other side's word. */
  status: string;
}

/** Why a copy leaves after its due moment, and when it was to leave (ms since the epoch). */
export interface Waited {
  until: number;
  /** The delay of the contacts that it is for, ms: nobody acknowledged for so long. Absent if quiet hours held it. */
  after?: number;
  /** Ways that took it and did not bring it: the others are tried. */
  past?: string[];
}

/** `changed`: it escalates, recovers, relapses. */
export const newsKinds = ['acknowledged', 'changed', 'over'] as const;
export type NewsKind = (typeof newsKinds)[number];

/** What a notice changes about pages that were sent: a pager of its own state closes them. */
export interface News {
  kind: NewsKind;
  /** What has happened, in a few words; the state of the incident if absent. */
  says?: string;
  pages: Pick<Delivery, 'key' | 'person' | 'channel' | 'reference'>[];
}

/** Somebody whom a request has not reached yet. */
export interface Missing {
  person: string;
  /** A channel may have taken it and not said so: the next try may repeat it. */
  mayHaveArrived: boolean;
}

/** One person's copy of a page and what became of it. Times in ms since the epoch. */
export interface Delivery {
  /** `<incident>/<level>/<round>/<person>` for pages; the same for every attempt. */
  key: string;
  person: string;
  /** Roles through which the person was reached, and the one they stand in for if the role has no holder. */
  why: string;
  channel: string;
  /** What the other side calls it, if later messages can refer to it. */
  reference?: string;
  dueAt: number;
  sentAt: number;
  acceptedAt: number;
  attempts: number;
  /** Times this key was handed to the channel again after it may have been accepted already. */
  repeats: number;
  late: boolean;
  /** Where it went is told what becomes of the incident. */
  updates?: true;
  /** Its channel tells later whether it arrived. */
  receipt?: 'to come';
}

/** Answer of `sendPage`. `problems` are lines for the timeline: an unmapped role, a channel that failed before another worked. */
export interface PageResult {
  deliveries: Delivery[];
  /** Not reached while others were: to be asked for again, beside. */
  missing: Missing[];
  problems: string[];
  /** Copies that are to leave later by themselves. Absent if the config asks for none. */
  later?: Later[];
  /** Others are being paged too: the incident's run is to wait until then, ms since the epoch. Absent if it need not. */
  runFrom?: number;
}

/** A copy for one person: by contacts with a delay (ms after the page), or at the end of quiet hours (ms since the epoch). */
export type Later = { person: string } & ({ after: number } | { until: number });

/** What the server did itself while Temporal was away: the first page of level 1, under the key that the incident would use. */
export interface OwnPage {
  deliveries: Delivery[];
  missing: Missing[];
  /** Copies that are still to leave: by the server for as long as Temporal is away, then by the incident. Absent if none is. */
  later?: OwnLater[];
}

/** One person's copy at a later moment `at`: by contacts with a delay of `after`, or at the end of quiet hours. Times in ms. */
export interface OwnLater {
  person: string;
  at: number;
  after?: number;
  /** A channel may have taken it and not said so. */
  mayHaveArrived?: true;
}

/** When a copy leaves by contacts with a delay: a page that was late itself begins its delay when it is out. Times in ms. */
export function delayedUntil(delay: number, { dueAt, now }: { dueAt: number; now: number }): number {
  return (now < dueAt + delay ? dueAt : now) + delay;
}
