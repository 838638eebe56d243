import type { PageParts } from '../activities/pager.js';
import { pager } from '../activities/pager.js';
import type { Config } from '../config.js';
import { nextPage, openLadder } from '../domain/ladder.js';
import type { OwnPage, PageRequest } from '../domain/page.js';
import type { Spooled } from './spool.js';
import { incidentLinks } from './temporal-intake.js';

/** Pages level 1 of an incident that could not be opened; a repeat pages those who are still missing. */
export type PageNotStarted = (spooled: Spooled, because: string, signal: AbortSignal) => Promise<OwnPage>;

/** The first page of an incident, by the server itself: to the same people, under the same key as the incident's own. */
export function ownPages({ config, ways }: { config: Pick<Config, 'times' | 'links' | 'temporal'>; ways: PageParts }): PageNotStarted {
  const { attempt } = pager(ways);
  return async (spooled, because, signal) => {
    const before = spooled.entry.paged;
    const request = firstPage(config, spooled, because);
    if (!request) return { deliveries: [], missing: [] };
    const { deliveries, missing } = await attempt(
      { ...request, ...(before && { only: before.missing }) },
      { v: 1, copies: {} },
      { askedAt: Date.now(), forgotten: 0, remember: () => undefined, serverNow: Date.now, signal },
    );
    return { deliveries: [...(before?.deliveries ?? []), ...deliveries], missing };
  };
}

function firstPage({ times, links, temporal }: Parameters<typeof ownPages>[0]['config'], { workflowId, entry }: Spooled, because: string): PageRequest | undefined {
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
