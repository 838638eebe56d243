import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { authosApi } from '../../src/activities/health-api.js';
import { createScrub } from '../../src/activities/scrub.js';
import { serviceActivities } from '../../src/activities/services.js';
import { localShell } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';
import { hostUnder, placeOn, temporaryFolder } from './support.js';

/** A host whose application answers its health check, and is restarted by this command. */
async function hostRestartedBy(...restart: string[]) {
  const base = await temporaryFolder();
  const host: Host = hostUnder(base, { root: base, restart });
  const server = createServer((_, answer) => answer.setHeader('content-type', 'application/json').end('{"status":"ok"}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const api = authosApi({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const activities = serviceActivities({ hosts: [host], shellOf: () => localShell({ records: host.records, scrub: createScrub([]) }), apiOf: () => api });
  const place = placeOn(host);
  /** As the server asks for it at that time. */
  const restartAt = (scheduledTimestampMs: number) => new MockActivityEnvironment({ scheduledTimestampMs }).run(() => activities.restartApplication({ place }));
  return { host, restartAt, startedSince: (since: number) => activities.applicationStartedSince({ place, since }) };
}

describe('whether the application was restarted, where no manager says when PHP started', () => {
  it('is no while no restart of ours has begun since', async () => {
    const { startedSince, restartAt } = await hostRestartedBy('true');
    expect(await startedSince(0)).toMatchObject({ done: false });
    await restartAt(1_000);
    expect(await startedSince(1_001)).toEqual({ done: false, evidence: 'true has not begun since' });
  });

  it('is yes once one has begun since and the application has answered', async () => {
    const { startedSince, restartAt } = await hostRestartedBy('true');
    expect(await restartAt(1_000)).toMatchObject({ outcome: 'done' });
    expect(await startedSince(1_000)).toMatchObject({ done: true, evidence: expect.stringContaining('it answered') });
  });

  it('is in doubt, and not asked again, if one began and nobody saw its end', async () => {
    const { startedSince, restartAt } = await hostRestartedBy('false');
    expect(await restartAt(1_000)).toMatchObject({ outcome: 'failed' });
    await expect(startedSince(1_000)).rejects.toMatchObject({ type: 'RestartInDoubt', nonRetryable: true });
  });

  it('can not be told from a damaged record', async () => {
    const { host, startedSince, restartAt } = await hostRestartedBy('true');
    await restartAt(1_000);
    await writeFile(join(host.records, 'restart.json'), '{"v":1,');
    await expect(startedSince(0)).rejects.toThrow('restart.json is damaged');
  });
});
