import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
