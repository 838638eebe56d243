import { MayHaveArrived, NextChannel, TryLater } from '../channels/channel.js';
import type { Channel, Message, Person } from '../channels/channel.js';
import { TooMany } from '../channels/paced.js';
import { oneLine } from '../channels/outsider-text.js';
import { pageText } from '../channels/page-text.js';
import type { Delivery, Later, PageRequest, PageResult } from '../domain/page.js';
import type { Severity } from '../domain/severity.js';
import { standardTimes } from '../domain/times.js';
import { answersTo, linksFor } from './page-links.js';
import type { LinkMaking } from './page-links.js';
import { nobody, recipientsOf } from './page-recipients.js';
import type { Holders, Recipient } from './page-recipients.js';

import { quietUntil } from '../roster/quiet-hours.js';
import { waysTo } from './ways.js';
import type { Way } from './ways.js';

/** What the metrics page shows of paging; each is called once per event, never awaited. */
export interface PageMetrics {
  /** `delayMs`: from the due time to the other side's acceptance. */
  accepted(page: { kind: PageRequest['kind']; channel: string; delayMs: number; repeat: boolean }): void;
  failed(page: { kind: PageRequest['kind']; channel: string; failure: 'retryable' | 'next channel' | 'may have arrived' | 'too many' }): void;
  /** A request for which the config has nobody with an address. */
  nobody(page: { kind: PageRequest['kind'] }): void;
  /** A try more than a minute after the due time, after which none of the request's people has been reached. */
  unreached(page: { kind: PageRequest['kind'] }): void;
  /** A page of the last resort: everybody was paged and nobody answers. Once for all its tries. */
  lastResort(page: { severity: Severity }): void;
}

/** What the pages worker gives to its activities. */
export interface PageParts {
  holders: Holders;
  people: Readonly<Record<string, Person>>;
  /** Ways of telling a person: each of a person's contacts goes, in the person's order, to the channels that can use it. */
  channels: readonly Channel[];
  /** Where a page goes that has no person to go to. */
  log: Channel;
  metrics?: PageMetrics;
  /** Makes the links by which people answer; pages have none without it. */
  links?: LinkMaking | undefined;
  now?: () => number;
  /** One send may take this long, then it counts as unanswered. */
  sendTimeoutMs?: number;
  /** A channel that still fails so long after the due time is left for the person's next one, at the next try. */
  fallThroughAfterMs?: number;
  /** A page that leaves later than this after its due time says so. */
  lateAfterMs?: number;
}

/** What an attempt tells the next one about a person's copy, through the heartbeat. */
interface Copy {
  person: string;
  why: string;
  attempts: number;
  repeats: number;
  /** Ways on which this key may have been handed over, with an answer that is not known. */
  unanswered: string[];
  /** True if earlier attempts left no memory: every way may have been used. */
  lost: boolean;
  /** The last failure of each way, in its own words. */
  failures: Record<string, string>;
  /** Moments (ms since the epoch) before which ways want no other try. */
  notBefore?: Record<string, number>;
  delivery?: Delivery;
}

/** What attempts know of each other. Plain JSON. */
export interface Memory {
  v: 1;
  /** By key. */
  copies: Record<string, Copy>;
}

/** One try at a request. */
export interface PageAttempt {
  /** When the request was first made, ms since the epoch; the same for each of its attempts. */
  askedAt: number;
  /** Earlier tries of which nothing is known: each way may have been used by them. */
  forgotten: number;
  /** Called when the memory has changed while somebody is still to be reached, and every second, so that it outlives this process. */
  remember: () => void;
  /** ms since the epoch by the clock that due times are of. */
  serverNow: () => number;
  signal: AbortSignal;
}

const rememberEveryMs = 1_000;
/** By then every contact has had its turn. */
const countsAsUnreachedAfterMs = 60_000;

/**
 * Tells people, whoever asks for it. `attempt` sends to each person of a request who has no delivery in `memory` yet, all at the
 * same time, and never throws for a channel: whoever was not reached is among the `missing`, and the next attempt with the same
 * memory sends to them alone, with the same keys.
 */
