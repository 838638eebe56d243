import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { incidentOf } from '../../src/domain/incident-of.js';
import { runtimeLogger } from '../../src/workers/runtime-logger.js';
import { hostNeeding, over } from '../support/practice-host.js';
import { openWorld, quietRuntime, type World } from '../support/world.js';

const lines: Record<string, unknown>[] = [];
let world: World;

beforeAll(async () => {
  // As src/worker.ts has it.
  quietRuntime(runtimeLogger(pino({ level: 'trace' }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) })));
  world = await openWorld();
});
afterAll(() => world?.close());

describe('log lines of workers', () => {
  it('name the incident that they are about', { timeout: 60_000 }, async () => {
    let sends = 0;
    world.onSend = async () => {
      sends += 1;
      if (sends === 1) throw new Error('the mail server is away');
    };
    const host = Object.assign(hostNeeding(), { verdict: over, lookFails: true });
    const incident = await world.open({ activities: host.activities });
    await incident.until(({ pages, runs }) => pages.length > 0 && runs[0]?.phase === 'proven', 'a page and a proof');
    const ofActivities = lines.filter(({ activityType }) => activityType !== undefined);
    expect(ofActivities.map(({ activityType }) => activityType)).toEqual(expect.arrayContaining(['sendPage', 'look']));
    // The SDK says that one started before our interceptors have seen it.
    const named = lines.filter(({ msg, workflowId }) => /^(Activity|Workflow) (completed|failed)$/.test(String(msg)) && (workflowId === incident.handle.workflowId || String(workflowId).startsWith(incident.start.id)));
    expect(new Set(named.map(({ msg }) => msg))).toEqual(new Set(['Activity completed', 'Activity failed']));
    expect(named.filter(({ incidentId, activityType }) => incidentId !== incident.start.id && !lookups.includes(String(activityType)))).toEqual([]);
  });

  it.each([
    [{ v: 1, id: 'a', alert: {} }, 'a'],
    [{ incident: { id: 'b' }, run: 1 }, 'b'],
    [{ incidentId: 'c', because: 'closed' }, 'c'],
    [{ id: 'd' }, undefined],
    ['production', undefined],
    [undefined, undefined],
  ])('know it from what was asked: %j', (given, id) => {
    expect(incidentOf(given)).toBe(id);
  });
});

/** Of an incident, but asked by environment alone; its workflow id is on the line. */
const lookups = ['findCause', 'attachSymptoms', 'tellDatabaseIncidents'];
