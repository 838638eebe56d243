import type { Undelivered } from '../domain/page.js';
import type { RoutedAlert } from '../alerts/routing.js';
import type { PersonAction, Refusal } from '../domain/action.js';
import type { IncidentStateName, IncidentView } from '../domain/incident.js';
import type { Mode } from '../domain/messages.js';
import type { Modes } from '../domain/mode.js';
import type { StepReport } from '../domain/step.js';

/**
 * What became of an accepted alert. `opened` and `joined` name the incident; `queued` means that Temporal has it but could
 * not say in time which of the two it is; `accepted` that our server has it on its disk and Temporal is still to get it;
 * `silenced` that a silence holds it; `ignored` is a 'resolved' for which nothing is open.
 */
export interface AcceptedAlert {
  fingerprint: string;
  workflowId: string;
  incidentId: string | null;
  state: 'opened' | 'joined' | 'queued' | 'silenced' | 'accepted' | 'ignored';
}

/** An incident as lists show it, readable without a worker. Times in ms since the epoch. */
export interface IncidentSummary {
  id: string;
  workflowId: string;
  runbook: string;
  severity: string;
  target: string;
  state: string;
  level: number;
  waitingFor: string;
  nextEscalationAt: number | null;
  openedAt: number;
}

/** Who acts, and through what. `id` makes a repeat of the same action harmless; a new UUID without it. */
export interface Acting {
  person: string;
  via: 'cli' | 'http' | 'link' | 'chat';
  id?: string;
}

/** `queued`: no worker answered in time; the action is kept by Temporal and is judged when one is back. */
export interface Recorded {
  recorded: 'applied' | 'queued';
  said: string;
}

export interface IncidentFilter {
  state?: IncidentStateName;
  runbook?: string;
  includeClosed?: boolean;
}

/**
 * The incidents, as the HTTP server needs them. Every call has a deadline and throws ApiError: `temporal_unreachable`;
 * where an incident is named, `unknown_incident` and `ambiguous_incident`; where a worker must answer, `no_worker`.
 */
export interface Incidents {
  /** Opens or joins the alert's incident, durably once it resolves. A repeat joins. */
  accept(routed: RoutedAlert): Promise<AcceptedAlert>;
  /** Newest first. */
  list(filter: IncidentFilter): Promise<IncidentSummary[]>;
  /** By its id, by at least 6 characters of it, or by its workflow id. */
  find(reference: string): Promise<IncidentSummary>;
  /** The whole incident, and the steps of its latest run. A closed one is read from its report. */
  view(reference: string): Promise<{ view: IncidentView; progress: StepReport[] }>;
  /** Throws `refused` with the incident's reason, `forbidden` if the permissions are it, or `closed`. */
  act(reference: string, action: PersonAction, acting: Acting): Promise<Recorded>;
  /**
   * Puts on the incident's record that somebody was refused: the same to the same caller once a minute, so that nobody fills a
   * history by being refused. Never throws: a refusal stands without it.
   */
  refuse(reference: string, refusal: Omit<Refusal, 'kind'>, acting: Acting): Promise<void>;
  /** Tells the incident that a page did not arrive, after all. `key` is the page's. A repeat changes nothing. */
  undelivered(page: Pick<Undelivered, 'key' | 'reference' | 'status'>): Promise<void>;
  modes(): Promise<Modes>;
  /** The modes as they will be. Kept by Temporal also while no worker is up; a repeat changes nothing. */
  setMode(change: { scope: string; mode: Mode }, acting: Acting): Promise<Modes>;
  /** Resolves if Temporal answers for our namespace now. */
  reachable(): Promise<void>;
}

/** Reports of closed incidents, kept outside Temporal. */
export interface Reports {
  /** The text, or undefined if there is none (yet). `id` is a whole incident id. */
  read(id: string, format: 'md' | 'json'): Promise<string | undefined>;
  /** Those that were written since a moment, ms since the epoch. */
  since(moment: number): AsyncIterable<IncidentView | 'unreadable'>;
}
