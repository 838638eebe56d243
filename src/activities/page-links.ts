import type { PersonLink } from '../channels/channel.js';
import type { PageRequest } from '../domain/page.js';
import type { LinkGrant, LinkSigner } from '../links/signed-links.js';

/** How links of pages are made. */
export interface LinkMaking {
  signer: LinkSigner;
  /** What they begin with, without a slash at the end. */
  base: string;
  /** A link is good for so long, or until its question expires. */
  validForMs: number;
}

/** What a person can do from their copy of a page or question; a notice wants nothing. `now` is ms since the epoch. */
export async function linksFor(request: PageRequest, person: string, { signer, base, validForMs }: LinkMaking, now: number): Promise<PersonLink[]> {
  if (request.kind === 'notice') return [];
  const link = async (label: string, grant: Omit<LinkGrant, 'incident' | 'person'>, until = Number.POSITIVE_INFINITY): Promise<PersonLink> => {
    const token = await signer.sign({ ...grant, incident: request.incident.id, person }, Math.min(until, now + validForMs));
    return { ...grant, label, url: `${base}/links/${token}` };
  };
  const asks = request.kind === 'ask' ? request.asks : request.story.asked;
  return Promise.all([
    link('Acknowledge', { action: 'acknowledge' }),
    ...asks.flatMap(({ id, expiresAt }) => [
      link(`Approve ${id}`, { action: 'approve', ask: id }, expiresAt ?? undefined),
      link(`Decline ${id}`, { action: 'decline', ask: id }, expiresAt ?? undefined),
    ]),
    link('Resolve', { action: 'resolve' }),
  ]);
}
