import type { Actor } from './actor.js';
import type { Ladder, Role } from './runbook.js';
import type { Severity } from './severity.js';
import type { Times } from './times.js';

/** What an incident freezes when it opens: who is paged when. */
export interface LadderPolicy {
  severity: Severity;
  ladder: Ladder;
  times: Times;
}

/** `last resort` is above every level. */
export type LevelName = number | 'last resort';

/** Why somebody is paged at this moment. */
export type PageReason = 'due' | 'early' | 'repeat' | 'acknowledgement lapsed' | 'last resort' | 'hold ended';

/** One level's share of a due moment. */
export interface PagePart {
  level: LevelName;
  /** `<cycle>.<round>`: a new cycle begins when a level starts again, so that no two pages share a key. */
  round: string;
  roles: Role[];
  reason: PageReason;
}

/** Everything that is due at one moment. One activity looks the roles up as of `dueAt`; each person is paged once. */
export interface DuePage {
  /** Milliseconds since the epoch. */
  dueAt: number;
  /** Highest level last. */
  parts: PagePart[];
  /** True after an outage or a hold: only the highest due level is in `parts`, the lower ones count as paged. */
  late: boolean;
}

/** Why the ladder waits. */
export type Hold = 'attached' | 'watching' | 'mitigated' | 'closed';

export interface Acknowledgement {
  by: Actor;
  at: number;
  lapsesAt: number;
}
