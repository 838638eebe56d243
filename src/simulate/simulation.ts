import type { AskRecord, IncidentView, TimelineEntry } from '../domain/incident.js';
import type { PageRequest } from '../domain/page.js';
import type { Severity } from '../domain/severity.js';
import type { Risk } from '../domain/step.js';

/** A message that would have left. Times in ms since the epoch. */
export interface SimulatedPage {
  at: number;
  kind: PageRequest['kind'];
  /** `nobody` if there is no person to tell. */
  person: string;
  name?: string;
  channel: string;
  /** As the channel shows it: a mail address, a number, the name of a webhook. */
  address: string;
  subject: string;
  late: boolean;
  /** Roles through which the person is reached; absent for what the incident did not keep. */
  why?: string;
}

/** An act as a run met it. */
export interface SimulatedAct {
  run: number;
  startedAt: number;
  step: string;
  act: string;
  risk: Risk;
  /** `would run: …`, or why it would not. */
  outcome: string;
}

/** A night that did not happen. Times in ms since the epoch. */
export interface Simulation {
  runbook: string;
  title: string;
  target: string;
  severity: Severity;
  scenario: string;
  at: number;
  until: number;
  pages: SimulatedPage[];
  looks: string[];
  acts: SimulatedAct[];
  asks: Pick<AskRecord, 'id' | 'step' | 'act' | 'command' | 'risk' | 'askedAt' | 'expiresAt' | 'answer'>[];
  runs: { n: number; kind: 'full' | 'check'; startedAt: number; endedAt?: number; end?: string }[];
  timeline: TimelineEntry[];
  /** Of the timeline: a role without a person, somebody without an address. */
  problems: string[];
  end: Pick<IncidentView, 'state' | 'level' | 'waitingFor' | 'closedAt' | 'closedAs' | 'nextPage'>;
}
