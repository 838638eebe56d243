import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { CanaryActivities } from '../activities/canary.js';
import type { ControlActivities } from '../activities/control.js';
import type { DoctorChannelActivities } from '../activities/doctor-channels.js';
import type { NeighbourActivities } from '../activities/neighbours.js';
import type { OpeningActivities } from '../activities/opening.js';
import type { PageActivities } from '../activities/pages.js';
import type { SilenceActivities } from '../activities/silences.js';
import type { PatrolAlertActivities } from '../activities/patrol-alerts.js';
import type { ReportActivities } from '../activities/reports.js';
import type { Traces } from '../telemetry/traces.js';
import { queues } from '../workflows/names.js';
import { heartbeating } from './heartbeat.js';
import { namedLogs } from './named-logs.js';

/** What every worker is built from. */
export interface WorkerParts {
  connection: NativeConnection;
  namespace: string;
  /** How payloads are written; the SDK's own way without it. */
  dataConverter?: WorkerOptions['dataConverter'];
  /** Where spans go; nothing is traced without it. */
  traces?: Pick<Traces, 'activity' | 'sinks'>;
  /** Workflow code runs in this thread, however long it takes: for what serves nobody else and should begin soon. */
  inThisThread?: true;
}

/** Longer than the longest step that must not be cut off; compose and systemd wait longer still. */
const shutdownGraceTime = '2 minutes';

function common({ connection, namespace, dataConverter, traces, inThisThread }: WorkerParts): Pick<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'shutdownGraceTime' | 'interceptors' | 'sinks' | 'debugMode'> {
  return {
    connection, namespace, ...(dataConverter && { dataConverter }), shutdownGraceTime,
    interceptors: { activity: [...(traces?.activity ?? []), namedLogs, heartbeating] },
    ...(traces && { sinks: traces.sinks }),
    ...(inThisThread && { debugMode: true }),
  };
}

/** Incidents, locks, undos and modes: small, and first in line for the machine. */
export function incidentWorker(parts: WorkerParts, workflowBundle: WorkerOptions['workflowBundle'], activities: NeighbourActivities): Promise<Worker> {
  return Worker.create({
    ...common(parts),
    taskQueue: queues.incidents,
    workflowBundle,
    activities,
    maxConcurrentWorkflowTaskExecutions: 40,
    // An incident's first task, the one that pages, comes by another queue than its later ones: in a storm those wait, not it.
    maxConcurrentWorkflowTaskPolls: 10,
    nonStickyToStickyPollRatio: 0.8,
    maxCachedWorkflows: 1_000,
  });
}

/** Pages and reports: their own slots, so that nothing else can use them up. */
export function pageWorker(parts: WorkerParts, activities: PageActivities & CanaryActivities & DoctorChannelActivities & ReportActivities & NeighbourActivities & SilenceActivities & PatrolAlertActivities & Pick<ControlActivities, 'bar' | 'holdRisky' | 'letIn'>): Promise<Worker> {
  return Worker.create({
    ...common(parts),
    taskQueue: queues.pages,
    activities,
    maxConcurrentActivityTaskExecutions: 100,
    // A page that was accepted is on record soon: it is sent again only if the worker dies before.
    maxHeartbeatThrottleInterval: '200ms',
    defaultHeartbeatThrottleInterval: '200ms',
  });
}

/** Runbooks. Few slots: in a storm, paging comes first. A runbook's bug fails its run at once, and is reported. */
export function runWorker(parts: WorkerParts, workflowBundle: WorkerOptions['workflowBundle'], activities: ControlActivities & OpeningActivities): Promise<Worker> {
  return Worker.create({
    ...common(parts),
    taskQueue: queues.runs,
    workflowBundle,
    activities,
    maxConcurrentWorkflowTaskExecutions: 2,
    maxConcurrentActivityTaskExecutions: 20,
    workflowFailureErrorTypes: { '*': ['Error', 'NondeterminismError', 'DeterminismViolationError'] },
  });
}

/** The hands on one host: activities only. */
export function hostWorker(parts: WorkerParts, host: string, activities: object): Promise<Worker> {
  return Worker.create({ ...common(parts), taskQueue: queues.host(host), activities, maxConcurrentActivityTaskExecutions: 10 });
}
