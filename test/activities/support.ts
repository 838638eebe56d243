import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { onTestFinished } from 'vitest';

import type { Host } from '../../src/domain/inventory.js';
import type { Place } from '../../src/domain/place.js';

/** A folder for one test, really empty and really gone afterwards. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'responder-test-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a function as an activity; `cancel` cancels it. */
export async function inActivity<T>(act: () => Promise<T>): Promise<T> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(act) as Promise<T>;
}

/** Mounts a file system in memory of `size` on `folder` until the test ends; false where mounting is not allowed. */
export async function mountMemory(folder: string, size: string): Promise<boolean> {
  try {
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'responder-test', folder]);
  } catch {
    return false;
  }
  onTestFinished(async () => {
    await promisify(execFile)('umount', ['-l', folder]);
  });
  return true;
}

/** An inventory's host with its folders under `base`; `archive` and `root` are on one mount unless a test mounts another. */
export function hostUnder(base: string, changes: Partial<Host> = {}): Host {
  return {
    name: 'app-1',
    environment: 'production',
    root: join(base, 'app'),
    user: 'nobody',
    php: ['php'],
    restart: ['true'],
    timeZone: 'UTC',
    mounts: [base],
    archive: join(base, 'archive'),
    records: join(base, 'records'),
    protectedLogs: ['audit', 'security'],
    workersSupervised: true,
    ...changes,
  };
}

export function placeOn(host: Host, changes: Partial<Place> = {}): Place {
  const mount = host.mounts[0];
  return {
    name: `${host.name}:${mount ?? ''}`,
    environment: host.environment,
    host: host.name,
    hosts: [host.name],
    ...(mount === undefined ? {} : { mount }),
    ...changes,
  };
}

/**
 * Runs a function as an activity that waits by failing, as a worker does: again after the delay that it asks for, with what it put
 * into its heartbeat.
 */
export async function patiently<T>(act: () => Promise<T>): Promise<T> {
  let heartbeatDetails: unknown;
  for (let attempt = 1; ; attempt += 1) {
    const environment = new MockActivityEnvironment({ attempt, heartbeatDetails, currentAttemptScheduledTimestampMs: Date.now() }, { logger: new DefaultLogger('ERROR') });
    environment.on('heartbeat', (details: unknown) => (heartbeatDetails = structuredClone(details)));
    try {
      return (await environment.run(act)) as T;
    } catch (error) {
      const { nextRetryDelay, nonRetryable } = error as { nextRetryDelay?: number; nonRetryable?: boolean };
      if (nextRetryDelay === undefined || nonRetryable === true || attempt > 500) throw error;
      await delay(Number(nextRetryDelay));
    }
  }
}
