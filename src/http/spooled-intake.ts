import type { FastifyBaseLogger } from 'fastify';
import type { RoutedAlert } from '../alerts/routing.js';
import { fingerprint } from '../domain/alert.js';
import { incidentWorkflowId } from '../domain/identity.js';
import type { Times } from '../domain/times.js';
import type { Metrics } from '../metrics.js';
import { currentTraceparent, withTraceparent } from '../telemetry/spans.js';
import { entryOf, openBacklog, withAlert, wordOf } from './backlog.js';
import type { Held } from './backlog.js';
import { ApiError } from './errors.js';
import type { AcceptedAlert, Incidents } from './incidents.js';
import { nextOwnPage } from './own-pages.js';
import type { PageNotStarted } from './own-pages.js';
import type { Spool } from './spool.js';
import { refusalOf } from './temporal-calls.js';
import type { Intake } from './temporal-intake.js';

export interface SpooledIntakeParts {
  spool: Spool;
  intake: Pick<Intake, 'handOver'>;
  page: PageNotStarted;
  times: Pick<Times, 'minute'>;
  /** Incidents that may wait for Temporal at the same time; for more alerts there is no room. */
  atMost: number;
  metrics: Pick<Metrics, 'spool'>;
  logger: FastifyBaseLogger;
}

/** Alerts by way of the spool. */
export interface SpooledIntake extends Pick<Incidents, 'accept'> {
  /** Hands nothing over any more, and closes the spool once what is on its way has arrived. A repeat is safe. */
  close(): Promise<void>;
}

/** Entries on their way to Temporal at the same time. */
const lanes = 16;
/** Requests that wait at the same time to hear from Temporal what they opened, and for how long, ms. The others are answered at once. */
const mayAsk = 4;
const askFor = 1_000;
/** Between tries while Temporal is away, ms. */
const firstRest = 100;
const longestRest = 2_000;
/** Tries of an entry that fails though Temporal is there; they take about eight minutes. */
const triesAtMost = 20;
const pagesAtOnce = 8;
/** Between tries to page those who could not be reached, ms. */
const firstPageRest = 1_000;
const longestPageRest = 30_000;
/** Bytes of the entries that wait: they are in memory, too. */
const bytesAtMost = 64 * 1_048_576;

/**
 * Accepts alerts once they are on our disk, and hands them to Temporal at once: by severity, then by arrival. Repeats for one
 * incident become one word in 10 s, which carries their number and the last of them. What Temporal has not taken for 30 s pages
 * level 1 from here, and the incident is told of it. What was kept before a restart is handed over first.
 */
