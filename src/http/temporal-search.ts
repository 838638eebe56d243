import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { searchAttributes } from '../domain/search-attributes.js';
import { ApiError } from './errors.js';
import type { IncidentFilter, IncidentSummary } from './incidents.js';

/** An incident in Temporal: its summary and the execution to ask. */
export interface Found {
  summary: IncidentSummary;
  /** Of a closed execution; a running one is addressed by its workflow id, since it may continue as new. */
  runId?: string;
}

/** What is kept in an incident's memo: readable with neither worker nor search index. */
export interface IncidentMemo {
  incidentId: string;
  openedAt: number;
}

const all = "WorkflowType = 'incident' AND ExecutionStatus != 'ContinuedAsNew'";

/** Incidents by search attributes, newest first. Values must be of our own lists: they become part of a query. */
export async function listIncidents(client: Client, { state, runbook, includeClosed }: IncidentFilter): Promise<Found[]> {
  const clauses = [
    all,
    ...(includeClosed ? [] : ["ExecutionStatus = 'Running'", ...(state === 'closed' ? [] : ["IncidentState != 'closed'"])]),
    ...(state ? [`IncidentState = '${state}'`] : []),
    ...(runbook ? [`Runbook = '${runbook}'`] : []),
  ];
  const found: Found[] = [];
  for await (const execution of client.workflow.list({ query: clauses.join(' AND ') })) found.push(...foundIn(execution));
  return found.sort((a, b) => b.summary.openedAt - a.summary.openedAt);
}

/** The one incident that the reference means. Throws ApiError `unknown_incident` or `ambiguous_incident`. */
export async function findIncident(client: Client, reference: string, workflowIds: ReadonlyMap<string, string>): Promise<Found> {
  if (reference.startsWith('incident/')) return described(client, reference, () => true);
  if (!/^[0-9a-f-]{6,36}$/i.test(reference)) throw unknown(reference);
  const id = reference.toLowerCase();
  const workflowId = workflowIds.get(id);
  if (workflowId) {
    const known = await described(client, workflowId, (memo) => memo.incidentId === id).catch(() => undefined);
    if (known) return known;
  }
  const matches = new Map<string, Found>();
  for await (const execution of client.workflow.list({ query: all })) {
    for (const found of foundIn(execution)) if (found.summary.id.startsWith(id)) matches.set(found.summary.id, found);
  }
  const [first, ...others] = matches.values();
  if (!first) throw unknown(reference);
  if (others.length > 0) {
    const names = [...matches.values()].map(({ summary }) => `${summary.id} (${summary.workflowId})`);
    throw new ApiError('ambiguous_incident', `${names.length} incidents begin with ${id}: ${names.slice(0, 10).join(', ')}`);
  }
  return first;
}

async function described(client: Client, workflowId: string, isIt: (memo: IncidentMemo) => boolean): Promise<Found> {
  try {
    const execution = await client.workflow.getHandle(workflowId).describe();
    const [found] = foundIn(execution);
    if (execution.type === 'incident' && found && isIt({ incidentId: found.summary.id, openedAt: found.summary.openedAt }))
      return found;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  throw unknown(workflowId);
}

function foundIn(execution: Omit<WorkflowExecutionInfo, 'raw'>): Found[] {
  const memo = incidentMemo(execution.memo);
  if (!memo) return []; // started by hand in the Temporal UI: without an id nobody can refer to it
  const attributes = execution.typedSearchAttributes;
  const running = execution.status.name === 'RUNNING';
  const summary: IncidentSummary = {
    id: memo.incidentId,
    workflowId: execution.workflowId,
    runbook: attributes.get(searchAttributes.runbook) ?? '',
    severity: attributes.get(searchAttributes.severity) ?? '',
    target: attributes.get(searchAttributes.target) ?? '',
    state: running ? (attributes.get(searchAttributes.incidentState) ?? 'open') : 'closed',
    level: attributes.get(searchAttributes.escalationLevel) ?? 0,
    waitingFor: attributes.get(searchAttributes.waitingFor) ?? '',
    nextEscalationAt: attributes.get(searchAttributes.nextEscalationAt)?.getTime() ?? null,
    openedAt: memo.openedAt,
  };
  return [{ summary, ...(!running && { runId: execution.runId }) }];
}

/** The memo of an incident, if it is one. */
export function incidentMemo(memo: Record<string, unknown> | undefined): IncidentMemo | undefined {
  const { incidentId, openedAt } = memo ?? {};
  return typeof incidentId === 'string' && typeof openedAt === 'number' ? { incidentId, openedAt } : undefined;
}

function unknown(reference: string): ApiError {
  return new ApiError('unknown_incident', `there is no incident ${reference.slice(0, 200)}`);
}

/** Incident ids seen lately, with their workflow ids. */
export interface RecentIds {
  workflowIds: ReadonlyMap<string, string>;
  add(id: string, workflowId: string): void;
}

/** Remembers the last `atMost` incident ids: the search index lags behind by a moment, and a person may type the id at once. */
export function recentIds(atMost: number): RecentIds {
  const workflowIds = new Map<string, string>();
  return {
    workflowIds,
    add(id, workflowId) {
      workflowIds.delete(id);
      workflowIds.set(id, workflowId);
      const [oldest] = workflowIds.keys();
      if (workflowIds.size > atMost && oldest !== undefined) workflowIds.delete(oldest);
    },
  };
}
