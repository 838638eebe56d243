import { milliseconds } from '../config/duration.js';

/** What people and the system do in a simulation. */
export type Scenario =
  /** Every page is accepted, and nobody reacts. */
  | { kind: 'nobody-answers' }
  /** The first who is paged acknowledges after a minute, and is not heard of again. */
  | { kind: 'ack-then-silence' }
  /** Somebody acknowledges, and again before it lapses, and answers no question. */
  | { kind: 'approval-expires' }
  /** Nobody reacts, and so long after the alert the proofs of recovery hold. */
  | { kind: 'recovers-at'; afterMs: number };

export const scenarioWords = 'nobody-answers, ack-then-silence, approval-expires, recovers-at=20m';

/** Reads `recovers-at=20m`; undefined for what is no scenario. */
export function readScenario(text: string): Scenario | undefined {
  if (text === 'nobody-answers' || text === 'ack-then-silence' || text === 'approval-expires') return { kind: text };
  const [, length] = /^recovers-at=(.+)$/.exec(text) ?? [];
  const afterMs = length === undefined ? undefined : milliseconds(length);
  return afterMs === undefined ? undefined : { kind: 'recovers-at', afterMs };
}

/** When somebody acknowledges, ms after the alert; one that lapses is renewed before, until `hoursMs`. */
export function acknowledgements(scenario: Scenario, { lapsesMs, minuteMs, until }: { lapsesMs: number; minuteMs: number; until: number }): number[] {
  switch (scenario.kind) {
    case 'nobody-answers':
    case 'recovers-at':
      return [];
    case 'ack-then-silence':
      return [minuteMs];
    case 'approval-expires': {
      const every = lapsesMs - Math.min(5 * minuteMs, lapsesMs / 2);
      return Array.from({ length: Math.ceil((until - minuteMs) / every) }, (_, n) => minuteMs + n * every).filter((at) => at < until);
    }
  }
}