export function pager(parts: PageParts) {
  const { people, channels, log, metrics } = parts;
  const now = parts.now ?? Date.now;
  const sendTimeoutMs = parts.sendTimeoutMs ?? 15_000;
  const fallThroughAfterMs = parts.fallThroughAfterMs ?? 25_000;
  const lateAfterMs = parts.lateAfterMs ?? standardTimes.lateAfter;

  async function attempt(request: PageRequest, memory: Memory, given: PageAttempt): Promise<PageResult & { inWords: string[] }> {
    const { forgotten, remember } = given;
    if (isFirstOfLastResort(request, memory, forgotten)) metrics?.lastResort({ severity: request.incident.severity });
    const { recipients: all, problems } = await recipientsOf(request, { holders: parts.holders, reachable }).catch((error: unknown) => {
      // So that the next attempt knows that this one sent nothing.
      remember();
      throw error;
    });
    const wanted = all.filter(({ person }) => request.only?.some((missing) => missing.person === person) ?? true);
    // By the moment at which it was asked for, so that each attempt finds the same ones asleep.
    const asleep = wanted.flatMap(({ person }): { person: string; until: number }[] => {
      const until = quietFor(request, person, given.askedAt);
      return until === undefined ? [] : [{ person, until }];
    });
    const retried = Object.keys(memory.copies).length > 0;
    const recipients = wanted.filter(({ person }) => !asleep.some((one) => one.person === person)).flatMap((recipient) => copiesFor(request, recipient));
    if (recipients.some(({ person }) => person === nobody)) metrics?.nobody({ kind: request.kind });
    const sends = recipients.flatMap((recipient) => {
      const before = request.only?.find(({ person }) => person === recipient.person)?.mayHaveArrived ? 1 : 0;
      const copy = (memory.copies[recipient.key] ??= newCopy(recipient, before + forgotten));
      if (copy.delivery !== undefined) return [];
      const ways = waysFor(request, recipient).map((way) => ({ ...way, repeat: copy.lost || copy.unanswered.includes(way.name) }));
      // Until this attempt says otherwise, each way may have been used: what is remembered may be held back for a while.
      copy.unanswered = ways.map(({ name }) => name);
      copy.lost = false;
      return [{ recipient, copy, ways }];
    });
    // Where there is no memory yet, the next attempt counts this one as forgotten, which says the same and costs no call.
    if (retried) remember();
    const remembering = setInterval(remember, rememberEveryMs);
    const send = async (one: (typeof sends)[number]): Promise<void> => {
      await deliver(request, one, given);
      // Once all have it, the result says so.
      if (sends.some(({ copy }) => copy.delivery === undefined)) remember();
    };
    try {
      await Promise.all(sends.map(send));
    } finally {
      clearInterval(remembering);
    }
    // From the memory, not from the recipients: whoever was reached before a change of the config was reached.
    const deliveries = Object.values(memory.copies).flatMap(({ delivery }) => (delivery === undefined ? [] : [delivery]));
    const missing = recipients.filter(({ key }) => memory.copies[key]?.delivery === undefined);
    if (missing.length > 0 && deliveries.length === 0 && given.serverNow() - dueAtOf(request) > countsAsUnreachedAfterMs) metrics?.unreached({ kind: request.kind });
    const noOther = request.kind === 'page' && request.waited?.past !== undefined && recipients.length === 0 && asleep.length === 0;
    return {
      deliveries,
      missing: missing.map(({ person, key }) => ({ person, mayHaveArrived: (memory.copies[key]?.unanswered.length ?? 0) > 0 })),
      ...laterOf(request, asleep, deliveries),
      problems: [...problems, ...(noOther ? ['there is no other contact: the next page tries all of them again'] : []), ...Object.values(memory.copies).flatMap(troubleOf)],
      inWords: missing.map(({ person, key }) => `${person} (${failuresOf(memory.copies[key]).join('; ')})`),
    };
  }

  async function deliver(
    request: PageRequest,
    { recipient, copy, ways }: { recipient: Recipient; copy: Copy; ways: (Way & { repeat: boolean })[] },
    attempt: PageAttempt,
  ): Promise<void> {
    const dueAt = dueAtOf(request);
    const unanswered = new Set(ways.filter(({ repeat }) => repeat).map(({ name }) => name));
    for (const { name, channel, address, updates, repeat } of ways) {
      if (attempt.signal.aborted) break;
      const sentAt = now();
      const waitMs = (copy.notBefore?.[name] ?? 0) - attempt.serverNow();
      if (waitMs > 0) {
        if (attempt.serverNow() - dueAt + waitMs <= fallThroughAfterMs) break;
        continue;
      }
      // This machine's clock may be wrong: then it is in the record, but decides nothing.
      const late = (request.kind === 'page' && request.due.late) || attempt.serverNow() - dueAt > lateAfterMs;
      copy.attempts += 1;
      if (repeat) copy.repeats += 1;
      try {
        const message = await messageFor(request, recipient, { way: name, channel, address, late, now: sentAt });
        const { acceptedAt, reference } = await sendInTime(channel, message, attempt.signal);
        const { person, why, attempts, repeats } = copy;
        copy.delivery = { key: recipient.key, person, why, channel: name, ...(reference !== undefined && { reference }), dueAt, sentAt, acceptedAt, attempts, repeats, late, ...(updates.length > 0 && { updates: true }), ...(channel.receipts && { receipt: 'to come' }) };
        metrics?.accepted({ kind: request.kind, channel: channel.name, delayMs: acceptedAt - dueAt, repeat });
        break;
      } catch (error) {
        const mayHaveArrived = error instanceof MayHaveArrived;
        // A refusal says nothing about an earlier time: that one stays unanswered.
        if (mayHaveArrived) unanswered.add(name);
        copy.failures[name] = oneLine(error instanceof Error ? error.message : String(error));
        const next = error instanceof NextChannel;
        metrics?.failed({ kind: request.kind, channel: channel.name, failure: failureOf(error) });
        const waitsMs = error instanceof TryLater ? error.afterMs : 0;
        // By the clock of due times: this machine's may be set back meanwhile.
        if (waitsMs > 0) copy.notBefore = { ...copy.notBefore, [name]: attempt.serverNow() + waitsMs };
        // From the due time: a page that is late already, or was handed on for some of its people, has waited long enough.
        if (!next && attempt.serverNow() - dueAt + waitsMs <= fallThroughAfterMs) break;
      }
    }
    copy.unanswered = [...unanswered];
  }

  /** Takes no longer than the timeout, also if the channel does not heed its signal. */
  async function sendInTime(channel: Channel, message: Message, cancelled: AbortSignal) {
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(sendTimeoutMs)]);
    const gaveUp = new Promise<never>((_resolve, reject) => {
      const because = (): void => reject(new MayHaveArrived(`${channel.name} gave no answer within ${sendTimeoutMs / 1_000} s`));
      if (signal.aborted) because();
      else signal.addEventListener('abort', because, { once: true });
    });
    return Promise.race([channel.send(message, signal), gaveUp]);
  }

  async function messageFor(request: PageRequest, recipient: Recipient, at: { way: string; channel: Channel; address: string; late: boolean; now: number }): Promise<Message> {
    const { person, key, why, part, escalatedToYou } = recipient;
    const name = people[person]?.name;
    const all = parts.links && person !== nobody ? await linksFor(request, person, parts.links, at.now) : [];
    // Whoever reads along may say that it is seen to, and decide nothing in another's name.
    const links = at.channel.shared ? all.filter(({ action }) => action === 'acknowledge') : all;
    const news = request.kind === 'notice' ? request.news : undefined;
    return {
      key,
      person: { id: person, ...(name === undefined ? {} : { name }), address: at.address },
      kind: request.kind,
      incident: { id: request.incident.id, severity: request.incident.severity, title: request.incident.title, target: request.incident.target },
      ...pageText({ request, why, ...(part === undefined ? {} : { part }), escalatedToYou, late: at.late, now: at.now, links }),
      answers: answersTo(request).map(({ until: _until, ...answer }) => answer),
      links,
      urgency: request.kind === 'notice' ? 'normal' : 'high',
      late: at.late,
      ...(news && { news: { kind: news.kind, pages: news.pages.filter((page) => page.person === person && page.channel === at.way) } }),
    };
  }

  function waysOf(id: string): Way[] {
    if (id === nobody) return [{ name: log.name, channel: log, address: nobody, afterMs: 0, updates: [] }];
    return waysTo(Object.hasOwn(people, id) ? people[id] : undefined, channels);
  }

  /**
   * News goes to each place that shows what becomes of the person's pages, and to nobody else: but for the all-clear, which
   * everybody gets by their contacts, too.
   */
  function copiesFor(request: PageRequest, recipient: Recipient): Recipient[] {
    const news = request.kind === 'notice' ? request.news : undefined;
    // A contact less is no reason to try for ever: the page was taken once, and the next round tries all again.
    if (!news) return request.kind === 'page' && request.waited?.past && waysFor(request, recipient).length === 0 ? [] : [recipient];
    const ways = waysOf(recipient.person);
    const shown = ways.filter(({ name, updates }) => updates.includes(news.kind) && news.pages.some((page) => page.person === recipient.person && page.channel === name));
    const byWay = (each: Way[]): Recipient[] => each.map(({ name }) => ({ ...recipient, key: `${recipient.key}/${name}`, way: name }));
    return news.kind === 'over' ? [recipient, ...byWay(shown.filter(({ name }) => name !== ways[0]?.name))] : byWay(shown);
  }

  /** A copy for contacts with a delay goes by none that is due before them. */
  function waysFor(request: PageRequest, { person, way }: Recipient): Way[] {
    const all = waysOf(person).filter(({ name }) => way === undefined || name === way);
    const after = request.kind === 'page' ? (request.waited?.after ?? 0) : 0;
    const past = request.kind === 'page' ? request.waited?.past : undefined;
    if (past) return inTurn(all, past);
    const own = all.filter(({ afterMs }) => afterMs >= after);
    return own.length > 0 ? own : all;
  }

  /** Until when (ms since the epoch) somebody is to be left in peace; only by what is Medium, and wants something of them. */
  function quietFor(request: PageRequest, id: string, at: number): number | undefined {
    const quiet = Object.hasOwn(people, id) ? people[id]?.quietHours : undefined;
    return quiet && request.incident.severity === 'Medium' && request.kind !== 'notice' ? quietUntil(quiet, at) : undefined;
  }

  function laterOf(request: PageRequest, asleep: { person: string; until: number }[], deliveries: Delivery[]): { later?: Later[] } {
    const delayed = deliveries.flatMap(({ person, channel }): Later[] => {
      if (request.kind !== 'page' || request.waited?.after !== undefined || request.waited?.past) return [];
      const ways = waysOf(person);
      const used = ways.find(({ name }) => name === channel)?.afterMs ?? 0;
      return [...new Set(ways.map(({ afterMs }) => afterMs))].flatMap((after) => (after > used ? [{ person, after }] : []));
    });
    const later = [...asleep, ...delayed];
    return later.length > 0 ? { later } : {};
  }

  function reachable(id: string): boolean {
    return id !== nobody && waysOf(id).length > 0;
  }

  return { attempt };
}

