import type { PersonAction } from '../domain/action.js';
import type { IncidentView } from '../domain/incident.js';
import type { Mode } from '../domain/messages.js';
import type { Examination } from '../domain/doctor.js';
import type { Modes } from '../domain/mode.js';
import type { SilenceView } from '../domain/silence.js';
import type { StepReport } from '../domain/step.js';
import type { Trial } from '../trial.js';
import type { RunbookLine } from './catalogue.js';
import type { OnCallList } from './oncall.js';
import { CliError } from './cli-error.js';
import { brokenShape, failureOf } from './api-failures.js';
import { checkedIncidentId, explainUnknownId } from './incident-id.js';
import { httpClient, type Answer, type HttpClient, type Server } from './http-client.js';

/** One line of the list of incidents. Times in ms since the epoch or ISO 8601. */
export interface IncidentLine {
  id: string;
  workflowId: string;
  runbook: string;
  severity: string;
  target: string;
  state: string;
  level: number;
  waitingFor: string;
  nextEscalationAt?: number | string | null;
  openedAt?: number | string | null;
}

export interface IncidentDetails {
  view: IncidentView;
  /** Steps of the run that is going on, as far as they are. */
  progress: StepReport[];
}

/** What became of one alert. `queued` and `accepted` are kept, but what it opened or joined was not known in time. */
export interface AcceptedAlert {
  fingerprint: string;
  workflowId: string;
  incidentId: string | null;
  state: 'opened' | 'joined' | 'queued' | 'silenced' | 'accepted' | 'ignored';
}

/** Where one alert would go. */
export interface RoutedLine {
  title: string;
  status: string;
  runbook: string;
  target: string;
  targetIsClear: boolean;
  severity: string;
  because: string;
}

interface Recorded {
  recorded: 'applied' | 'queued';
  said: string;
}

/** The server's HTTP API. Every text in an answer is already safe for a terminal. All calls throw `CliError`. */
export interface Api {
  incidents(filter: { state?: string; runbook?: string; all?: boolean }): Promise<IncidentLine[]>;
  incident(id: string, signal?: AbortSignal): Promise<IncidentDetails>;
  open(request: { runbook: string; target?: string; title: string; severity?: string }): Promise<AcceptedAlert[]>;
  /** Sends an alert's JSON as it is. A repeat joins the incident that the first one opened. */
  alert(body: unknown, format?: string): Promise<AcceptedAlert[]>;
  /** Where the alerts of a body would go. Opens nothing. */
  route(body: unknown, format?: string): Promise<RoutedLine[]>;
  act(id: string, action: PersonAction): Promise<Recorded>;
  modes(): Promise<Modes>;
  setMode(change: { scope: string; mode: Mode }): Promise<Modes>;
  silences(): Promise<SilenceView[]>;
  /** Matchers as a person writes them; moments in ISO 8601. */
  addSilence(request: { matchers: string[]; startsAt?: string; endsAt: string; reason: string }): Promise<SilenceView>;
  expireSilence(id: string): Promise<SilenceView>;
  reportMarkdown(id: string): Promise<string>;
  reportJson(id: string): Promise<unknown>;
  runbooks(): Promise<RunbookLine[]>;
  /** Who is on call, now if no moment is given. */
  onCall(at?: Date): Promise<OnCallList>;
  /** `since` is a duration such as `14d`. */
  trial(since: string): Promise<Trial>;
  /** Takes up to a minute; `sendTest` sends a test page to everybody who may be paged. */
  doctor(options: { sendTest: boolean }): Promise<Examination>;
}

