import { defineSearchAttributeKey } from '@temporalio/common';

/**
 * What an incident can be found by, without a worker. They must be registered on the server before use: an upsert of an
 * unknown one stops the workflow's task for good. SQL visibility has room for 10 keywords and 3 of each other type.
 */
export const searchAttributes = {
  runbook: defineSearchAttributeKey('Runbook', 'KEYWORD'),
  severity: defineSearchAttributeKey('Severity', 'KEYWORD'),
  incidentState: defineSearchAttributeKey('IncidentState', 'KEYWORD'),
  target: defineSearchAttributeKey('Target', 'KEYWORD'),
  waitingFor: defineSearchAttributeKey('WaitingFor', 'KEYWORD'),
  escalationLevel: defineSearchAttributeKey('EscalationLevel', 'INT'),
  nextEscalationAt: defineSearchAttributeKey('NextEscalationAt', 'DATETIME'),
};

/** A query by all of them: refused for as long as one is not known to the server, which an incident's first update would not survive. */
export const queryByAll = Object.values(searchAttributes).map(({ name }) => `${name} IS NOT NULL`).join(' AND ');
