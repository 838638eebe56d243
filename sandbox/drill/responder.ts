import { setTimeout as delay } from 'node:timers/promises';
import type { IncidentView } from '../../src/domain/incident.js';
import type { PersonAction } from '../../src/domain/action.js';
import type { StepReport } from '../../src/domain/step.js';
import type { IncidentSummary } from '../../src/http/incidents.js';
import type { Site } from './site.js';

/** What the person of a drill does about a question: the words go on record as theirs. */
export type Script = (act: string) => Answer | undefined;

/** Undefined leaves a question open: what is not needed any more is withdrawn by itself. */
export interface Answer {
  approve: boolean;
  reason: string;
}

/** A person needs a moment to read, in ms: the question has been mailed by then. */
const readsFor = 1_000;

/** The incident as our HTTP API shows it. Throws with the server's words. */
export async function incidentView(site: Site, id: string): Promise<IncidentView> {
  return (await incidentAndProgress(site, id)).view;
}

/** The same with the steps that its run has taken so far. */
export async function incidentAndProgress(site: Site, id: string): Promise<{ view: IncidentView; progress: StepReport[] }> {
  return (await call(site, 'ops-primary', `/api/incidents/${id}`)) as { view: IncidentView; progress: StepReport[] };
}

export async function report(site: Site, id: string): Promise<string> {
  return (await call(site, 'ops-primary', `/api/incidents/${id}/report?format=md`)) as string;
}

/** Answers every open question once, as the primary on call would with the responder command. */
export async function answerQuestions(site: Site, view: IncidentView, answered: Set<string>, script: Script): Promise<void> {
  for (const ask of view.asks.filter((open) => !open.answer && !answered.has(open.id) && open.askedAt + readsFor < Date.now())) {
    answered.add(ask.id);
    const answer = script(ask.act);
    if (!answer) continue;
    const { approve, reason } = answer;
    await takeAction(site, view.incident.id, approve ? { kind: 'approve', ask: ask.id } : { kind: 'decline', ask: ask.id, reason });
  }
}

/**
 * Does what the primary on call would do with the responder command. What a person saw may be over a moment later: such a refusal
 * is none of their business. Throws with the server's words on any other.
 */
export async function takeAction(site: Site, id: string, action: PersonAction): Promise<void> {
  await call(site, 'ops-primary', `/api/incidents/${id}/actions`, action, [409]);
}

/** POSTs what a monitor would send, and gives the id of the incident that it opened. */
export async function sendAlert(site: Site, payload: object): Promise<string> {
  const response = await fetch(`${site.url}/alerts/alertmanager`, {
    method: 'POST',
    headers: { authorization: `Bearer ${site.tokens.alerts}`, 'content-type': 'application/json' },
    body: JSON.stringify(payload),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = (await response.json()) as { alerts?: { incidentId: string | null; workflowId: string; state: string }[]; message?: string };
  const taken = answer.alerts?.find(({ state }) => ['opened', 'joined', 'queued', 'accepted'].includes(state));
  if (!response.ok || !taken) throw new Error(`the alert was not taken: ${response.status} ${JSON.stringify(answer)}`);
  return taken.incidentId ?? openedAs(site, taken.workflowId);
}

/** In a burst the server answers before it has heard which incident it is. Then the list says so, as soon as Temporal's index has it. */
async function openedAs(site: Site, workflowId: string): Promise<string> {
  for (const giveUpAt = Date.now() + 20_000; Date.now() < giveUpAt; await delay(200)) {
    const { incidents } = (await call(site, 'ops-primary', '/api/incidents')) as { incidents: IncidentSummary[] };
    const found = incidents.find((one) => one.workflowId === workflowId);
    if (found) return found.id;
  }
  throw new Error(`the alert was accepted, but no incident ${workflowId} is listed after 20 s`);
}

async function call(site: Site, person: string, path: string, body?: object, fine: number[] = []): Promise<unknown> {
  const response = await fetch(`${site.url}${path}`, {
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    headers: { authorization: `Bearer ${site.tokens.people[person] ?? ''}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok && !fine.includes(response.status)) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.headers.get('content-type')?.includes('json') ? response.json() : response.text();
}
