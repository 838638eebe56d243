import type { IncidentView } from '../../src/domain/incident.js';
import type { TestIncident } from './world.js';

/** Resolves once an act waits for an answer. */
export function asked(incident: TestIncident, act: string): Promise<IncidentView> {
  return incident.until(({ asks }) => asks.some((ask) => ask.act === act && !ask.answer), `the question about ${act}`);
}

/** Resolves once the first run has ended. */
export function ended(incident: TestIncident): Promise<IncidentView> {
  return incident.until(({ runs }) => runs[0]?.end !== undefined, 'the end of the run');
}
