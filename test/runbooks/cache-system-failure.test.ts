import { createServer } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cacheCold, cacheDown, cacheFull, cachePassword } from '../../sandbox/faults/index.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { cacheSystemFailureProcedure as runbook } from '../../src/workflows/cache-system-failure.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld, type RunOptions } from '../support/runbook-world.js';

let world: RunbookWorld;
let env: string;
const clearing = 'Clear the cache';

beforeAll(async () => {
  world = await openRunbookWorld();
  env = await readFile(join(world.authos.root, '.env'), 'utf8');
});
afterAll(() => world?.close());
afterEach(async () => {
  await world.setMode('automatic', 'global');
  await world.authos.valkey.restart(); // empty, with its own settings again
  await world.world.endIncidents();
});

/** The tests share a host: the budgets of a restart and of cache:clear, which count over all incidents, are of no time here. */
const run = (options: RunOptions = {}) => world.run(runbook, { place: { name: 'redis' }, times: { budgetWindow: 1 }, ...options });
const approving = (wanted: string) => (act: string) => (act === wanted ? ('approve' as const) : ('decline' as const));
const endOf = (view: IncidentView) => view.runs[0]?.end;

describe('Cache System Failure', () => {
  it('restarts a dead Redis on approval, and does not clear what takes no command', async () => {
    await cacheDown().put(world.authos);
    const { view } = await run({ answers: approving('Restart Cache Service') });
    expect(outcomeOf(view, clearing)).toMatch(/^skipped condition does not hold: the store takes no commands/);
    expect(outcomeOf(view, 'Restart Cache Service')).toMatch(/^done: docker restart -t 120 authos-redis; running/);
    expect(outcomeOf(view, 'Switch to Fallback Driver')).toContain('already recovered');
    expect(endOf(view)).toBe('recovered');
    expect(await cacheDown().over(world.authos)).toMatchObject({ over: true });
  });

  it('clears a full one by itself, since nothing else is in it, and never restarts it', async () => {
    await cacheFull().put(world.authos);
    const { pid } = world.authos.valkey;
    const { view } = await run();
    expect(outcomeOf(view, clearing)).toMatch(/^done/);
    expect(endOf(view)).toBe('recovered');
    expect(view.asks).toEqual([]);
    expect(world.authos.valkey.pid).toBe(pid);
  });

  it('is mitigated by the fallback, which goes by itself once a person has set the password right', async () => {
    const fault = cachePassword();
    await fault.put(world.authos);
    const { view, incident } = await run({ answers: approving('Switch to Fallback Driver') });
    expect(outcomeOf(view, 'Restart Cache Service')).toMatch(/^skipped condition does not hold: Redis answers: WRONGPASS/);
    expect(outcomeOf(view, 'Switch to Fallback Driver')).toMatch(/^done: CACHE_STORE=file in \.env, cache\.default is file/);
    expect(endOf(view)).toBe('mitigated');
    expect(view.undos).toMatchObject([{ kind: 'automatic', title: 'Write CACHE_STORE=redis back', state: 'registered' }]);

    await fault.byHand?.(world.authos);
    await incident.signal('check');
    await expect.poll(async () => {
      await world.world.env.sleep(1_000);
      return (await incident.view()).undos[0]?.state;
    }, { timeout: 40_000 }).toBe('done');
    expect(await readFile(join(world.authos.root, '.env'), 'utf8')).toBe(env);
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it('claims no success when neither restart nor fallback is allowed: declined is declined, and expired is no yes in a Medium incident', async () => {
    await cacheDown().put(world.authos);
    const { view } = await run({ expire: true, answers: (act) => (act === 'Restart Cache Service' ? 'decline' : undefined) });
    expect(outcomeOf(view, 'Restart Cache Service')).toMatch(/^skipped declined/);
    expect(outcomeOf(view, 'Switch to Fallback Driver')).toMatch(/^skipped expired/);
    expect(endOf(view)).toBe('unrecovered');
    expect(view.level).toBeGreaterThanOrEqual(2); // "when it happens": unhealthy after all steps
    expect(await readFile(join(world.authos.root, '.env'), 'utf8')).toBe(env);
  });

  it('says that a restart failed, in the manager’s words', async () => {
    const { port } = world.authos.valkey;
    await cacheDown().put(world.authos);
    const squatter = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    const free = async (): Promise<void> => {
      if (!squatter.listening) return;
      squatter.close();
      await once(squatter, 'close');
    };
    onTestFinished(free);
    const { view } = await run({ answers: approving('Restart Cache Service') }).finally(free);
    expect(outcomeOf(view, 'Restart Cache Service')).toMatch(new RegExp(`^failed: .*${port}`, 's'));
    expect(endOf(view)).toBe('unrecovered');
  });

  it('waits for a cold cache to warm, and does not empty it once more', async () => {
    const fault = cacheCold();
    await fault.put(world.authos);
    const { view } = await run({ alert: { labels: { alertname: 'CacheHitRateLow' } }, times: { settle: 1_000, budgetWindow: 1 } });
    expect(endOf(view)).toBe('recovered');
    expect(view.runs[0]?.reason).toMatch(/\d+ % hits of \d+ lookups/);
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it('calls a hit rate that nobody can judge unrecovered, and clears nothing for it', async () => {
    const { view } = await run({ alert: { labels: { alertname: 'x; $(reboot)\n' }, title: 'Cache hit rate < 50%' } });
    expect(outcomeOf(view, clearing)).toMatch(/^skipped condition does not hold: the alert is about the hit rate/);
    expect(endOf(view)).toBe('unrecovered');
    expect(view.runs[0]?.reason).toContain('too few to judge the hit rate');
  });

  it.each(['observe-only', 'dry-run'] as const)('changes nothing in mode %s', async (mode) => {
    await world.setMode(mode, 'global');
    await cacheDown().put(world.authos);
    const { view } = await run();
    expect(outcomeOf(view, 'Restart Cache Service')).toMatch(new RegExp(`^skipped mode: ${mode}: would run sudo systemctl restart redis`));
    expect(outcomeOf(view, 'Switch to Fallback Driver')).toMatch(new RegExp(`^skipped mode: ${mode}: would run CACHE_STORE=file`));
    expect(endOf(view)).toBe('observed');
    expect(await cacheDown().over(world.authos)).toMatchObject({ over: false });
  });
});
