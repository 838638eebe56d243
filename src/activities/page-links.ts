import type { Answer, PersonLink } from '../channels/channel.js';
import type { PageRequest } from '../domain/page.js';
import type { LinkSigner } from '../links/signed-links.js';

/** How links of pages are made. */
export interface LinkMaking {
  signer: LinkSigner;
  /** What they begin with, without a slash at the end. */
  base: string;
  /** A link is good for so long, or until its question expires. */
  validForMs: number;
}

/** What can be answered to a page or question, and until when (ms since the epoch); a notice wants nothing. */
export function answersTo(request: PageRequest): (Answer & { until: number })[] {
  if (request.kind === 'notice') return [];
  const asks = request.kind === 'ask' ? request.asks : request.story.asked;
  const endless = Number.POSITIVE_INFINITY;
  return [
    { action: 'acknowledge', label: 'Acknowledge', until: endless },
    ...asks.flatMap(({ id, expiresAt }): (Answer & { until: number })[] => [
      { action: 'approve', ask: id, label: `Approve ${id}`, until: expiresAt ?? endless },
      { action: 'decline', ask: id, label: `Decline ${id}`, until: expiresAt ?? endless },
    ]),
    { action: 'resolve', label: 'Resolve', until: endless },
  ];
}

/** The same as links of one person. `now` is ms since the epoch. */
export async function linksFor(request: PageRequest, person: string, { signer, base, validForMs }: LinkMaking, now: number): Promise<PersonLink[]> {
  return Promise.all(
    answersTo(request).map(async ({ until, label, ...answer }) => {
      const token = await signer.sign({ ...answer, incident: request.incident.id, person }, Math.min(until, now + validForMs));
      return { ...answer, label, url: `${base}/links/${token}` };
    }),
  );
}
