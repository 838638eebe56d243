/** Names of what spans say about an incident. Both travel along with its work, as baggage. */
export const subject = { incident: 'responder.incident_id', runbook: 'responder.runbook' } as const;
