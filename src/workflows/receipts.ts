import type { DuePage } from '../domain/ladder.js';
import type { Delivery, PageRequest, Undelivered } from '../domain/page.js';
import type { Books } from './desk.js';
import { byLadder, entry, note } from './incident-memory.js';

/** A page that was taken by what tells later whether it arrived. */
export interface Unconfirmed {
  key: string;
  reference?: string;
  person: string;
  /** The way it went, and those before it that did not bring it. */
  ways: string[];
  due: DuePage;
  after?: number;
}

/** Only the newest can still be of use. */
const keptAtMost = 100;

/** Keeps what a receipt may still be about; nothing where no channel gives any. */
export function awaitReceipts(books: Books, request: PageRequest, deliveries: readonly Delivery[]): void {
  const { memory } = books;
  if (request.kind !== 'page' || (memory.closing ?? memory.closed)) return;
  const { due, waited: { after, past = [] } = {} } = request;
  for (const { key, reference, person, channel, receipt } of deliveries) {
    if (!receipt) continue;
    const page: Unconfirmed = { key, ...(reference !== undefined && { reference }), person, ways: [...past, channel], due, ...(after !== undefined && { after }) };
    memory.unconfirmed = [...(memory.unconfirmed ?? []), page].slice(-keptAtMost);
    const early = memory.earlyReceipts?.find((one) => one.key === key && one.reference === reference);
    if (early) pageUndelivered(books, early);
  }
}

/** A page did not arrive: the person's next contact is tried at once, unless somebody has it by now. */
export function pageUndelivered(books: Books, told: Undelivered): void {
  const { memory } = books;
  if (memory.closing ?? memory.closed) return;
  const page = memory.unconfirmed?.find(({ key, reference }) => key === told.key && reference === told.reference);
  if (!page) {
    // Twilio may be quicker than the record of what it took.
    memory.earlyReceipts = [...(memory.earlyReceipts ?? []), told].slice(-keptAtMost);
    return;
  }
  memory.unconfirmed = memory.unconfirmed?.filter((one) => one !== page);
  memory.earlyReceipts = memory.earlyReceipts?.filter(({ key, reference }) => key !== told.key || reference !== told.reference);
  const now = Date.now();
  note(memory, entry(now, byLadder, 'problem', `${page.person} was not reached by ${page.ways.at(-1)}: ${String(told.status).slice(0, 40)}`));
  memory.waiting = [...(memory.waiting ?? []), { person: page.person, at: now, due: page.due, past: page.ways, ...(page.after !== undefined && { after: page.after }) }];
}
