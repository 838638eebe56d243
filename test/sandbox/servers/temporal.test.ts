import { mkdir } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import getPort from 'get-port';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startTemporal } from '../../../sandbox/servers/temporal.js';
import type { TemporalOptions } from '../../../sandbox/servers/temporal.js';
import { searchAttributes } from '../../../src/domain/search-attributes.js';
import { alive, takenPort, temporaryFolder } from './world.js';

describe('the embedded Temporal', () => {
  it('takes a workflow with every search attribute as soon as it is started, and finds it by them', async () => {
    const { server, client } = await start({ database: 'memory' });
    const nextEscalationAt = new Date('2030-01-01T00:00:00Z');
    await client.workflow.start('incident', {
      workflowId: 'incident/1',
      taskQueue: 'nobody',
      typedSearchAttributes: new TypedSearchAttributes([
        { key: searchAttributes.runbook, value: 'diskSpaceCritical' },
        { key: searchAttributes.severity, value: 'Critical' },
        { key: searchAttributes.incidentState, value: 'open' },
        { key: searchAttributes.target, value: 'app-1:/var/www' },
        { key: searchAttributes.waitingFor, value: 'approval' },
        { key: searchAttributes.escalationLevel, value: 2 },
        { key: searchAttributes.nextEscalationAt, value: nextEscalationAt },
      ]),
    });
    await expect
      .poll(() => found(client, `Runbook = 'diskSpaceCritical' AND EscalationLevel > 1 AND NextEscalationAt > '2029-01-01T00:00:00Z'`))
      .toEqual(['incident/1']);
    expect(server.namespace).toBe('default');
    expect(server.uiAddress).toBeUndefined();
  });

  it('keeps workflows in its file over a stop and a new start, and leaves no process', async () => {
    const folder = await temporaryFolder();
    const first = await start({ folder, database: 'file' });
    await first.client.workflow.start('incident', { workflowId: 'incident/kept', taskQueue: 'nobody' });
    await first.server.stop();
    expect(alive(first.server.pid)).toBe(false);

    const second = await start({ folder, database: 'file' });
    const { status } = await second.client.workflow.getHandle('incident/kept').describe();
    expect(status.name).toBe('RUNNING');
  });

  it('shows its pages at the port that was asked for', async () => {
    const uiPort = await getPort();
    const { server } = await start({ database: 'memory', uiPort });
    expect(server.uiAddress).toBe(`http://127.0.0.1:${uiPort}`);
    const page = await fetch(server.uiAddress!);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<html');
  });

  it('names the port that is taken', async () => {
    const port = await takenPort();
    const folder = await temporaryFolder();
    await expect(startTemporal({ folder, database: 'memory', port })).rejects.toThrow(`Port ${port} is taken`);
    await expect(startTemporal({ folder, database: 'memory', uiPort: port })).rejects.toThrow(`Port ${port} is taken`);
  });

  it('says why it could not start, in its own words', async () => {
    const folder = await temporaryFolder();
    await mkdir(`${folder}/temporal.db`); // a folder in the place of its file
    await expect(startTemporal({ folder, database: 'file' })).rejects.toThrow(/Temporal exited with 1 while it started: .*unable to open database file/s);
  });

  it('stops when its signal is aborted', async () => {
    const stop = new AbortController();
    const { server } = await start({ database: 'memory', signal: stop.signal });
    stop.abort();
    await expect.poll(() => alive(server.pid), { timeout: 6_000 }).toBe(false);
    await expect(startTemporal({ folder: await temporaryFolder(), database: 'memory', signal: stop.signal })).rejects.toThrow('aborted');
  });
});

async function start(options: Partial<TemporalOptions> & Pick<TemporalOptions, 'database'>) {
  const folder = await temporaryFolder();
  const server = await startTemporal({ folder, ...options });
  onTestFinished(() => server.stop());
  const connection = await Connection.connect({ address: server.address });
  onTestFinished(() => connection.close());
  return { server, client: new Client({ connection, namespace: server.namespace }) };
}

async function found(client: Client, query: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}