/** What comes after the ways that failed, then what came before them. */
function inTurn(all: Way[], past: string[]): Way[] {
  const last = all.findLastIndex(({ name }) => past.includes(name));
  return [...all.slice(last + 1), ...all.slice(0, last)].filter(({ name }) => !past.includes(name));
}

/** When its copies were to leave, ms since the epoch. */
function dueAtOf(request: PageRequest): number {
  return request.kind === 'page' ? (request.waited?.until ?? request.due.dueAt) : request.dueAt;
}

function isFirstOfLastResort(request: PageRequest, memory: Memory, forgotten: number): boolean {
  const isOne = request.kind === 'page' && request.due.parts.some(({ level }) => level === 'last resort');
  return isOne && !request.only && forgotten === 0 && Object.keys(memory.copies).length === 0;
}

function failureOf(error: unknown): Parameters<PageMetrics['failed']>[0]['failure'] {
  if (error instanceof NextChannel) return 'next channel';
  if (error instanceof MayHaveArrived) return 'may have arrived';
  return error instanceof TooMany ? 'too many' : 'retryable';
}

function newCopy({ person, why }: Recipient, forgottenAttempts: number): Copy {
  return { person, why, attempts: forgottenAttempts, repeats: 0, unanswered: [], lost: forgottenAttempts > 0, failures: {} };
}

/** The line for the timeline about a copy that arrived by a second way or try; none for one that arrived at once. */
function troubleOf({ delivery, failures, person }: Copy): string[] {
  const failed = failuresOf({ failures });
  if (delivery === undefined || failed.length === 0) return [];
  return [`${person} was reached by ${delivery.channel} at try ${delivery.attempts}; before that ${failed.join('; ')}`];
}

function failuresOf(copy: Pick<Copy, 'failures'> | undefined): string[] {
  return Object.entries(copy?.failures ?? {}).map(([channel, words]) => `${channel}: ${words}`);
}
