import { condition, defineQuery, defineSignal, log, proxyActivities, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import type { BlockRequest } from '../activities/attack.js';
import type { FirewallActivities } from '../activities/firewall.js';
import { queues } from './names.js';

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

/**
 * Keeps the block of one address at one host and lifts it when its time is over: 1 h, and 24 h from the second time on. It
 * outlives the incident, and remembers the address for 30 days. The signal `lift` lifts it early.
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

  while (await condition(() => state.until !== undefined, remembered)) {
    // A later request makes it longer.
    while (early === undefined && state.until !== undefined && Date.now() < state.until) {
      const { until } = state;
      await condition(() => early !== undefined || state.until !== until, Math.max(1, until - Date.now()));
    }
    const { until } = state;
    const { outcome, evidence } = await hands.liftBlocks({ host, addresses: [address], madeBy: Date.now() });
    state.lifted = `${outcome}: ${evidence}${early === undefined ? '' : ` (early: ${early}; via Temporal, unverified)`}`;
    if (outcome !== 'done') await sleep(tryAgain, { summary: `Not lifted yet: ${evidence.slice(0, 100)}` });
    // Blocked again meanwhile: then that block has its own time.
    else if (state.until === until) delete state.until;
    show();
  }
}
