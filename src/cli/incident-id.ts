import type { IncidentLine } from './api.js';
import { CliError, UsageError } from './cli-error.js';
import { oneLine } from './plain-text.js';
import { shortIds } from './short-id.js';

/** The id as it may be sent: a UUID, at least 6 characters of one, or a workflow id. Throws `UsageError` for anything else. */
export function checkedIncidentId(id: string): string {
  if (/^incident\/[^\p{C}]+$/u.test(id) || /^[0-9a-f-]{6,36}$/i.test(id)) return id;
  throw new UsageError(
    `${JSON.stringify(id)} is no incident: give its id, at least 6 characters of it, or its workflow id (incident/…).`,
    '`responder incidents` lists them.',
  );
}

/**
 * What to say about an id that the server doesn't take: the incidents that begin with it, if there are several. `failure` itself is
 * the answer if there are not, or if the list can't be had.
 */
export async function explainUnknownId(id: string, failure: CliError, listAll: () => Promise<IncidentLine[]>): Promise<CliError> {
  const all = await listAll().catch(() => []);
  const matches = all.filter((incident) => incident.id.startsWith(id.toLowerCase()));
  if (matches.length < 2) return failure;

  const short = shortIds(all.map((incident) => incident.id));
  const lines = matches.map(
    (incident) =>
      `  ${short.get(incident.id) ?? incident.id}  ${oneLine(`${incident.runbook} on ${incident.target}, ${incident.state}`)}`,
  );
  return new CliError({
    error: 'ambiguous_incident',
    exit: 'unknownIncident',
    message: `${matches.length} incidents begin with ${id}:\n${lines.join('\n')}`,
    next: 'Give more of the id.',
    details: { matches: matches.map(({ id: match, runbook, target, state }) => ({ id: match, runbook, target, state })) },
  });
}
