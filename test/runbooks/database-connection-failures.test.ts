import { chmod, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { databaseDown, databaseExhausted } from '../../sandbox/faults/index.js';
import type { IncidentView } from '../../src/domain/incident.js';
import { databaseConnectionFailuresProcedure as runbook } from '../../src/workflows/database-connection-failures.js';
import { openRunbookWorld, outcomeOf, type RunbookWorld, type RunOptions } from '../support/runbook-world.js';

let world: RunbookWorld;
/** "5 min" are a second here. */
const exhausted = () => databaseExhausted({ agedMs: 1_500 });

beforeAll(async () => {
  world = await openRunbookWorld();
});
afterAll(() => world?.close());
afterEach(async () => {
  await world.setMode('automatic', 'global');
  await world.world.endIncidents();
  await writeFile(join(world.authos.postgres.dataFolder, 'postgresql.auto.conf'), '');
  await world.authos.postgres.restart(); // cuts every session that a fault has left
});

/** The tests share a host: the budget of a restart, which counts over all incidents, is of no time here. */
const run = (options: RunOptions = {}) => world.run(runbook, { times: { budgetWindow: 1 }, ...options });
const approving = (wanted: string) => (act: string) => (act === wanted ? ('approve' as const) : ('decline' as const));
const endOf = (view: IncidentView) => view.runs[0]?.end;

/** Puts the write-ahead log on the application's volume, as hosts with one small disk have it, and fills that up to 92 %. Resolves to the way back. */
async function walOnFullVolume(): Promise<() => Promise<void>> {
  const { postgres, capacity } = world.authos;
  const home = join(postgres.dataFolder, 'pg_wal');
  const moved = join(capacity.mount, 'pg_wal');
  const filler = join(capacity.mount, 'filler');
  for (let folder = dirname(moved); folder !== tmpdir(); folder = dirname(folder)) await chmod(folder, 0o755); // PostgreSQL's own user must pass
  await postgres.stop();
  await execa('mv', [home, moved]);
  await symlink(moved, home);
  await postgres.restart();
  const { bytes } = await capacity.usage();
  await writeFile(filler, Buffer.alloc(Math.round(0.92 * bytes.total - bytes.used)));
  return async () => {
    await rm(filler);
    await postgres.stop();
    await rm(home);
    await execa('mv', [moved, home]);
    await postgres.restart();
  };
}

describe('Database Connection Failures', () => {
  it('restarts a dead PostgreSQL on approval, and closes on its own proof', async () => {
    const fault = databaseDown();
    await fault.put(world.authos);
    const { view } = await run({ answers: approving('Restart Database Service') });
    expect(outcomeOf(view, 'Restart Database Service')).toMatch(/^done: .*pg_postmaster_start_time\(\) is/s);
    expect(outcomeOf(view, 'Kill Long-Running Queries')).toContain('already recovered');
    expect(endOf(view)).toBe('recovered');
    expect(view.asks.map(({ act }) => act)).toEqual(['Restart Database Service']);
    expect(view.found.join('\n')).toMatch(/Check Database Health: database: unhealthy.*Check Database Server: no response/s);
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
  });

  it('restarts it without an answer: it is Critical, nobody is there, and our own probe gets no response', async () => {
    await databaseDown().put(world.authos);
    const { view } = await run({ expire: true });
    expect(view.asks[0]?.answer?.answer).toBe('expired');
    expect(outcomeOf(view, 'Restart Database Service')).toMatch(/^done/);
    expect(endOf(view)).toBe('recovered');
  });

  it('leaves it down when declined, and escalates at once', async () => {
    await databaseDown().put(world.authos);
    const { view } = await run({ answers: () => 'decline' });
    expect(outcomeOf(view, 'Restart Database Service')).toMatch(/^skipped declined/);
    expect(endOf(view)).toBe('unrecovered');
    expect(await databaseDown().over(world.authos)).toMatchObject({ over: false });
    expect(view.level).toBeGreaterThanOrEqual(2);
  });

  it('claims no success for a restart that does not bring it up', async () => {
    await databaseDown().put(world.authos);
    await writeFile(join(world.authos.postgres.dataFolder, 'postgresql.auto.conf'), "shared_preload_libraries = 'there_is_no_such_library'\n");
    const { view } = await run({ answers: approving('Restart Database Service') });
    expect(outcomeOf(view, 'Restart Database Service')).toMatch(/^failed: .*no response/s);
    expect(endOf(view)).toBe('unrecovered');
    expect(view.level).toBeGreaterThanOrEqual(2);
    expect(view.runs[0]?.steps.find(({ title }) => title === 'Restart Database Service')?.check).toMatch(/^not recovered/);
  });

  it('ends forgotten transactions of a full one, which is never restarted; the backup lives', async () => {
    const fault = exhausted();
    const { pid } = world.authos.postgres;
    await fault.put(world.authos);
    const { view } = await run({ answers: approving('Kill Long-Running Queries') });
    expect(outcomeOf(view, 'Restart Database Service')).toMatch(/^skipped condition does not hold: accepting/);
    expect(outcomeOf(view, 'Kill Long-Running Queries')).toMatch(/^done: \d+ of \d+ sessions ended/);
    expect(outcomeOf(view, 'Write a higher max_connections')).toMatch(/^skipped/);
    expect(endOf(view)).toBe('recovered');
    expect(world.authos.postgres.pid).toBe(pid);
    expect(await fault.over(world.authos)).toMatchObject({ over: true });
    expect(JSON.stringify(view)).not.toContain('a value that no page may show');
  });

  it('ends nobody when the question expires: a full server answers, so it is not down', async () => {
    const fault = exhausted();
    await fault.put(world.authos);
    const { view } = await run({ expire: true, automation: { destructive: 'never' } });
    expect(outcomeOf(view, 'Kill Long-Running Queries')).toMatch(/^skipped expired/);
    expect(outcomeOf(view, 'Write a higher max_connections')).toMatch(/^skipped mode/);
    expect(endOf(view)).toBe('unrecovered');
    expect(await fault.over(world.authos)).toMatchObject({ over: false, evidence: expect.stringContaining('the backup goes on') });
  });

  it('raises max_connections only on approval, and asks for the restart that makes it count by itself; the undo is offered', async () => {
    const fault = exhausted();
    await fault.put(world.authos);
    const allowed = ['Write a higher max_connections', 'Restart the database, so that it counts'];
    const { view } = await run({ answers: (act) => (allowed.includes(act) ? 'approve' : 'decline') });
    expect(outcomeOf(view, allowed[0]!)).toMatch(/^done: .*pending_restart is true/);
    expect(outcomeOf(view, allowed[1]!)).toMatch(/^done: .*pg_postmaster_start_time/s);
    const [row] = await world.authos.sql<{ n: string }>("select current_setting('max_connections') as n");
    expect(row?.n).toBe('200');
    expect(view.undos).toMatchObject([{ kind: 'offered', title: 'Write max_connections = 30 back', state: 'registered' }]);
    expect(endOf(view)).toBe('recovered');
  });

  it('opens Disk Space Critical for the full volume that its write-ahead log is on', async () => {
    const takeBack = await walOnFullVolume();
    try {
      await exhausted().put(world.authos);
      const { view } = await run({ answers: () => 'decline' });
      const { mount } = world.authos.capacity;
      expect(outcomeOf(view, 'Check Disk Space')).toMatch(new RegExp(`^done: the volume of ${mount}/pg_wal is 9\\d % used`));
      expect(outcomeOf(view, 'Open Disk Space Critical')).toMatch(new RegExp(`^done: diskSpaceCritical on ${world.authos.name}:${mount}: `));
      expect(view.followUps.join()).not.toContain('Check Disk Space');
    } finally {
      await takeBack();
    }
  });

  it('opens nothing for a volume with room, and says how full it is', async () => {
    await databaseDown().put(world.authos);
    const { view } = await run({ answers: () => 'decline' });
    expect(outcomeOf(view, 'Check Disk Space')).toMatch(/^done: the volume of .* is \d+ % used/);
    expect(outcomeOf(view, 'Open Disk Space Critical')).toContain('skipped condition does not hold: the volume of the database is not over 90 %');
  });

  it.each(['observe-only', 'dry-run'] as const)('changes nothing in mode %s, and says what it would do', async (mode) => {
    await world.setMode(mode, 'global');
    await databaseDown().put(world.authos);
    const { view } = await run();
    expect(outcomeOf(view, 'Restart Database Service')).toMatch(new RegExp(`^skipped mode: ${mode}: would run sudo systemctl restart postgresql`));
    expect(view.asks).toEqual([]);
    expect(endOf(view)).toBe('observed');
    expect(await databaseDown().over(world.authos)).toMatchObject({ over: false });
  });
});
