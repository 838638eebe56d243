import type { Alert } from './alert.js';
import { fingerprint } from './alert.js';
import type { Place } from './place.js';
import type { Ladder } from './runbook.js';

/** Alertmanager's four comparisons. The pattern of `=~` and `!~` is anchored at both ends. */
export const matcherOperators = ['=', '!=', '=~', '!~'] as const;

/** One condition on a label. A label that is not there is empty. */
export interface Matcher {
  name: string;
  operator: (typeof matcherOperators)[number];
  value: string;
}

/** Alerts that fit all `matchers` are held from `startsAt` until `endsAt`, ms since the epoch; what a person asked for. */
export interface SilenceRequest {
  matchers: Matcher[];
  startsAt: number;
  endsAt: number;
  reason: string;
}

/** A silence, or a maintenance window if it starts later. Its id is that of the signed action that added it. */
export interface Silence extends SilenceRequest {
  id: string;
  author: string;
  createdAt: number;
  /** Ended early, by whom. */
  expired?: { at: number; by: string };
}

/** What is needed to page a held alert. */
export interface HeldMessage {
  silence: string;
  alert: Alert;
  place: Place;
  ladder: Ladder;
}

/** An alert that a silence holds or held. Times in ms since the epoch. */
export interface HeldAlert {
  silence: string;
  fingerprint: string;
  title: string;
  severity: string;
  firstAt: number;
  lastAt: number;
  count: number;
  became: 'held' | 'resolved' | 'paged';
  /** Of the incident that it opened or joined in the end; null while Temporal has not said. */
  incidentId?: string | null;
  /** The latest one, while it may still page. */
  message?: HeldMessage;
}

/** All that the workflow `silences` knows. Plain JSON: it travels through continue-as-new. */
export interface SilenceBook {
  silences: Silence[];
  held: HeldAlert[];
}

/** A silence as people see it. */
export interface SilenceView extends Silence {
  state: 'pending' | 'active' | 'expired';
  held: Omit<HeldAlert, 'silence' | 'message'>[];
}

export const noSilences: SilenceBook = { silences: [], held: [] };

const day = 86_400_000;
/** A silence that outlives who set it hides a fault for good: a longer one is set anew. */
export const longestSilence = 31 * day;
/** What a silence held can be looked at for this long after its end. */
const keptAfterEnd = 7 * day;
const mostSilences = 200;
/** Different alerts that are held at once; one more pages at once. All of them travel through continue-as-new, which takes 2 MiB. */
const mostHeld = 100;

/** When a silence stops holding. */
export function endOf({ endsAt, expired }: Pick<Silence, 'endsAt' | 'expired'>): number {
  return Math.min(endsAt, expired?.at ?? endsAt);
}

export function isActive(silence: Pick<Silence, 'startsAt' | 'endsAt' | 'expired'>, now: number): boolean {
  return silence.startsAt <= now && now < endOf(silence);
}

/** Why a silence can't be added, in words; undefined if it can. Whether its patterns are any is for the server to check. */
export function whyNotAdded(book: SilenceBook, request: SilenceRequest, now: number): string | undefined {
  const { matchers, startsAt, endsAt } = request;
  if (matchers.length === 0) return 'a silence needs a matcher';
  if (!(endsAt > now)) return 'the silence would be over already';
  if (!(endsAt > startsAt)) return 'a silence must end after it starts';
  if (endsAt - Math.max(startsAt, now) > longestSilence) return 'a silence lasts 31 days at most';
  if (book.silences.length >= mostSilences) return `there are ${mostSilences} silences, with those of the last week`;
  return undefined;
}

/** Expires a silence; what is over already stays as it is. */
export function expire(book: SilenceBook, id: string, by: string, now: number): SilenceBook {
  const silences = book.silences.map((one) => (one.id === id && endOf(one) > now ? { ...one, expired: { at: now, by } } : one));
  return { ...book, silences };
}

/**
 * Takes an alert that the server found silenced: one entry for each silence and fingerprint. Undefined if there is no room: it
 * must page. A 'resolved' only says that what is held need not page any more.
 */
export function take(book: SilenceBook, message: HeldMessage, now: number): SilenceBook | undefined {
  const { alert, silence } = message;
  const mark = fingerprint(alert);
  const known = book.held.find((one) => one.silence === silence && one.fingerprint === mark);
  const others = book.held.filter((one) => one !== known);
  if (alert.status === 'resolved') {
    if (known?.became !== 'held') return book;
    const { message: _, ...rest } = known;
    return { ...book, held: [...others, { ...rest, lastAt: now, became: 'resolved' }] };
  }
  if (!known && book.held.filter(({ became }) => became === 'held').length >= mostHeld) return undefined;
  const { firstAt = now, count = 0 } = known ?? {};
  const { title, severity } = alert;
  return { ...book, held: [...others, { silence, fingerprint: mark, title, severity, firstAt, lastAt: now, count: count + 1, became: 'held', message }] };
}

/** What is held by a silence that is over, or that is not there. */
export function due(book: SilenceBook, now: number): HeldAlert[] {
  const holding = new Set(book.silences.filter((one) => now < endOf(one)).map(({ id }) => id));
  return book.held.filter(({ became, silence }) => became === 'held' && !holding.has(silence));
}

/** Notes what became of a held alert, unless a newer one of the same has come meanwhile. */
export function paged(book: SilenceBook, { silence, fingerprint: mark, count }: HeldAlert, incidentId: string | null): SilenceBook {
  const held = book.held.map((one): HeldAlert => {
    if (one.silence !== silence || one.fingerprint !== mark || one.count !== count) return one;
    const { message: _, ...rest } = one;
    return { ...rest, became: 'paged', incidentId };
  });
  return { ...book, held };
}

/** Without what ended a week ago. By the planned end: an action that was sent twice must not bring an expired silence back. */
export function forget(book: SilenceBook, now: number): SilenceBook {
  const silences = book.silences.filter(({ endsAt }) => now < endsAt + keptAfterEnd);
  const ids = new Set(silences.map(({ id }) => id));
  return { silences, held: book.held.filter(({ silence, became }) => ids.has(silence) || became === 'held') };
}

/** When something is due next, ms since the epoch; undefined if nothing ever is. */
export function nextMoment({ silences }: SilenceBook, now: number): number | undefined {
  const moments = silences.flatMap((one) => [endOf(one), one.endsAt + keptAfterEnd]).filter((at) => at > now);
  return moments.length > 0 ? Math.min(...moments) : undefined;
}

/** Soonest to end first, ended ones last. */
export function viewsOf(book: SilenceBook, now: number): SilenceView[] {
  const views = book.silences.map((silence): SilenceView => {
    const state = isActive(silence, now) ? 'active' : silence.startsAt > now && endOf(silence) > now ? 'pending' : 'expired';
    const held = book.held.filter((one) => one.silence === silence.id).map(({ silence: _, message: __, ...rest }) => rest);
    return { ...silence, state, held };
  });
  const rank = ({ state }: SilenceView): number => (state === 'expired' ? 1 : 0);
  return views.sort((a, b) => rank(a) - rank(b) || endOf(a) - endOf(b));
}
