import type { Client } from '@temporalio/client';
import { TypedSearchAttributes, WorkflowNotFoundError } from '@temporalio/common';
import { uuidv7 } from 'uuidv7';
import type { RoutedAlert } from '../alerts/routing.js';
import type { Config } from '../config.js';
import type { Alert } from '../domain/alert.js';
import { fingerprint } from '../domain/alert.js';
import { incidentWorkflowId } from '../domain/identity.js';
import type { IncidentStart } from '../domain/messages.js';
import { searchAttributes } from '../domain/search-attributes.js';
import { summaryOf } from '../domain/summary.js';
import { subject } from '../domain/trace-names.js';
import { inSpan } from '../telemetry/spans.js';
import { queues } from '../workflows/names.js';
import type { AcceptedAlert, Incidents } from './incidents.js';
import { OutOfTime, outOfTimeIs, unreachable, within } from './temporal-calls.js';
import type { Deadlines } from './temporal-calls.js';
import { incidentMemo } from './temporal-search.js';
import type { RecentIds } from './temporal-search.js';

export interface IntakeParts {
  client: Client;
  config: Pick<Config, 'times' | 'automation' | 'links' | 'temporal' | 'permissions'>;
  /** Keys that sign people's actions, in hex; an incident keeps those it started with. */
  publicKeys: string[];
  deadlines: Deadlines;
  /** Told of each incident that an alert met. */
  recent: RecentIds;
}

/** Long enough for the page of a storm, ms; a pager that is away must not stop the cure for longer. */
const runWaits = 20_000;

/** What opens an incident if none is open. */
export type Opening = Pick<RoutedAlert, 'alert' | 'place' | 'ladder'> & { runbook: Pick<RoutedAlert['runbook'], 'title' | 'prevention'> };

/** Alerts of one problem for Temporal. */
export interface HandOver {
  /** UUIDv7: the incident's if these open it. */
  id: string;
  opening: Opening;
  /** What is said to the incident, also to a new one. */
  word: Alert;
  /** Somebody waits to hear whether they opened or joined, which costs another call. */
  tell: boolean;
}

/** The way of alerts into Temporal. */
export interface Intake extends Pick<Incidents, 'accept'> {
  /** The same for alerts that were kept meanwhile. Throws as `accept` does. */
  handOver(alerts: HandOver): Promise<AcceptedAlert>;
}

/** Accepts alerts by signalWithStart, which is durable and needs no worker. */
export function temporalIntake({ client, config, publicKeys, deadlines, recent }: IntakeParts): Intake {
  const handOver = (alerts: HandOver): Promise<AcceptedAlert> =>
    inSpan('accept alert', { [subject.runbook]: alerts.opening.alert.runbook }, async (span) => {
      const accepted = await deliver(alerts);
      if (accepted.incidentId !== null) span.setAttribute(subject.incident, accepted.incidentId);
      return accepted;
    });

  async function deliver({ id, opening: { alert, place, runbook, ladder }, word, tell }: HandOver): Promise<AcceptedAlert> {
    const workflowId = incidentWorkflowId(alert.runbook, alert.target);
    const accepted = { fingerprint: fingerprint(alert), workflowId };
    if (alert.status === 'resolved') return { ...accepted, ...(await tellResolved(workflowId, word, tell)) };

    const start: IncidentStart = {
      v: 1,
      id,
      alert,
      severity: alert.severity,
      place,
      ladder,
      times: config.times,
      automation: config.automation,
      ...(config.permissions && { permissions: config.permissions }),
      publicKeys,
      links: incidentLinks(config, id, workflowId),
      runWaits,
      ...(word.kept?.paged && { paged: word.kept.paged }),
      runbook: { title: runbook.title, prevention: runbook.prevention },
    };
    const handle = await within(client, deadlines.accept, () =>
      client.workflow.signalWithStart<(start: IncidentStart) => Promise<void>, [Alert]>('incident', {
        workflowId,
        taskQueue: queues.incidents,
        args: [start],
        signal: 'alert',
        signalArgs: [word],
        memo: { incidentId: id, openedAt: alert.acceptedAt, environment: place.environment, title: runbook.title },
        typedSearchAttributes: new TypedSearchAttributes([
          { key: searchAttributes.runbook, value: alert.runbook },
          { key: searchAttributes.severity, value: alert.severity },
          { key: searchAttributes.incidentState, value: 'open' },
          { key: searchAttributes.target, value: alert.target },
          { key: searchAttributes.escalationLevel, value: 0 },
        ]),
        staticSummary: summaryOf(`${runbook.title} on ${unformatted(alert.target)}`),
        staticDetails: unformatted(alert.title),
      }),
    ).catch(outOfTimeIs(unreachable));
    const open = tell ? await idOf(workflowId, handle.signaledRunId) : undefined;
    return { ...accepted, incidentId: open ?? null, state: open === undefined ? 'queued' : open === id ? 'opened' : 'joined' };
  }

  // A plain signal: a 'resolved' must not open an incident in order to say that there is none.
  async function tellResolved(workflowId: string, word: Alert, tell: boolean): Promise<Pick<AcceptedAlert, 'incidentId' | 'state'>> {
    try {
      await within(client, deadlines.accept, () => client.workflow.getHandle(workflowId).signal<[Alert]>('alert', word));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { incidentId: null, state: 'ignored' };
      throw error instanceof OutOfTime ? unreachable(error) : error;
    }
    const open = tell ? await idOf(workflowId) : undefined;
    return { incidentId: open ?? null, state: open === undefined ? 'queued' : 'joined' };
  }

  /** The id of the incident under this workflow id; undefined if Temporal does not say in time. The alert is safe either way. */
  async function idOf(workflowId: string, runId?: string): Promise<string | undefined> {
    try {
      const { memo } = await within(client, deadlines.describe, () => client.workflow.getHandle(workflowId, runId).describe());
      const id = incidentMemo(memo)?.incidentId;
      if (id) recent.add(id, workflowId);
      return id;
    } catch {
      return undefined;
    }
  }

  return { handOver, accept: (routed) => handOver({ id: uuidv7(), opening: routed, word: routed.alert, tell: true }) };
}

/** Where people find an incident. */
export function incidentLinks({ links: { console, temporalUi }, temporal }: Pick<Config, 'links' | 'temporal'>, id: string, workflowId: string): IncidentStart['links'] {
  return {
    console: `${console}/incidents/${id}`,
    temporal: `${temporalUi}/namespaces/${encodeURIComponent(temporal.namespace)}/workflows/${encodeURIComponent(workflowId)}`,
  };
}

// The Temporal UI reads these as Markdown: an outsider's words must not become a link there.
function unformatted(text: string): string {
  return text.replace(/[\\`*_{}[\]()<>#+!|~]/g, '\\$&');
}
