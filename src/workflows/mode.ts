import { condition, continueAsNew, defineSignal, log, setHandler, upsertMemo, workflowInfo } from '@temporalio/workflow';
import { modes as allModes } from '../domain/messages.js';
import type { SignedAction } from '../domain/action.js';
import { defaultModes, type Modes } from '../domain/mode.js';
import { verified } from '../domain/signing.js';

export const setSignal = defineSignal<[SignedAction]>('set');

/**
 * Keeps the modes: the kill switch. In a memo, so that it can be read while no worker is up. Only a person whom our server
 * authenticated may turn it; anything else is logged and changes nothing.
 */
export async function mode({ publicKeys, modes = defaultModes, seen = [] }: { publicKeys: string[]; modes?: Modes; seen?: string[] }): Promise<void> {
  let current = modes;
  // A signed change lies in the history for everyone to read: sent a second time, it must not turn the switch back.
  let ids = seen;
  setHandler(setSignal, (signed) => {
    const change = signed.action;
    if (change.kind !== 'mode' || !allModes.includes(change.mode) || !verified(signed, publicKeys) || ids.includes(signed.id)) {
      log.warn('a change of mode without a valid signature, or sent before, was refused');
      return;
    }
    ids = [...ids, signed.id].slice(-1_000);
    current =
      change.scope === 'global'
        ? { ...current, global: change.mode }
        : { ...current, runbooks: { ...current.runbooks, [change.scope]: change.mode } };
    upsertMemo({ modes: current });
  }, { description: 'Set the mode (from our HTTP server only).' });
  upsertMemo({ modes: current });
  await condition(() => workflowInfo().continueAsNewSuggested);
  await continueAsNew<typeof mode>({ publicKeys, modes: current, seen: ids });
}
