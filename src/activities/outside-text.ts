import type { Scrub } from './scrub.js';
import { shownName } from './wording.js';

/** An outsider's words on one line of evidence: secrets out, control characters shown as escapes, at most `limit` characters. */
export function outsideText(text: string, scrub: Scrub, limit = 160): string {
  // Cut first: a message may be megabytes long. A secret that the cut halves is still long enough to be recognised, or cut again.
  const shown = shownName(scrub(text.slice(0, limit * 4)));
  return shown.length > limit ? `${shown.slice(0, limit - 1)}…` : shown;
}
