import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { badDeployment } from '../../sandbox/faults/bad-deployment.js';
import { git } from '../../sandbox/faults/repository.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { highErrorRateProcedure as runbook } from '../../src/workflows/high-error-rate.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld } from '../support/runbook-world.js';

const fault = badDeployment();
let world: RunbookWorld;

/** The fault stays until the last test's cure. Errors are counted in log lines that the sandbox writes now, so no time is skipped. */
beforeAll(async () => {
  world = await openRunbookWorld();
  await fault.put(world.authos);
});
afterAll(() => world?.close());
afterEach(() => world.setMode('automatic', 'global'));

const place = { name: 'production' };
/** Many more than 10 errors come in this minute, also on a busy machine. Long enough for a watch that sees a relapse. */
const times = { minute: 6_000, settle: 1_500, settleRestart: 1_500, budgetWindow: 600_000 };
const migrated = async (): Promise<boolean> => (await world.authos.sql("select 1 from information_schema.columns where table_name = 'users' and column_name = 'tenant_id'")).length > 0;
const endOf = (view: IncidentView) => view.runs[0]?.end;
const escalations = (view: IncidentView) => view.timeline.filter(({ what, text }) => what === 'escalate' && text.includes('ended unrecovered'));

describe('High Error Rate after a bad deployment', () => {
  it.each(['observe-only', 'dry-run'] as const)('changes nothing in mode %s and says what it would run', async (mode) => {
    await world.setMode(mode, 'global');
    const head = await git(world.authos, 'rev-parse', 'HEAD');
    const { view } = await world.run(runbook, { place, times });
    expect(endOf(view)).toBe('observed');
    expect(view.asks).toEqual([]);
    expect(outcomeOf(view, 'Identify Error Pattern')).toContain('GET /api/v1/organizations');
    expect(outcomeOf(view, 'Roll back the deployment')).toContain(`skipped mode: ${mode}: would run php artisan migrate:rollback --step=`);
    expect(outcomeOf(view, 'Restart the application')).toContain('(disruptive, after approval)');
    expect([await git(world.authos, 'rev-parse', 'HEAD'), await migrated()]).toEqual([head, true]);
  });

  it('ends unrecovered after a cure that does not work and one that nobody approves in time, and escalates at once', async () => {
    const answers = (act: string) => (act === 'Restart the application' ? 'approve' : undefined);
    const { view } = await world.run(runbook, { place, times: { ...times, approvalExpires: 1_500 }, answers });
    expect(outcomeOf(view, 'Clear the cache')).toMatch(/^done/);
    expect(outcomeOf(view, 'Restart the queue workers')).toContain('skipped condition does not hold: no supervisor');
    expect(outcomeOf(view, 'Restart the application')).toContain('done: ');
    expect(view.runs[0]?.steps.find(({ title }) => title === 'Quick Fixes')?.check).toMatch(/^not recovered\. \d+ errors in the last minute/);
    expect(outcomeOf(view, 'Open Database Connection Failures')).toContain('skipped condition does not hold: no sign that the database is the cause');
    expect(outcomeOf(view, 'Clear the compiled caches with 512 MB')).toContain('skipped condition does not hold: 0 errors name exhausted memory');
    expect(outcomeOf(view, 'Roll back the deployment')).toContain('skipped expired');
    expect(endOf(view)).toBe('unrecovered');
    expect(escalations(view)).toHaveLength(1);
    expect(await migrated()).toBe(true);
  });

  it('is cured by the rollback that a person approves: migrations, code, dependencies, restart', async () => {
    const answers = (act: string) => (act === 'Roll back the deployment' ? 'approve' : 'decline') as 'approve' | 'decline';
    const { view } = await world.run(runbook, { place, times, answers });
    const ask = view.asks.find(({ act }) => act === 'Roll back the deployment');
    expect(ask).toMatchObject({ risk: 'destructive', undo: 'cannot be undone', evidence: expect.stringMatching(/was not there before\n.*2 commits:\n/) });
    expect(ask?.evidence).toContain('rolled back first: 2026_01_27_120000_rename_organization_id_to_tenant_id');
    expect(outcomeOf(view, 'Restart the application')).toBe('skipped declined: by alice (cli)');
    expect(outcomeOf(view, 'Clear the cache')).toContain('skipped limit');
    expect(outcomeOf(view, 'Roll back the deployment')).toMatch(/^done: artisan migrate:rollback.*2 commits reverted.*composer install.*herd restart; it answers$/s);
    expect(endOf(view)).toBe('recovered');
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });
});

describe('High Error Rate with a database that is down', () => {
  it('finds that the database is the cause, claims nothing, and opens its incident', async () => {
    await world.authos.postgres.stop();
    const { view } = await world.run(runbook, { place, times: { ...times, approvalExpires: 700 } });
    const steps = view.runs[0]?.steps ?? [];
    expect(JSON.stringify(steps.find(({ title }) => title === 'Review Recent Errors'))).toMatch(/recent errors unknown: .*answered 500/);
    expect(outcomeOf(view, 'Check the database')).toMatch(/^done: .*its health is unhealthy, it refuses us/);
    expect(outcomeOf(view, 'Roll back the deployment')).toContain('skipped condition does not hold');
    expect(endOf(view)).toBe('unrecovered');
    expect(outcomeOf(view, 'Open Database Connection Failures')).toContain('done: databaseConnectionFailures on production:authos: ');
  });
});
