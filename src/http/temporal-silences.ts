import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { labelsOf, silenceFor, type Silencer } from '../alerts/silencing.js';
import type { SignedAction, SilenceChange } from '../domain/action.js';
import type { HeldMessage, SilenceRequest, SilenceView } from '../domain/silence.js';
import { publicKeyOf, sign } from '../domain/signing.js';
import type { SilencesStart } from '../workflows/silences.js';
import { queues, silencesId } from '../workflows/names.js';
import { ApiError } from './errors.js';
import type { Acting } from './incidents.js';
import type { SilenceKeeper } from './silencing-intake.js';
import { OutOfTime, standardDeadlines, unreachable, within } from './temporal-calls.js';
import type { Deadlines } from './temporal-calls.js';

/** Silences as people use them. Every call has a deadline and throws ApiError: `temporal_unreachable`, `no_worker`. */
export interface Silences {
  /** Soonest to end first, then those that ended in the last week, with what each held. */
  list(): Promise<SilenceView[]>;
  /** Throws `refused` with the reason. The same action id again changes nothing. */
  add(request: SilenceRequest, acting: Acting): Promise<SilenceView>;
  /** By its id or at least 6 characters of it; what it held pages. Throws `unknown_silence` and `ambiguous_silence`. */
  expire(reference: string, acting: Acting): Promise<SilenceView>;
}

/** How long what the memo said is believed, ms: a burst asks once, and a silence counts soon on a second server as well. */
const believed = 1_000;
/** How long a page waits for the answer, ms. */
const patience = 500;

/** Finds silences in the memo of their workflow, which Temporal answers without a worker. `except` is one that is over. */
export function silenceKeeper({ client, except, deadlines = standardDeadlines }: { client: Client; except?: string; deadlines?: Deadlines }): SilenceKeeper & { forget(): void } {
  let known: { until: number; silences: Promise<Silencer[]> } | undefined;

  async function read(): Promise<Silencer[]> {
    try {
      const { memo, status } = await within(client, patience, () => client.workflow.getHandle(silencesId).describe());
      return status.name === 'RUNNING' ? ((memo?.silences as Silencer[] | undefined) ?? []) : [];
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return [];
      throw error;
    }
  }

  return {
    forget: () => void (known = undefined),
    async silenceOf(routed) {
      try {
        if (!known || known.until <= Date.now()) known = { until: Date.now() + believed, silences: read() };
        const silences = (await known.silences).filter(({ id }) => id !== except);
        return silenceFor(silences, labelsOf(routed), Date.now())?.id;
      } catch {
        return undefined; // on doubt, page
      }
    },
    async hold(message) {
      try {
        await within(client, deadlines.accept, () => client.workflow.getHandle(silencesId).signal<[HeldMessage]>('hold', message));
        return true;
      } catch {
        return false; // no workflow, or Temporal is away: the intake itself finds out which
      }
    },
  };
}

/** Silences in Temporal: looked up for the intake, changed by people. */
export function temporalSilences({ client, seed, deadlines = standardDeadlines }: { client: Client; seed: Uint8Array; deadlines?: Deadlines }): { keeper: SilenceKeeper; silences: Silences } {
  const keeper = silenceKeeper({ client, deadlines });
  const handle = client.workflow.getHandle(silencesId);

  async function list(): Promise<SilenceView[]> {
    return within(client, deadlines.person, () => handle.query<SilenceView[]>('show')).catch((error: unknown) => {
      if (error instanceof WorkflowNotFoundError) return [];
      throw asApiError(error, true);
    });
  }

  async function change(action: SilenceChange, { person, via, id = randomUUID() }: Acting): Promise<{ id: string; views: SilenceView[] }> {
    const signed = sign({ v: 1, id, incidentId: silencesId, person, via, at: Date.now(), action }, seed);
    const update = (): Promise<SilenceView[]> => handle.executeUpdate<SilenceView[], [SignedAction]>('change', { args: [signed], updateId: id });
    let taken = false;
    try {
      const views = await within(client, deadlines.person, async () => {
        await client.workflow.start<(start: SilencesStart) => Promise<void>>('silences', {
          workflowId: silencesId,
          taskQueue: queues.incidents,
          args: [{ publicKeys: [publicKeyOf(seed)] }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          staticSummary: 'Silences and maintenance windows',
        });
        taken = true;
        return update();
      });
      return { id, views };
    } catch (error) {
      throw asApiError(error, taken);
    } finally {
      keeper.forget();
    }
  }

  async function found(reference: string): Promise<SilenceView> {
    const fitting = (await list()).filter(({ id }) => id === reference || (reference.length >= 6 && id.startsWith(reference)));
    const [first, second] = fitting;
    if (!first) throw new ApiError('unknown_silence', 'there is no such silence; GET /api/silences lists them');
    if (second) throw new ApiError('ambiguous_silence', 'several silences begin like this');
    return first;
  }

  function viewOf(views: SilenceView[], id: string): SilenceView {
    const view = views.find((one) => one.id === id);
    if (!view) throw new ApiError('unexpected', 'the silence is not in the answer');
    return view;
  }

  return {
    keeper,
    silences: {
      list,
      async add(request, acting) {
        const { id, views } = await change({ kind: 'silence', silence: request }, acting);
        return viewOf(views, id);
      },
      async expire(reference, acting) {
        const { id } = await found(reference);
        const { views } = await change({ kind: 'expire silence', silence: id }, acting);
        return viewOf(views, id);
      },
    },
  };
}

/** What went wrong, for a person; `taken` says that Temporal itself answered, or may be taken to. */
function asApiError(error: unknown, taken: boolean): unknown {
  if (error instanceof WorkflowUpdateFailedError) return new ApiError('refused', error.cause?.message ?? error.message, { cause: error });
  if (error instanceof OutOfTime && !taken) return unreachable(error);
  if (error instanceof OutOfTime || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return new ApiError('no_worker', 'no incident worker answered in time; `responder silence list` shows what is silenced', { cause: error });
  }
  return error;
}
