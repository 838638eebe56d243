import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { QueryRejectedError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import type { Config } from '../config.js';
import { notPermitted } from '../domain/action.js';
import type { ActionResult, ModeChange, PersonAction, Refusal, SignedAction } from '../domain/action.js';
import type { IncidentView } from '../domain/incident.js';
import { defaultModes } from '../domain/mode.js';
import type { Undelivered } from '../domain/page.js';
import { forbids } from '../domain/permissions.js';
import type { Modes } from '../domain/mode.js';
import { publicKeyOf, sign } from '../domain/signing.js';
import type { StepReport } from '../domain/step.js';
import { modeId, queues } from '../workflows/names.js';
import { ApiError } from './errors.js';
import { holderOf } from './permitting.js';
import type { Acting, Incidents, IncidentSummary, Recorded, Reports } from './incidents.js';
import { refusalRecord } from './refusal-record.js';
import { OutOfTime, outOfTimeIs, standardDeadlines, unreachable, within } from './temporal-calls.js';
import type { Deadlines } from './temporal-calls.js';
import { temporalIntake } from './temporal-intake.js';
import type { Intake } from './temporal-intake.js';
import { findIncident, listIncidents, recentIds } from './temporal-search.js';
import type { Found } from './temporal-search.js';

export interface TemporalIncidentsParts {
  client: Client;
  config: Pick<Config, 'times' | 'automation' | 'links' | 'temporal' | 'permissions'> & Partial<Pick<Config, 'roster'>>;
  /** Signs what people do: 32 bytes. */
  seed: Uint8Array;
  reports: Pick<Reports, 'read'>;
  deadlines?: Deadlines;
}

/** The incidents in Temporal. Connects nothing by itself, and needs no worker to accept alerts, list, or change the mode. */
export function temporalIncidents({
  client,
  config,
  seed,
  reports,
  deadlines = standardDeadlines,
}: TemporalIncidentsParts): Incidents & Intake {
  const publicKeys = [publicKeyOf(seed)];
  const recent = recentIds(10_000);
  const onRecord = refusalRecord();

  const found = (reference: string): Promise<Found> =>
    within(client, deadlines.person, () => findIncident(client, reference, recent.workflowIds)).catch(outOfTimeIs(unreachable));

  async function view(reference: string): Promise<{ view: IncidentView; progress: StepReport[] }> {
    const stored = isUuid(reference) ? await storedView(reference) : undefined;
    let incident: Found;
    try {
      incident = await found(reference);
    } catch (error) {
      // Past retention, or with Temporal away, the report is what is left.
      if (stored && error instanceof ApiError) return withSteps(stored);
      throw error;
    }
    const { summary, runId } = incident;
    const report = runId ? (stored ?? (await storedView(summary.id))) : undefined;
    if (report) return withSteps(report);
    const current = await within(client, deadlines.person, () =>
      client.workflow.getHandle(summary.workflowId, runId).query<IncidentView>('show'),
    ).catch(noAnswer);
    const run = current.runs.at(-1);
    if (!run || run.endedAt !== undefined) return withSteps(current);
    try {
      const progress = await within(client, deadlines.describe, () =>
        client.workflow.getHandle(run.workflowId).query<StepReport[]>('progress'),
      );
      return { view: current, progress };
    } catch {
      return withSteps(current); // the run's worker is away or the run is broken: the incident itself still answers
    }
  }

  async function storedView(id: string): Promise<IncidentView | undefined> {
    const text = await reports.read(id, 'json');
    return text === undefined ? undefined : (JSON.parse(text) as IncidentView);
  }

  async function act(reference: string, action: PersonAction, acting: Acting): Promise<Recorded> {
    const { summary, runId } = await found(reference);
    const closed = new ApiError('closed', `the incident ${summary.id} is closed`);
    if (runId) throw closed;
    const handle = client.workflow.getHandle(summary.workflowId);
    const refused = async (why: string): Promise<never> => {
      await noteRefusal(summary, { of: action.kind, why }, acting);
      throw new ApiError('forbidden', why);
    };
    const denied = await deniedNow(summary.id, action, acting.person);
    if (denied) return refused(denied);
    const signed = signedBy(acting, summary.id, action);
    try {
      const { said } = await within(client, deadlines.person, () =>
        handle.executeUpdate<ActionResult, [SignedAction]>(action.kind, { args: [signed], updateId: signed.id }),
      );
      return { recorded: 'applied', said };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw closed;
      if (error instanceof WorkflowUpdateFailedError) {
        const why = error.cause?.message ?? error.message;
        if (error.cause instanceof ApplicationFailure && error.cause.type === notPermitted) return refused(why);
        throw new ApiError(summary.state === 'closed' ? 'closed' : 'refused', why, { cause: error });
      }
      if (!(error instanceof OutOfTime || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
    }
    // An update that no worker took is not kept. The same action as a signal is; its id keeps the two from counting twice.
    try {
      await within(client, deadlines.accept, () => handle.signal<[SignedAction]>(action.kind, signed));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw closed;
      throw error instanceof OutOfTime ? unreachable(error) : error;
    }
    return {
      recorded: 'queued',
      said: `no worker answered within ${deadlines.person / 1_000} s; it is recorded and will be judged when one is back`,
    };
  }

  /** For the record, and no reason to wait: the refusal stands without it. */
  async function noteRefusal({ id, workflowId }: IncidentSummary, { of, why }: Omit<Refusal, 'kind'>, acting: Acting): Promise<void> {
    if (!onRecord.takes(id, acting.person, of)) return;
    const refusal = signedBy({ ...acting, id: randomUUID() }, id, { kind: 'refusal', of, why });
    await within(client, deadlines.describe, () => client.workflow.getHandle(workflowId).signal<[SignedAction]>('refusal', refusal)).catch(() => undefined);
  }

  function signedBy(
    { person, via, id = randomUUID() }: Acting,
    incidentId: string,
    action: PersonAction | ModeChange | Refusal,
  ): SignedAction {
    const roles = config.permissions && [...holderOf(config, person).roles];
    return sign({ v: 1, id, incidentId, person, via, at: Date.now(), action, ...(roles && { roles }) }, seed);
  }

  /** What the config as it is now forbids; the incident decides again by the one that it began with, and about what only it knows. */
  async function deniedNow(incident: string, action: PersonAction, person: string): Promise<string | undefined> {
    const { permissions } = config;
    if (!permissions) return undefined;
    const holder = holderOf(config, person);
    if (action.kind !== 'approve') return forbids(permissions, holder, action.kind);
    if (!permissions.approve) return undefined;
    const current = await view(incident).catch(() => undefined);
    const ask = current?.view.asks.find(({ id }) => id === action.ask);
    return ask && forbids(permissions, holder, { approve: ask.risk });
  }

  async function modes(): Promise<Modes> {
    try {
      const { memo } = await within(client, deadlines.person, () => client.workflow.getHandle(modeId).describe());
      return (memo?.modes as Modes | undefined) ?? defaultModes;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return defaultModes;
      throw error instanceof OutOfTime ? unreachable(error) : error;
    }
  }

  return {
    ...temporalIntake({ client, config, publicKeys, deadlines, recent }),
    async list(filter) {
      const listed = await within(client, deadlines.person, () => listIncidents(client, filter)).catch(outOfTimeIs(unreachable));
      for (const { summary } of listed) recent.add(summary.id, summary.workflowId);
      return listed.map(({ summary }) => summary);
    },
    find: async (reference) => (await found(reference)).summary,
    view,
    act,
    async refuse(reference, refusal, acting) {
      const incident = await found(reference).catch(() => undefined);
      if (incident && !incident.runId) await noteRefusal(incident.summary, refusal, acting);
    },
    async undelivered({ key, reference, status }) {
      const { summary } = await found(key.split('/')[0] ?? '');
      const told: Undelivered = { v: 1, incidentId: summary.id, key, reference, status };
      await within(client, deadlines.accept, () => client.workflow.getHandle(summary.workflowId).signal<[Undelivered]>('undelivered', told)).catch(outOfTimeIs(unreachable));
    },
    modes,
    async setMode({ scope, mode }, acting) {
      const before = await modes();
      await within(client, deadlines.person, () =>
        client.workflow.signalWithStart<(input: { publicKeys: string[]; modes: Modes }) => Promise<void>, [SignedAction]>('mode', {
          workflowId: modeId,
          taskQueue: queues.incidents,
          args: [{ publicKeys, modes: before }],
          signal: 'set',
          signalArgs: [signedBy(acting, 'mode', { kind: 'mode', scope, mode })],
          memo: { modes: before },
          staticSummary: 'Modes: the kill switch',
        }),
      ).catch(outOfTimeIs(unreachable));
      return scope === 'global' ? { ...before, global: mode } : { ...before, runbooks: { ...before.runbooks, [scope]: mode } };
    },
    async reachable() {
      const { namespace } = config.temporal;
      await within(client, deadlines.describe, () => client.workflowService.describeNamespace({ namespace })).catch(
        outOfTimeIs(unreachable),
      );
    },
  };

  // A query waits for a worker. Whether it is the worker or the whole server that is away decides what to do about it.
  async function noAnswer(error: unknown): Promise<never> {
    if (error instanceof WorkflowNotFoundError) throw new ApiError('unknown_incident', 'the incident is gone');
    if (error instanceof ApiError) throw error;
    const { namespace } = config.temporal;
    await within(client, deadlines.describe, () => client.workflowService.describeNamespace({ namespace })).catch(
      outOfTimeIs(unreachable),
    );
    if (error instanceof QueryRejectedError) throw new ApiError('closed', 'the incident is closed and takes no questions');
    throw new ApiError('no_worker', 'no incident worker answered; Temporal itself is up', { cause: error });
  }
}


/** The steps that an incident knows of its latest run. */
function withSteps(view: IncidentView): { view: IncidentView; progress: StepReport[] } {
  return { view, progress: view.runs.at(-1)?.steps ?? [] };
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
