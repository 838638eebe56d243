import type { PageParts } from '../activities/pager.js';
import { pager } from '../activities/pager.js';
import type { Config } from '../config.js';
import { nextPage, openLadder } from '../domain/ladder.js';
import { delayedUntil } from '../domain/page.js';
import type { Later, OwnLater, OwnPage, PageRequest } from '../domain/page.js';
import type { Spooled } from './spool.js';
import { incidentLinks } from './temporal-intake.js';

/**
 * Pages level 1 of an incident that could not be opened: whoever is still missing, and the copies that are due by now. A repeat
 * goes on from what the one before has written into the entry.
 */
export type PageNotStarted = (spooled: Spooled, because: string, signal: AbortSignal) => Promise<OwnPage>;

/** When there is something to page for an entry, ms since the epoch: Infinity once all is out. */
export function nextOwnPage({ paged }: Spooled['entry']): number {
  if (!paged || paged.missing.length > 0) return 0;
  return Math.min(Infinity, ...(paged.later ?? []).map(({ at }) => at));
}

/** The first page of an incident, by the server itself: to the same people, under the same keys as the incident's own. */
export function ownPages({ config, ways }: { config: Pick<Config, 'times' | 'links' | 'temporal'>; ways: PageParts }): PageNotStarted {
  const { attempt } = pager(ways);
  return async (spooled, because, signal) => {
    const request = firstPage(config, spooled, because);
    if (!request) return { deliveries: [], missing: [] };
    const send = async (more: Pick<OwnRequest, 'only' | 'waited'>): Promise<OwnPage> => {
      const trying = { askedAt: Date.now(), forgotten: 0, remember: () => undefined, serverNow: Date.now, signal };
      const { deliveries, missing, later = [] } = await attempt({ ...request, ...more }, { v: 1, copies: {} }, trying);
      return { deliveries, missing, later: later.map((one) => ownLater(one, { request, after: more.waited?.after, minute: config.times.minute })) };
    };
    let paged: OwnPage = spooled.entry.paged ?? { deliveries: [], missing: [] };
    if (!spooled.entry.paged) paged = await send({});
    else if (paged.missing.length > 0) paged = together(paged, await send({ only: paged.missing }));
    for (const copy of paged.later ?? []) if (copy.at <= Date.now()) paged = await sendCopy(paged, copy, send);
    const { later = [], ...rest } = paged;
    return { ...rest, ...(later.length > 0 && { later }) };
  };
}

type OwnRequest = Extract<PageRequest, { kind: 'page' }>;

/** What is missing then is what was missing again. */
function together(before: OwnPage, { deliveries, missing, later = [] }: OwnPage): OwnPage {
  return { deliveries: [...before.deliveries, ...deliveries], missing, later: [...(before.later ?? []), ...later] };
}

/** One that reaches nobody stays, to be tried again. */
async function sendCopy(paged: OwnPage, copy: OwnLater, send: (more: Pick<OwnRequest, 'only' | 'waited'>) => Promise<OwnPage>): Promise<OwnPage> {
  const { person, at, after, mayHaveArrived = false } = copy;
  const sent = await send({ only: [{ person, mayHaveArrived }], waited: { until: at, ...(after !== undefined && { after }) } });
  const [missing] = sent.missing;
  const others = (paged.later ?? []).filter((one) => one !== copy);
  const again = missing ? [{ ...copy, ...(missing.mayHaveArrived && { mayHaveArrived: true as const }) }] : [];
  return together({ ...paged, later: [...others, ...again] }, { ...sent, missing: paged.missing });
}

function ownLater(one: Later, { request, after, minute }: { request: OwnRequest; after: number | undefined; minute: number }): OwnLater {
  const { person } = one;
  if ('until' in one) return { person, at: one.until, ...(after !== undefined && { after }) };
  return { person, at: delayedUntil(one.after * (minute / 60_000), { dueAt: request.due.dueAt, now: Date.now() }), after: one.after };
}

function firstPage({ times, links, temporal }: Parameters<typeof ownPages>[0]['config'], { workflowId, entry }: Spooled, because: string): OwnRequest | undefined {
  const { id, opening } = entry;
  const { alert, place, ladder, runbook } = opening;
  const policy = { severity: alert.severity, ladder, times };
  const due = nextPage(policy, openLadder(policy, alert.acceptedAt), alert.acceptedAt)?.page;
  return due && {
    kind: 'page',
    due,
    incident: {
      id,
      workflowId,
      runbook: alert.runbook,
      title: runbook.title,
      severity: alert.severity,
      target: place.name,
      openedAt: alert.acceptedAt,
      links: incidentLinks({ links, temporal }, id, workflowId),
    },
    story: {
      wrong: alert.title,
      state: 'runbook not started',
      found: [`RUNBOOK NOT STARTED: ${because}. Nothing is diagnosed or repaired by itself, and answers to this page are not taken before Temporal is back.`],
      done: [],
      asked: [],
      next: 'Follow the runbook by hand. The incident opens as soon as Temporal takes it, and goes on from this page.',
    },
  };
}
