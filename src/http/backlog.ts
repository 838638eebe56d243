import { uuidv7 } from 'uuidv7';
import type { RoutedAlert } from '../alerts/routing.js';
import type { Alert } from '../domain/alert.js';
import { severities } from '../domain/severity.js';
import type { AcceptedAlert } from './incidents.js';
import type { SpoolEntry, Spooled } from './spool.js';

/** An entry of the spool on its way to Temporal. */
export interface Held extends Spooled {
  /** ms since the epoch: not handed over before. */
  notBefore: number;
  /** Times it failed though Temporal was there. */
  failures: number;
  /** Since when it fails so, ms since the epoch. */
  failingSince?: number;
  /** ms since the epoch: those who are not reached yet are not paged again before; and the rest after the next try, ms. */
  pageNotBefore: number;
  pageRest: number;
  /** Told what became of it, once; undefined if that is not known. */
  waiting: ((answer: AcceptedAlert | undefined) => void)[];
  /** How many of those would like to know the incident. */
  asking: number;
}

/** What waits for Temporal, in the order in which it goes: by severity, then by arrival. Each entry is taken, and put back or removed. */
export interface Backlog {
  get(workflowId: string): Held | undefined;
  /** Puts an entry in its place: a new one behind the others of its severity, one that was taken before them. */
  put(held: Held): void;
  /** Takes the first that may go now. */
  next(now: number): Held | undefined;
  /** Takes this one, if nobody has it. */
  take(held: Held): boolean;
  remove(held: Held): void;
  /** When something may go that may not yet, ms since the epoch; Infinity if nothing waits so. */
  nextAt(): number;
  /** All of it, what is taken too, in no order. */
  all(): Iterable<Held>;
  readonly count: number;
}

export function openBacklog(): Backlog {
  const all = new Map<string, Held>();
  const fresh = severities.map(() => new Set<Held>());
  /** Few: what was on its way when Temporal went. */
  const again = severities.map(() => new Set<Held>());
  const later = new Set<Held>();
  let dueAt = Infinity;
  const rank = ({ entry }: Held): number => severities.indexOf(entry.opening.alert.severity);

  function ripen(now: number): void {
    if (now < dueAt) return;
    dueAt = Infinity;
    for (const held of later) {
      if (held.notBefore > now) dueAt = Math.min(dueAt, held.notBefore);
      else if (later.delete(held)) fresh[rank(held)]?.add(held);
    }
  }

  return {
    get: (workflowId) => all.get(workflowId),
    put(held) {
      const known = all.has(held.workflowId);
      all.set(held.workflowId, held);
      if (held.notBefore > Date.now()) {
        later.add(held);
        dueAt = Math.min(dueAt, held.notBefore);
      } else (known ? again : fresh)[rank(held)]?.add(held);
    },
    next(now) {
      ripen(now);
      for (const index of severities.keys()) {
        const [first] = again[index] ?? [];
        const oldest = [...(again[index] ?? [])].reduce((a, b) => (a && a.entry.id < b.entry.id ? a : b), first);
        const held = oldest ?? fresh[index]?.values().next().value;
        if (held) {
          again[index]?.delete(held);
          fresh[index]?.delete(held);
          return held;
        }
      }
      return undefined;
    },
    take: (held) => [...again, ...fresh, later].some((set) => set.delete(held)),
    remove: (held) => void all.delete(held.workflowId),
    nextAt: () => dueAt,
    all: () => all.values(),
    get count() {
      return all.size;
    },
  };
}

/** What is kept of an alert for which nothing is kept yet. */
export function entryOf(routed: RoutedAlert, traceparent: string | undefined): SpoolEntry {
  return { v: 1, id: uuidv7(), count: 1, fired: routed.alert.status === 'firing', opening: openingOf(routed), ...(traceparent !== undefined && { traceparent }) };
}

/** The same with one alert more. */
export function withAlert(entry: SpoolEntry, routed: RoutedAlert): SpoolEntry {
  const { alert } = routed;
  const opens = !entry.fired && alert.status === 'firing';
  const { last: _, ...rest } = entry;
  return { ...rest, count: entry.count + 1, fired: entry.fired || opens, ...(opens ? { opening: openingOf(routed) } : { last: alert }) };
}

/** What the incident is told of an entry. */
export function wordOf({ opening, last, id, count, fired, paged }: SpoolEntry): Alert {
  return { ...(last ?? opening.alert), kept: { id, count, fired, ...(paged && { paged }) } };
}

function openingOf({ alert, place, ladder, runbook: { title, prevention } }: RoutedAlert): SpoolEntry['opening'] {
  return { alert, place, ladder, runbook: { title, prevention } };
}
