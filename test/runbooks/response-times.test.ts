import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Authos } from '../../sandbox/authos/authos.js';
import type { Fault } from '../../sandbox/faults/index.js';
import { missingIndex, slowEndpoint } from '../../sandbox/faults/slow-endpoint.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { generalTroubleshootingProcedure } from '../../src/workflows/general-troubleshooting.js';
import { highApiResponseTimesProcedure as runbook } from '../../src/workflows/high-api-response-times.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld } from '../support/runbook-world.js';
import type { TestIncident } from '../support/world.js';

let world: RunbookWorld;
beforeAll(async () => {
  world = await openRunbookWorld();
});
afterAll(() => world?.close());
afterEach(() => world.setMode('automatic', 'global'));

const place = { name: 'production' };

/** Asks for a check until the incident has closed: on a busy machine a fast endpoint may fail its first one. */
async function closedAfterChecks(incident: TestIncident): Promise<IncidentView> {
  const giveUpAt = performance.now() + 180_000;
  for (;;) {
    const view = await incident.view();
    if (view.state === 'closed') return view;
    if (performance.now() > giveUpAt) throw new Error(`it did not close: ${view.runs.map(({ end, reason }) => `${end}: ${reason}`).join('; ')}`);
    if (view.runs.every(({ endedAt }) => endedAt !== undefined)) await incident.act({ kind: 'check' });
    await delay(200);
  }
}

/** By a measurement of the fault's own, of real time: on a busy machine one of them may be slow. */
async function untilOver(fault: Fault, authos: Authos): Promise<void> {
  await expect.poll(() => fault.over(authos), { timeout: 120_000, interval: 1_000 }).toMatchObject({ over: true });
}

describe('General Troubleshooting', () => {
  it('looks and tells; closes once the source says resolved; clears all caches only on request', async () => {
    const { view, incident } = await world.run(generalTroubleshootingProcedure, { place });
    expect(view.runs[0]?.end).toBe('observed');
    expect(view.runs[0]?.steps.map(({ title }) => title)).toEqual(['Quick Health Check', 'View Live Logs', 'Database Console', 'Check System Status']);
    expect(JSON.stringify(view.runs[0]?.steps[2])).toMatch(/getPdo\(\): .*connected.*User::count\(\): 1.*the cache answers/);
    expect(view.asks).toEqual([]);

    await incident.act({ kind: 'check' });
    const checked = await until(incident, (now) => now.runs[1]?.endedAt !== undefined);
    expect(checked.runs[1]).toMatchObject({ kind: 'check', end: 'unrecovered', reason: expect.stringContaining('has not said resolved') });

    const restarts = world.authos.restarts;
    await incident.act({ kind: 'check', run: true });
    const asked = await until(incident, (now) => now.asks.length > 0);
    expect(asked.asks[0]).toMatchObject({ act: 'Clear all caches and restart', risk: 'disruptive' });
    await incident.act({ kind: 'approve', ask: asked.asks[0]!.id });
    const cleared = await until(incident, (now) => now.runs[2]?.endedAt !== undefined);
    expect(cleared.runs[2]?.steps.find(({ title }) => title === 'Clear All Caches')?.acts[0]?.outcome).toEqual({ kind: 'done', evidence: expect.stringContaining('herd restart; it answers') });
    expect(world.authos.restarts).toBe(restarts + 1);

    await incident.alert({ status: 'resolved' });
    expect((await closedAfterChecks(incident)).closedAs).toBe('recovered');
  });
});

describe('High API Response Times', () => {
  it('changes nothing while it is observe-only or dry-run, then cures a stale config cache by itself', async () => {
    const fault = slowEndpoint();
    await fault.put(world.authos);
    for (const mode of ['observe-only', 'dry-run'] as const) {
      await world.setMode(mode, 'global');
      const { view, incident } = await world.run(runbook, { place });
      expect(view.runs[0]?.end).toBe('observed');
      expect(outcomeOf(view, 'Clear the config cache')).toContain(`skipped mode: ${mode}: would run php artisan config:clear`);
      expect(world.authos.config().directory.cache_seconds).toBe(0);
      await incident.act({ kind: 'resolve', reason: 'it only looked' });
    }

    await world.setMode('automatic', 'global');
    const { view, incident } = await world.run(runbook, { place });
    expect(JSON.stringify(view.runs[0]?.steps.find(({ title }) => title === 'Identify Slow Endpoints'))).toContain('1 of 1 endpoints are slow');
    expect(outcomeOf(view, 'Clear the config cache')).toMatch(/^done: .*config:cache: built again/);
    expect(view.asks).toEqual([]);
    expect((await closedAfterChecks(incident)).closedAs).toBe('recovered');
    await untilOver(fault, world.authos);
  });

  it('names the table that lacks an index, ends unrecovered, and notices what a person does about it', async () => {
    const fault = missingIndex();
    await fault.put(world.authos);
    const { view, incident } = await world.run(runbook, { place });
    expect(view.runs[0]?.end).toBe('unrecovered');
    expect(outcomeOf(view, 'Check for missing indexes')).toContain('candidates for an index: authentication_logs');
    expect(outcomeOf(view, 'Warm the cache')).toBe('failed: Command "cache:warm" is not defined.');
    expect(outcomeOf(view, 'Optimize the autoloader')).toMatch(/^done: composer dump-autoload/);
    expect(outcomeOf(view, 'Numbers for scaling')).toMatch(/of \d+ database connections in use/);
    expect(view.timeline.some(({ what, text }) => what === 'escalate' && text.includes('ended unrecovered'))).toBe(true);
    await fault.byHand?.(world.authos);
    expect((await closedAfterChecks(incident)).closedAs).toBe('recovered');
    await untilOver(fault, world.authos);
  });
});

describe('General Troubleshooting with a database that is down', () => {
  it('does not take resolved for recovered while the database is down', async () => {
    const { incident } = await world.run(generalTroubleshootingProcedure, { place });
    await world.authos.postgres.stop();
    await incident.alert({ status: 'resolved' });
    const view = await until(incident, (now) => now.runs[1]?.endedAt !== undefined);
    expect(view.runs[1]).toMatchObject({ end: 'unrecovered', reason: expect.stringContaining('worse than at the start') });
    expect(view.state).toBe('open');
  });
});

async function until(incident: TestIncident, holds: (view: IncidentView) => boolean): Promise<IncidentView> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const view = await incident.view();
    if (holds(view)) return view;
    if (performance.now() > giveUpAt) throw new Error(JSON.stringify({ runs: view.runs, asks: view.asks }));
    await delay(200);
  }
}
