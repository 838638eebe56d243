/**
 * How to take an act back, registered with the incident before the act. `automatic` runs after proof and before the watch
 * (or at close); `owned` is lifted only by its own workflow or a person; `offered` is a person's button.
 */
export interface Undo {
  /** Unique in the incident: `<run>/<act>`. */
  id: string;
  kind: 'automatic' | 'owned' | 'offered';
  /** What will be done, for people: `Write RATE_LIMIT_AUTH=10 back`. */
  title: string;
  /** Host whose worker does it. */
  host: string;
  /** Activity that does it, with its one argument. It must check that the value is still ours, and be safe to repeat. */
  activity: string;
  argument: unknown;
  /** Resources it locks, as an act does. */
  touches: string[];
}

/** `waiting`: it was tried, and its condition does not hold yet. */
export type UndoState = 'registered' | 'running' | 'waiting' | 'done' | 'failed';

/** An undo as the incident keeps it. */
export interface UndoEntry extends Undo {
  state: UndoState;
  /** What the undo said, or why it failed. */
  evidence?: string;
  by?: string;
}
