import { allHandlersFinished, condition, continueAsNew, defineQuery, defineSignal, defineUpdate, log, proxyActivities, setHandler, upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { SilenceActivities } from '../activities/silences.js';
import type { SignedAction } from '../domain/action.js';
import { due, expire, forget, type HeldAlert, type HeldMessage, nextMoment, noSilences, paged, type SilenceBook, type SilenceView, take, viewsOf, whyNotAdded } from '../domain/silence.js';
import { verified } from '../domain/signing.js';
import { queues, silencesId } from './names.js';

export interface SilencesStart {
  /** Hex of the keys that sign people's actions. */
  publicKeys: string[];
  book?: SilenceBook;
}

const opening = proxyActivities<SilenceActivities>({
  taskQueue: queues.pages,
  summary: 'Page what a silence held',
  startToCloseTimeout: '20s',
  // An alert that was accepted pages in the end, however long that takes.
  retry: { initialInterval: '1s', maximumInterval: '30s' },
});

/** How many held alerts are paged at once. */
const atOnce = 10;
/** Without a silence it ends after this, ms: it is started right before the first one is added. */
const quietBeforeEnd = 60_000;

/**
 * Keeps silences, and the alerts that they hold. What the server must know to hold an alert lies in the memo, which is read
 * without a worker. Only a person whom our server authenticated may add or end a silence. See docs/adr/0011.
 */
export async function silences({ publicKeys, book: carried = noSilences }: SilencesStart): Promise<void> {
  let book = carried;
  /** Held too late, or without room: they page at once. */
  const homeless: HeldMessage[] = [];
  let changed = false;
  const now = (): number => Date.now();

  const change = (signed: SignedAction): void => {
    const { action, id, person: author, at: createdAt } = signed;
    const known = book.silences.some((one) => one.id === id);
    if (action.kind === 'silence' && !known) book = { ...book, silences: [...book.silences, { id, author, createdAt, ...action.silence }] };
    if (action.kind === 'expire silence') book = expire(book, action.silence, author, now());
    changed = true;
  };

  setHandler(defineUpdate<SilenceView[], [SignedAction]>('change'), (signed) => {
    change(signed);
    return viewsOf(book, now());
  }, {
    description: 'Add or end a silence (from our HTTP server only).',
    validator(signed) {
      const why = refusal(book, signed, publicKeys, now());
      if (!why) return;
      log.warn('a change of silences was refused', { why });
      throw new Error(why);
    },
  });
  setHandler(defineSignal<[HeldMessage]>('hold'), (message) => {
    const taken = take(book, message, now());
    if (taken) book = taken;
    else homeless.push(message);
    changed = true;
  }, { description: 'An alert that a silence holds (from our HTTP server).' });
  setHandler(defineQuery<SilenceView[]>('show'), () => viewsOf(book, now()), { description: 'Every silence, and what it holds or held.' });

  const release = async (held: HeldAlert): Promise<void> => {
    if (!held.message) return;
    const { incidentId } = await opening.pageHeld({ message: held.message, publicKeys, silence: book.silences.find(({ id }) => id === held.silence) });
    book = paged(book, held, incidentId);
  };

  let published = '';
  for (;;) {
    changed = false;
    book = forget(book, now());
    const memo = { silences: book.silences.filter(({ endsAt, expired }) => !expired && endsAt > now()).map(({ id, matchers, startsAt, endsAt }) => ({ id, matchers, startsAt, endsAt })) };
    if (JSON.stringify(memo) !== published) {
      published = JSON.stringify(memo);
      upsertMemo(memo);
    }
    const over = due(book, now()).slice(0, atOnce);
    await Promise.all([...homeless.splice(0).map((message) => opening.pageHeld({ message, publicKeys })), ...over.map(release)]);
    if (over.length > 0 || changed) continue;
    await condition(allHandlersFinished);
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof silences>({ publicKeys, book });
    const next = nextMoment(book, now()) ?? now() + quietBeforeEnd;
    const heard = await condition(() => changed || workflowInfo().continueAsNewSuggested, Math.max(1, next - now()));
    if (!heard && book.silences.length === 0) return;
  }
}

function refusal(book: SilenceBook, signed: SignedAction, publicKeys: string[], now: number): string | undefined {
  const { action, id, incidentId } = signed;
  if (action.kind !== 'silence' && action.kind !== 'expire silence') return 'this is no change of silences';
  if (incidentId !== silencesId || !verified(signed, publicKeys)) return 'the signature is not of our server';
  if (action.kind === 'silence') return book.silences.some((one) => one.id === id) ? undefined : whyNotAdded(book, action.silence, now);
  return book.silences.some((one) => one.id === action.silence) ? undefined : 'there is no such silence';
}
