import type { RightName } from './rights.js';
import type { LevelName } from './ladder.js';
import type { Role } from './runbook.js';
import type { Severity } from './severity.js';

/** What the doctor looks at. */
export const areas = ['people', 'channels', 'config', 'temporal', 'workers', 'hosts'] as const;

/**
 * One thing that was looked at. A `finding` will let somebody down one night and makes the whole not green; a `note` is worth
 * knowing and may be meant so.
 */
export interface Check {
  area: (typeof areas)[number];
  /** What it is about: a role, a person, a queue, a host. */
  subject: string;
  state: 'ok' | 'note' | 'finding';
  /** In one sentence, without secrets. */
  says: string;
  /** What to do about it. */
  remedy?: string;
  /** `<runbook>: <step>` of what can't run because of it. */
  steps?: string[];
}

/** Who would be paged for a level of a runbook if nobody acknowledged. */
export interface PagedLevel {
  level: LevelName;
  /** From the alert, ms: each role's first page. */
  roles: { role: Role; afterMs: number }[];
}

/** Who holds a role in a span, ms since the epoch. */
export interface Holding {
  from: number;
  until: number;
  /** Ids of those who can be reached; the Escalation contact's holders if `standsIn`. */
  people: string[];
  standsIn: boolean;
}

/**
 * What a channel shows without telling anybody: it works; its other side is there, and more only a test page shows; or by how
 * it failed, which is also what a page would meet: refused, away (not reached, or it asks for another time), silent.
 */
export interface LookedAt {
  state: 'works' | 'is there' | 'refused' | 'away' | 'silent';
  says: string;
}

/** How somebody would be told: `email to alice@example.com`, in the order in which it is tried. */
export interface Way {
  channel: string;
  address: string;
  /** Only for pages that nobody has acknowledged for so long, ms. */
  afterMs?: number;
  looked: LookedAt;
  /** What became of the test page, if one was sent. */
  test?: LookedAt;
}

/** Everything that the doctor found. Times in ms since the epoch. */
export interface Examination {
  at: number;
  /** How far ahead the roster was looked at. */
  until: number;
  green: boolean;
  checks: Check[];
  runbooks: { runbook: string; title: string; severity: Severity; levels: PagedLevel[] }[];
  /** By role, in order of time, without a break. */
  roster: { role: Role; held: Holding[] }[];
  people: { id: string; name: string; ways: Way[] }[];
}

/** One look of a host's worker at a right of docs/permissions.md. */
export interface HostLook extends Pick<Check, 'state' | 'says' | 'remedy'> {
  right: RightName;
  /** The artisan command that is missing: only the steps that call it are in trouble. */
  command?: string;
}

/** What a host's worker found. */
export interface HostAnswer {
  /** Whom it runs as. */
  user: string;
  looks: HostLook[];
}
