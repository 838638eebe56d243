import { expect } from 'vitest';

import { createScrub } from '../../src/activities/scrub.js';
import { localShell, type Shell } from '../../src/activities/shell.js';
import type { Host } from '../../src/domain/inventory.js';

/** What is done on a stand-in and on the real thing, and what both must give. */
export type Scenario<Subject> = [name: string, act: (subject: Subject) => Promise<unknown>, both: unknown];

/** Runs a scenario on both at once. The answers are compared with what they must be, so two that are wrong alike fail too. */
export async function compare<Subject>({ standIn, real }: { standIn: Subject; real: Subject }, act: Scenario<Subject>[1], both: unknown): Promise<void> {
  const [stoodIn, truly] = await Promise.all([act(standIn), act(real)]);
  expect({ standIn: stoodIn, real: truly }).toEqual({ standIn: both, real: both });
}

/** A host and a shell on it, for functions below the activities. */
export function onHost(host: Host): { host: Host; shell: Shell } {
  return { host, shell: localShell({ records: host.records, scrub: createScrub([]) }) };
}
