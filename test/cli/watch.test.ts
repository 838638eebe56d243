import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentView, TimelineEntry } from '../../src/domain/incident.js';
import { apiServer, closedIncident, incidentId, openIncident, responder, type ApiServer, type Reply } from './world.js';

let server: ApiServer;
beforeAll(async () => {
  server = await apiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const entry = (text: string): TimelineEntry => ({
  at: 1_700_000_000_000,
  actor: { kind: 'automation', part: 'run' },
  what: 'done',
  text,
});

/** Each poll of this incident gets the next reply, and the last one for ever. */
function story(...replies: (IncidentView | Reply)[]): void {
  let poll = 0;
  server.on(`GET /api/incidents/${incidentId}`, () => {
    const next = replies[Math.min(poll, replies.length - 1)];
    poll += 1;
    if (next === undefined) throw new Error('a story needs replies');
    return typeof next === 'object' && 'v' in next ? { json: { view: next, progress: [] } } : next;
  });
}

describe('responder watch', () => {
  it('prints each new line once, two equal ones twice, and ends with the proof', async () => {
    story(
      openIncident({ timeline: [entry('first.')], asks: [] }),
      openIncident({ timeline: [entry('first.'), entry('second.')], asks: [] }),
      closedIncident({ timeline: [entry('second.'), entry('second.'), entry('third.')] }), // the oldest was cut off
    );
    const { stdout, stderr, exitCode } = await responder(['watch', incidentId], { url: server.url });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('Critical  Disk at 95 % on app-1, diskSpaceCritical on app-1:/var/www');
    expect(lines.slice(1, -2).map((line) => line.split(/ {2,}/).at(-1))).toEqual(['first.', 'second.', 'second.', 'third.']);
    expect(lines.slice(-2)).toEqual(['closed, recovered', `→ responder report ${incidentId}`]);
  });

  it('shows a question when it comes, once, with the command that answers it', async () => {
    story(openIncident({ asks: [] }), openIncident(), openIncident(), closedIncident());
    const { stdout } = await responder(['watch', incidentId], { url: server.url });
    expect(stdout.split(`responder approve ${incidentId} 1.2`)).toHaveLength(2);
    expect(stdout).toContain('php artisan queue:flush');
  });

  it.each(['resolved by a person', 'relieved, not recovered'] as const)('exits 3 when it closed as %s', async (closedAs) => {
    story(closedIncident({ closedAs, closeReason: 'planned load test' }));
    const { stdout, exitCode } = await responder(['watch', incidentId], { url: server.url });
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`closed, ${closedAs}: planned load test`);
  });

  it('waits for a server that is away for a while', async () => {
    story(
      openIncident({ asks: [] }),
      { status: 504, json: { error: 'no_worker', message: 'no worker answers' } },
      { status: 502, text: '' },
      closedIncident(),
    );
    const { stderr, exitCode } = await responder(['watch', incidentId], { url: server.url });
    expect(exitCode).toBe(0);
    expect(stderr).toBe('responder: no worker answers; still trying.\nresponder: the server answers again.');
  });

  it('does not wait for a server that was never there, nor for an incident that is gone', async () => {
    story({ status: 503, json: { error: 'temporal_unreachable', message: 'no Temporal' } });
    expect((await responder(['watch', incidentId], { url: server.url })).exitCode).toBe(8);
    story(openIncident(), { status: 404, json: { error: 'unknown_incident', message: 'gone' } });
    expect((await responder(['watch', incidentId], { url: server.url })).exitCode).toBe(4);
  });

  it('gives one JSON document at the end', async () => {
    const last = closedIncident();
    story(openIncident(), last);
    const { stdout, stderr } = await responder(['watch', incidentId, '--json'], { url: server.url });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ view: last, progress: [] });
  });
});
