/**
 * The id of the incident that a workflow or an activity was given something about: the start of an incident, the input of a run
 * or an undo, a page, a report, a request for locks. Undefined if it says of none.
 */
export function incidentOf(given: unknown): string | undefined {
  const { alert, id, incident, incidentId } = (given ?? {}) as { alert?: unknown; id?: unknown; incident?: { id?: unknown }; incidentId?: unknown };
  return [incidentId, incident?.id, alert === undefined ? undefined : id].find((one): one is string => typeof one === 'string');
}