export function spooledIntake({ spool, intake, page, times, atMost, metrics, logger }: SpooledIntakeParts): SpooledIntake {
  const backlog = openBacklog();
  const repeatsEvery = times.minute / 6;
  const pageAfter = times.minute / 2;
  const refusalsEvery = times.minute * 15;
  /** When an incident was last told of alerts, and its id; of the last 10 s. */
  const told = new Map<string, { at: number; incidentId: string | null }>();
  /** When people were told that Temporal refuses alerts of an incident, by its workflow id; of the last 15 min. */
  const refusalsPaged = new Map<string, number>();
  const active = new Set<Promise<void>>();
  const paging = new Set<Promise<void>>();
  const closing = new AbortController();
  let outage: { since: number; rest: number; nextTry: number } | undefined;
  let asking = 0;
  let bytesKept = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed: Promise<void> | undefined;

  for (const spooled of spool.found) {
    backlog.put(held(spooled));
    bytesKept += spooled.bytes;
  }
  if (backlog.count > 0) logger.warn({ entries: backlog.count }, 'alerts of before the restart are handed over');
  metrics.spool.entries.set(backlog.count);
  pump();

  async function accept(routed: RoutedAlert): Promise<AcceptedAlert> {
    const { alert } = routed;
    const workflowId = incidentWorkflowId(alert.runbook, alert.target);
    const known = backlog.get(workflowId);
    if (closed) throw new ApiError('spool_unwritable', 'the server is ending; try again');
    if (!known && (backlog.count >= atMost || bytesKept >= bytesAtMost)) throw new ApiError('spool_full', 'the spool is full, since Temporal takes nothing; try again');
    const entry = known ? withAlert(known.entry, routed) : entryOf(routed, currentTraceparent());
    const { bytes, flushed } = spool.keep(workflowId, entry);
    bytesKept += bytes - (known?.bytes ?? 0);
    const here = Object.assign(known ?? held({ workflowId, entry, bytes }), { entry, bytes });
    if (!known) {
      here.notBefore = (told.get(workflowId)?.at ?? 0) + repeatsEvery;
      backlog.put(here);
      metrics.spool.entries.set(backlog.count);
    }
    // While the disk works, Temporal gets it already: who is paged waits for neither.
    const answer = answerFor(here);
    pump();
    try {
      await flushed;
    } catch (error) {
      logger.error({ err: error, workflowId }, 'the spool can not be written');
      metrics.spool.unwritable.inc();
      // Where Temporal has it, it is as safe as it would be on our disk.
      const taken = await answer;
      if (taken) return taken;
      throw new ApiError('spool_unwritable', 'the alert can not be written to the disk; try again', { cause: error });
    }
    const incidentId = told.get(workflowId)?.incidentId ?? null;
    return (await answer) ?? { fingerprint: fingerprint(alert), workflowId, incidentId, state: 'accepted' };
  }

  /** What becomes of an entry, if it may go now and few others wait for such an answer. */
  async function answerFor(here: Held): Promise<AcceptedAlert | undefined> {
    // In a burst those on their way have Temporal busy for longer than a sender should wait.
    if (outage || asking >= mayAsk || active.size >= mayAsk || here.notBefore > Date.now()) return undefined;
    asking += 1;
    here.asking += 1;
    let waited: NodeJS.Timeout | undefined;
    try {
      return await new Promise<AcceptedAlert | undefined>((resolve) => {
        here.waiting.push(resolve);
        waited = setTimeout(() => resolve(undefined), askFor);
      });
    } finally {
      clearTimeout(waited);
      asking -= 1;
      here.asking -= 1;
    }
  }

  /** Hands over what may go, and sees to it that it is called again for the rest. */
  function pump(): void {
    const now = Date.now();
    while (!closed && active.size < (outage ? 1 : lanes) && now >= (outage?.nextTry ?? 0)) {
      const next = backlog.next(now);
      if (!next) break;
      const handing: Promise<void> = handOver(next).finally(() => {
        active.delete(handing);
        pump();
      });
      active.add(handing);
    }
    clearTimeout(timer);
    const at = Math.min(backlog.nextAt(), outage && active.size === 0 && backlog.count > 0 ? outage.nextTry : Infinity);
    if (!closed && at < Infinity) timer = setTimeout(pump, Math.max(10, at - now));
  }

  async function handOver(here: Held): Promise<void> {
    const { entry, workflowId } = here;
    try {
      const answer = await withTraceparent(entry.traceparent, () => intake.handOver({ id: entry.id, opening: entry.opening, word: wordOf(entry), tell: here.asking > 0 }));
      if (outage) logger.warn({ seconds: Math.round((Date.now() - outage.since) / 1_000), entries: backlog.count }, 'Temporal is back');
      outage = undefined;
      metrics.spool.away.set(0);
      const now = Date.now();
      if (answer.state !== 'ignored') remember(workflowId, answer.incidentId, now);
      here.failures = 0;
      delete here.failingSince;
      if (here.entry === entry) leave(here, spool.remove(workflowId));
      else wait(here, now + repeatsEvery);
      answerAll(here, answer);
    } catch (error) {
      failed(here, error);
    }
  }

  function failed(here: Held, error: unknown): void {
    const now = Date.now();
    const refusal = refusalOf(error);
    if (refusal === 'away') {
      if (!outage) logger.error({ err: error }, 'Temporal can not be reached: alerts are kept');
      const rest = Math.min(longestRest, outage ? outage.rest * 2 : firstRest);
      outage = { since: outage?.since ?? now, rest, nextTry: now + rest };
      metrics.spool.away.set(1);
      wait(here, 0);
      answerAll(here, undefined);
      return pageOverdue();
    }
    here.failures += 1;
    here.failingSince ??= now;
    if (refusal === 'for ever' || here.failures >= triesAtMost) return setAside(here, error);
    logger.error({ err: error, workflowId: here.workflowId, failures: here.failures }, 'Temporal did not take an alert: it is tried again');
    const pageAt = here.failingSince + pageAfter;
    const next = now + Math.min(30_000, firstRest * 2 ** here.failures);
    wait(here, now < pageAt ? Math.min(next, pageAt) : next);
    answerAll(here, undefined);
    pageOverdue();
  }

  /** One that Temporal will never take must not be in the others' way. People are told of it, and a restart tries it again. */
  function setAside(here: Held, error: unknown): void {
    logger.error({ err: error, workflowId: here.workflowId, entry: here.entry.id }, 'Temporal refuses an alert: it is set aside');
    metrics.spool.setAside.inc();
    const { workflowId, entry } = here;
    leave(here, spool.setAside(workflowId, entry));
    answerAll(here, undefined);
    if (!entry.fired || nextOwnPage(entry) === Infinity) return;
    // Its source goes on to repeat it, and each repeat is refused again.
    const now = Date.now();
    for (const [about, at] of refusalsPaged) if (now - at >= refusalsEvery) refusalsPaged.delete(about);
    if (refusalsPaged.has(workflowId)) return;
    refusalsPaged.set(workflowId, now);
    keepPaging(here);
  }

  /** Nothing else speaks for what is set aside: so it pages until everybody is reached by each contact, or the server ends. */
  function keepPaging(here: Held): void {
    startPaging(here, 'Temporal refuses its alert', () => {
      const { workflowId, entry } = here;
      void spool.keepAside(workflowId, entry).catch(unwritable);
      const next = nextOwnPage(entry);
      if (closed || next === Infinity) return;
      setTimeout(() => {
        if (!closed) keepPaging(here);
      }, Math.max(here.pageRest, next - Date.now())).unref();
    });
  }

  function leave(here: Held, write: Promise<void>): void {
    backlog.remove(here);
    bytesKept -= here.bytes;
    metrics.spool.entries.set(backlog.count);
    // If it stays on the disk, it is handed over once more after a restart, and the incident knows it.
    write.catch(unwritable);
  }

  function unwritable(error: unknown): void {
    logger.error({ err: error }, 'the spool can not be written');
    metrics.spool.unwritable.inc();
  }

  function wait(here: Held, until: number): void {
    here.notBefore = until;
    backlog.put(here);
  }

  function answerAll(here: Held, answer: AcceptedAlert | undefined): void {
    // Two alerts that came together opened it once.
    const [first, ...others] = here.waiting.splice(0);
    first?.(answer);
    for (const other of others) other(answer?.state === 'opened' ? { ...answer, state: 'joined' } : answer);
  }

  function remember(workflowId: string, incidentId: string | null, now: number): void {
    told.delete(workflowId);
    told.set(workflowId, { at: now, incidentId });
    for (const [oldest, { at }] of told) {
      if (now - at < repeatsEvery) break;
      told.delete(oldest);
    }
  }

  /** Pages for what Temporal has not taken for half a minute. */
  function pageOverdue(): void {
    const now = Date.now();
    if (closed) return;
    for (const here of backlog.all()) {
      if (paging.size >= pagesAtOnce) return;
      const because = whyOverdue(here, now);
      if (!because || !here.entry.fired || now < Math.max(nextOwnPage(here.entry), here.pageNotBefore)) continue;
      // What is on its way to Temporal is taken, and has its turn after that.
      if (!backlog.take(here)) continue;
      startPaging(here, because, () => {
        spool.keep(here.workflowId, here.entry).flushed.catch(unwritable);
        wait(here, here.notBefore);
      });
    }
  }

  /** Undefined if it is not that long: Temporal is away, or it is there and only this one fails. */
  function whyOverdue({ failingSince }: Held, now: number): string | undefined {
    const reasons = [['Temporal can not be reached', outage?.since], ['Temporal does not take its alert', failingSince]] as const;
    const [because] = reasons.flatMap(([what, since]) => (since !== undefined && now - since >= pageAfter ? [`${what} since ${new Date(since).toISOString()}`] : []));
    return because;
  }

  /** One try; whom it reached is in the entry when `then` is called. */
  function startPaging(here: Held, because: string, then: () => void): void {
    here.pageRest = Math.min(longestPageRest, here.pageRest === 0 ? firstPageRest : here.pageRest * 2);
    const doing: Promise<void> = page(here, because, closing.signal)
      .then(
        (paged) => {
          here.entry = { ...here.entry, paged };
          // A rest is for what failed.
          if (nextOwnPage(here.entry) > Date.now()) here.pageRest = 0;
          logger.error({ workflowId: here.workflowId, people: paged.deliveries.map(({ person }) => person), missing: paged.missing.map(({ person }) => person) }, 'runbook not started: paged by the server');
        },
        (error: unknown) => logger.error({ err: error, workflowId: here.workflowId }, 'the page "runbook not started" failed'),
      )
      .then(() => {
        here.pageNotBefore = Date.now() + here.pageRest;
        then();
      })
      .finally(() => {
        paging.delete(doing);
        pageOverdue();
        pump();
      });
    paging.add(doing);
  }

  return {
    accept,
    close: () =>
      (closed ??= (async () => {
        clearTimeout(timer);
        closing.abort();
        await Promise.allSettled([...active, ...paging]);
        await spool.close();
      })()),
  };
}

function held(spooled: Pick<Held, 'workflowId' | 'entry' | 'bytes'>): Held {
  return { ...spooled, notBefore: 0, failures: 0, pageNotBefore: 0, pageRest: 0, waiting: [], asking: 0 };
}
