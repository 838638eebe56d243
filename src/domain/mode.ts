import type { Mode } from './messages.js';

/** The kill switch as people set it: one mode for all, and others for single runbooks. Kept in the memo of workflow `mode`. */
export interface Modes {
  global: Mode;
  runbooks: Record<string, Mode>;
}

export const defaultModes: Modes = { global: 'automatic', runbooks: {} };

/** The stricter of both scopes wins: a global observe-only can't be undone for one runbook. */
export function modeFor(modes: Modes, runbook: string): Mode {
  const own = modes.runbooks[runbook] ?? 'automatic';
  return strictness.indexOf(own) > strictness.indexOf(modes.global) ? own : modes.global;
}

const strictness: Mode[] = ['automatic', 'observe-only', 'dry-run'];
