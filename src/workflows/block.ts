import { CancellationScope, condition, defineQuery, defineSignal, isCancellation, log, patched, proxyActivities, setCurrentDetails, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { BlockRequest } from '../activities/attack.js';
import type { FirewallActivities } from '../activities/firewall.js';
import { queues } from './names.js';
import { tellPrimary } from './notice.js';

export const blockSignal = defineSignal<[BlockRequest]>('block');
export const liftSignal = defineSignal<[string?]>('lift');
export const blockQuery = defineQuery<BlockState>('state');

/** A block as people see it. Times in ms since the epoch. */
export interface BlockState {
  /** How often the address was blocked here. */
  times: number;
  /** When it is lifted; absent once it has been. */
  until?: number;
  lifted?: string;
}

/** An address that comes back after a longer time begins anew with an hour. */
const remembered = '30 days';
const tryAgain = '10 minutes';
/** A block that is still there so long after its end shuts somebody out whom nobody meant: a person must know. */
const overdueAfter = '30 minutes';

/**
 * Keeps the block of one address at one host and lifts it when its time is over: 1 h, and 24 h from the second time on. It
 * outlives the incident, and remembers the address for 30 days. The signal `lift` lifts it early. One that can't be lifted for half
 * an hour is one notice to the primary, while the tries go on.
 */
export async function block({ host, address }: { v: 1; host: string; address: string }): Promise<void> {
  const state: BlockState = { times: 0 };
  let seen: string[] = [];
  let early: string | undefined;
  // Before the handlers: a signal that is there already is handled at once.
  const show = (): void =>
    setCurrentDetails(`**${address}** at **${host}**, blocked ${state.times === 1 ? 'once' : `${state.times} times`}. ${state.until === undefined ? `Lifted: ${state.lifted ?? ''}` : `Until ${new Date(state.until).toISOString()}.`}`);
  setHandler(blockSignal, ({ id, hour }) => {
    if (seen.includes(id)) return;
    seen = [...seen, id].slice(-50);
    state.times += 1;
    state.until = Date.now() + (state.times === 1 ? hour : 24 * hour);
    early = undefined;
    delete state.lifted;
    show();
  }, { description: 'From a run: the address is about to be blocked.' });
  setHandler(liftSignal, (reason) => {
    early = typeof reason === 'string' ? reason.slice(0, 300) : 'no reason given';
    log.info('lifted early, by somebody with access to Temporal', { reason: early });
  }, { description: 'Lift the block now. Input: the reason, as text.' });
  setHandler(blockQuery, () => state, { description: 'How often it was blocked, and until when.' });

  const hands = proxyActivities<Pick<FirewallActivities, 'liftBlocks'>>({
    taskQueue: queues.host(host),
    summary: `Lift the block of ${address}`,
    startToCloseTimeout: '3 minutes',
    heartbeatTimeout: '20s',
    // For ever: a block that nobody lifts would stay. The host may be down for a while.
    retry: { initialInterval: '5s', maximumInterval: tryAgain },
  });

  let overdue: CancellationScope | undefined;
  while (await condition(() => state.until !== undefined, remembered)) {
    // A later request makes it longer.
    while (early === undefined && state.until !== undefined && Date.now() < state.until) {
      const { until } = state;
      await condition(() => early !== undefined || state.until !== until, Math.max(1, until - Date.now()));
    }
    const { until } = state;
    if (patched('overdue block is told')) overdue ??= tellWhenOverdue({ host, address });
    const { outcome, evidence } = await hands.liftBlocks({ host, addresses: [address], madeBy: Date.now() });
    state.lifted = `${outcome}: ${evidence}${early === undefined ? '' : ` (early: ${early}; via Temporal, unverified)`}`;
    if (outcome !== 'done') await sleep(tryAgain, { summary: `Not lifted yet: ${evidence.slice(0, 100)}` });
    // Blocked again meanwhile: then that block has its own time.
    else {
      overdue?.cancel();
      overdue = undefined;
      if (state.until === until) delete state.until;
    }
    show();
  }
}

/** Tells the primary once, unless its scope is cancelled before. */
function tellWhenOverdue({ host, address }: { host: string; address: string }): CancellationScope {
  const scope = new CancellationScope();
  const telling = scope.run(async () => {
    await sleep(overdueAfter, { summary: 'Not lifted by then: tell the primary' });
    const { workflowId } = workflowInfo();
    const at = Date.now();
    const incident = { id: workflowId, workflowId, runbook: 'bruteForceAttack', title: 'Block of an address', severity: 'High' as const, target: host, openedAt: at, links: { console: '', temporal: '' } };
    await tellPrimary(`overdue-${at}`, incident, {
      wrong: `${address} is still blocked at ${host}`, state: 'its time is over, and it could not be lifted for 30 min', found: [], done: [], asked: [],
      next: `It is tried again every 10 min. Lift it by hand if it can't wait; why it fails is shown in Temporal, workflow ${workflowId}.`,
    });
  });
  telling.catch((error: unknown) => {
    if (!isCancellation(error)) log.error('the primary could not be told of a block that is still there', { error });
  });
  return scope;
}
