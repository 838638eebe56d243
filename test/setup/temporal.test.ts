import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporal, type TemporalServer } from '../../sandbox/servers/temporal.js';
import { searchAttributes } from '../../src/domain/search-attributes.js';
import { registerCanary } from '../../src/setup/canary.js';
import { registerPatrol } from '../../src/setup/patrol.js';
import { patrolId } from '../../src/workflows/names.js';

let folder: string;
let temporal: TemporalServer;
let connection: Connection;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'responder-setup-'));
  temporal = await startTemporal({ folder, database: 'memory' });
  connection = await Connection.connect({ address: temporal.address });
});

afterAll(async () => {
  await connection?.close();
  await temporal?.stop();
  await rm(folder, { recursive: true, force: true });
});

function setup(args: string[], env: Record<string, string> = {}) {
  const script = fileURLToPath(new URL('../../src/setup.ts', import.meta.url));
  return execa(process.execPath, ['--import', 'tsx', script, ...args], {
    env: { PATH: process.env['PATH'], HOME: folder, TEMPORAL_ADDRESS: temporal.address, ...env }, extendEnv: false, stdin: 'ignore', reject: false,
  });
}

const namespaceOf = (namespace: string) => connection.workflowService.describeNamespace({ namespace });

describe('the schedule of the canary', () => {
  it('is registered, changed and removed as the config has it', async () => {
    const client = new Client({ connection });
    const schedule = () => client.schedule.getHandle('canary').describe();
    expect(await registerCanary(client, undefined)).toBe('off');
    expect(await registerCanary(client, { every: 3_600_000, to: 'canary' })).toBe('registered');
    expect((await schedule()).spec.intervals).toMatchObject([{ every: 3_600_000 }]);
    await client.schedule.getHandle('canary').pause('in a game day');
    expect(await registerCanary(client, { every: 60_000, to: 'alice' })).toBe('changed');
    const { spec, action, state } = await schedule();
    expect(spec.intervals).toMatchObject([{ every: 60_000 }]);
    expect(action).toMatchObject({ workflowType: 'canary', taskQueue: 'incidents', args: [{ to: 'alice' }] });
    expect(state).toMatchObject({ paused: true, note: 'in a game day' });
    await client.schedule.getHandle('canary').trigger();
    await expect.poll(() => client.workflow.getHandle('canary').describe().then(({ type }) => type, () => client.workflow.count("WorkflowType = 'canary'").then(({ count }) => (count > 0 ? 'canary' : 'none'))), { timeout: 10_000 }).toBe('canary');
    expect(await registerCanary(client, undefined)).toBe('removed');
  });
});

describe('the registering job', () => {
  it('registers a namespace and everything that incidents are found by', async () => {
    const { exitCode, stdout, stderr } = await setup(['--retention', '30'], { TEMPORAL_NAMESPACE: 'incidents-of-authos' });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('namespace incidents-of-authos registered, closed incidents are kept 30 days');
    const { config } = await namespaceOf('incidents-of-authos');
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 86_400);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'incidents-of-authos' });
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.values(searchAttributes).map(({ name }) => name)));
  });

  it('changes nothing that is there, so it may run before every start', async () => {
    await setup(['--retention', '60'], { TEMPORAL_NAMESPACE: 'kept' });
    const { exitCode, stdout } = await setup(['--retention', '5'], { TEMPORAL_NAMESPACE: 'kept' });
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual(['namespace kept is there', 'search attributes are there']);
    const { config } = await namespaceOf('kept');
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(60 * 86_400);
  });

  it('names a search attribute that is there with another type, and registers none', async () => {
    await setup([], { TEMPORAL_NAMESPACE: 'taken' });
    await connection.operatorService.removeSearchAttributes({ namespace: 'taken', searchAttributes: ['Target'] });
    await expect.poll(() => connection.operatorService.addSearchAttributes({ namespace: 'taken', searchAttributes: { Target: 3 } }).then(() => true, String), { timeout: 30_000 }).toBe(true);
    const { exitCode, stderr } = await setup([], { TEMPORAL_NAMESPACE: 'taken' });
    expect(exitCode).toBe(1);
    expect(stderr).toBe('the namespace taken has search attributes of ours with another type: Target is INDEXED_VALUE_TYPE_INT, not INDEXED_VALUE_TYPE_KEYWORD');
  });

  it.each([
    [['--retention', 'long'], '--retention long is not a number of days from 1 to 9999'],
    [['--retension', '9'], "Unknown option '--retension'"],
  ])('refuses %j as usage', async (args, words) => {
    const { exitCode, stderr } = await setup(args);
    expect(stderr).toContain(words);
    expect(exitCode).toBe(2);
  });
});

describe('the schedule of the patrol', () => {
  it('is registered, changed and removed as the config has it, and stays paused where a person paused it', async () => {
    const client = new Client({ connection });
    const plan = (every: number) => ({ environments: [], every, minute: 60_000, publicKeys: [], console: '' });
    expect(await registerPatrol(client, undefined)).toBe('off');
    expect(await registerPatrol(client, plan(3_600_000))).toBe('registered');
    const schedule = client.schedule.getHandle(patrolId);
    await schedule.pause('the database is moved');
    expect(await registerPatrol(client, plan(7_200_000))).toBe('changed');
    const { spec, state } = await schedule.describe();
    expect(spec.intervals?.map(({ every }) => every)).toEqual([7_200_000]);
    expect(state).toMatchObject({ paused: true, note: 'the database is moved' });
    expect(await registerPatrol(client, undefined)).toBe('removed');
  });
});