/** Connects nothing by itself. `server` names the place; each call reads the token that it needs and fails without it. */
export function responderApi(server: Server): Api {
  const http = httpClient(server);

  const incidents: Api['incidents'] = async ({ state, runbook, all }) => {
    const query = new URLSearchParams();
    if (state !== undefined) query.set('state', state);
    if (runbook !== undefined) query.set('runbook', runbook);
    if (all === true) query.set('all', 'true');
    const answer = await succeed(http, { method: 'GET', path: '/api/incidents', query });
    return list<IncidentLine>(answer, 'incidents');
  };

  /** A call about one incident: an id that the server doesn't know is explained with those that it might have meant. */
  async function about(
    id: string,
    request: { method: string; path: string; query?: URLSearchParams; body?: unknown; signal?: AbortSignal },
  ) {
    const path = `/api/incidents/${encodeURIComponent(checkedIncidentId(id))}${request.path}`;
    const answer = await http.request({ ...request, path });
    if (answer.ok) return answer;
    const failure = failureOf(answer, 'person');
    if (failure.exit !== 'unknownIncident') throw failure;
    throw await explainUnknownId(id, failure, () => incidents({ all: true }));
  }

  return {
    incidents,
    async incident(id, signal) {
      const answer = await about(id, { method: 'GET', path: '', signal });
      const { view, progress } = fields(answer);
      if (!isView(view)) throw brokenShape(answer, 'an incident of version 1');
      return { view, progress: Array.isArray(progress) ? (progress as StepReport[]) : [] };
    },
    async open(request) {
      return list<AcceptedAlert>(await succeed(http, { method: 'POST', path: '/api/incidents', body: request }), 'alerts');
    },
    async alert(body, format) {
      const path = format === undefined ? '/alerts' : format === 'prometheus' ? '/api/v2/alerts' : `/alerts/${encodeURIComponent(format)}`;
      const answer = await http.request({ method: 'POST', path, body, as: 'monitor' });
      if (!answer.ok) throw failureOf(answer, 'monitor');
      return list<AcceptedAlert>(answer, 'alerts');
    },
    async route(body, format) {
      const query = new URLSearchParams(format === undefined ? {} : { format });
      return list<RoutedLine>(await succeed(http, { method: 'POST', path: '/api/route', query, body }), 'alerts');
    },
    async act(id, action) {
      const answer = await about(id, { method: 'POST', path: '/actions', body: action });
      const { recorded, said } = fields(answer);
      if (recorded !== 'applied' && recorded !== 'queued') throw brokenShape(answer, 'what became of the action');
      return { recorded, said: typeof said === 'string' ? said : '' };
    },
    async modes() {
      return modesOf(await succeed(http, { method: 'GET', path: '/api/mode' }));
    },
    async setMode(change) {
      return modesOf(await succeed(http, { method: 'PUT', path: '/api/mode', body: change }));
    },
    async silences() {
      return list<SilenceView>(await succeed(http, { method: 'GET', path: '/api/silences' }), 'silences');
    },
    async addSilence(request) {
      return silenceOf(await succeed(http, { method: 'POST', path: '/api/silences', body: request }));
    },
    async expireSilence(id) {
      return silenceOf(await succeed(http, { method: 'DELETE', path: `/api/silences/${encodeURIComponent(id)}` }));
    },
    async reportMarkdown(id) {
      return (await about(id, { method: 'GET', path: '/report', query: new URLSearchParams({ format: 'md' }) })).text;
    },
    async reportJson(id) {
      return (await about(id, { method: 'GET', path: '/report', query: new URLSearchParams({ format: 'json' }) })).json;
    },
    async runbooks() {
      return list<RunbookLine>(await succeed(http, { method: 'GET', path: '/api/runbooks' }), 'runbooks');
    },
    async onCall(at) {
      const query = new URLSearchParams(at === undefined ? {} : { at: at.toISOString() });
      const answer = await succeed(http, { method: 'GET', path: '/api/oncall', query });
      const { at: moment } = fields(answer);
      if (typeof moment !== 'number') throw brokenShape(answer, 'a moment and who is on call');
      return { at: moment, roles: list(answer, 'roles') };
    },
    async trial(since) {
      const answer = await succeed(http, { method: 'GET', path: '/api/trial', query: new URLSearchParams({ since }) });
      if (!Array.isArray(fields(answer)['runbooks'])) throw brokenShape(answer, 'what a trial found');
      return answer.json as Trial;
    },
    async doctor(options) {
      const answer = await succeed(http, { method: 'POST', path: '/api/doctor', body: options });
      if (!Array.isArray(fields(answer)['checks'])) throw brokenShape(answer, 'what the doctor found');
      return answer.json as Examination;
    },
  };
}

async function succeed(
  http: HttpClient,
  request: { method: string; path: string; query?: URLSearchParams; body?: unknown },
): Promise<Answer> {
  const answer = await http.request(request);
  if (!answer.ok) throw failureOf(answer, 'person');
  return answer;
}

function fields(answer: Answer): Record<string, unknown> {
  if (answer.json === null || typeof answer.json !== 'object') throw brokenShape(answer, 'a JSON object');
  return answer.json as Record<string, unknown>;
}

function list<Line>(answer: Answer, name: string): Line[] {
  const lines = Array.isArray(answer.json) ? (answer.json as unknown[]) : fields(answer)[name];
  if (!Array.isArray(lines)) throw brokenShape(answer, `a list of ${name}`);
  return lines as Line[];
}

function modesOf(answer: Answer): Modes {
  const { global, runbooks } = fields(answer);
  if (typeof global !== 'string') throw brokenShape(answer, 'the modes');
  return { global: global as Mode, runbooks: (runbooks ?? {}) as Record<string, Mode> };
}

function silenceOf(answer: Answer): SilenceView {
  if (!Array.isArray(fields(answer)['held'])) throw brokenShape(answer, 'a silence');
  return answer.json as SilenceView;
}

function isView(view: unknown): view is IncidentView {
  return view !== null && typeof view === 'object' && 'v' in view && view.v === 1;
}

/** True for a failure that may pass by itself, so that someone who watches should keep watching. */
export function mayPass(error: unknown): boolean {
  const passing = ['serverUnreachable', 'temporalUnreachable', 'notYetApplied'];
  return error instanceof CliError && (passing.includes(error.exit) || error.error === 'too_many_requests');
}
