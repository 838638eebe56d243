import { on } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { execaNode } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentView } from '../../src/domain/incident.js';
import type { StepOutcome } from '../../src/domain/step.js';
import { scaled, standardTimes } from '../../src/domain/times.js';
import { earlyDeathBundles } from '../support/bundles.js';
import { ended } from '../support/moments.js';
import { hostNeeding, type practiceActs, type PracticeHost } from '../support/practice-host.js';
import { openWorld, type TestIncident, type World } from '../support/world.js';

const dyingHost = fileURLToPath(new URL('../support/dying-host.ts', import.meta.url));

type ActName = (typeof practiceActs)[number];

/** The process is quick, but for what must outlast the 5 s after which a silent worker counts as dead here. */
const quick = { times: { ...scaled(standardTimes, 1 / 300), approvalExpires: 60_000, silentAfter: 60_000 } };

let world: World;
beforeAll(async () => {
  world = await openWorld({ realTime: true, bundles: earlyDeathBundles });
});
afterAll(async () => world?.close());

describe('an act whose worker is killed in the middle', () => {
  // One test: that a worker has died shows by its silence, for 5 s of real time.
  it('is repeated, looked at first, or left to a person, by its crash rule', { timeout: 90_000 }, async () => {
    const needs: ActName[] = ['Safe Cure', 'Restart', 'Restart', 'Delete', 'Delete'];
    const incidents: TestIncident[] = [];
    for (const _ of needs) incidents.push(await world.open({ start: quick }));
    const [repeated, found, missing, declined, approved] = incidents as [TestIncident, TestIncident, TestIncident, TestIncident, TestIncident];

    const needed = JSON.stringify(Object.fromEntries(incidents.map(({ host }, i) => [host, needs[i]])));
    const dying = execaNode(dyingHost, [world.env.address, needed], { nodeOptions: ['--import', 'tsx'], buffer: false, reject: false });
    const began = begun(dying.stdout, needs.length);
    for (const incident of [found, missing, declined, approved]) {
      await incident.until(({ asks }) => asks.length === 1, 'the question');
      await incident.act({ kind: 'approve', ask: '1.1' });
    }
    await began;
    dying.kill('SIGKILL');
    await dying;

    const hosts: PracticeHost[] = [];
    for (const [i, { host }] of incidents.entries()) {
      const again = hostNeeding(needs[i] ?? 'Delete');
      if (host === found.host) again.effect = { outcome: 'done', evidence: 'it runs since a minute' };
      hosts.push(again);
      await world.hostWorker(host, again.activities);
    }
    for (const incident of [declined, approved]) await asksAgain(incident);
    expect((await declined.view()).asks[1]?.evidence).toContain('it is not known whether this was done');
    await declined.act({ kind: 'decline', ask: '1.2' });
    await approved.act({ kind: 'approve', ask: '1.2' });

    const outcomes: (StepOutcome | undefined)[] = [];
    for (const [i, incident] of incidents.entries()) outcomes.push(outcomeOf(await ended(incident), needs[i] ?? 'Delete'));
    expect(outcomes).toEqual([
      { kind: 'done', evidence: 'Safe Cure ran' },
      { kind: 'done', evidence: 'it runs since a minute' },
      { kind: 'done', evidence: 'Restart ran' },
      { kind: 'unknown', because: expect.stringContaining('not heard of again') },
      { kind: 'done', evidence: 'Delete ran' },
    ]);
    expect(hosts.map(({ did }) => did)).toEqual([['Safe Cure'], [], ['Restart'], [], ['Delete']]);
    expect((await repeated.view()).asks).toEqual([]);
    expect((await missing.view()).undos).toHaveLength(1);
  });
});

/** Resolves once so many acts have begun. */
async function begun(output: Readable, count: number): Promise<void> {
  let lines = 0;
  for await (const chunk of on(output, 'data', { close: ['end'] })) {
    lines += String(chunk).split('begins\n').length - 1;
    if (lines >= count) return;
  }
  throw new Error(`the host ended after ${lines} of ${count} acts`);
}

/** The silence of a dead worker is real time: longer than `until` waits by itself. */
async function asksAgain(incident: TestIncident): Promise<IncidentView> {
  await incident.until(({ asks }) => asks.length === 2, 'the second question').catch(() => undefined);
  return incident.until(({ asks }) => asks.length === 2, 'the second question');
}

const outcomeOf = (view: IncidentView, name: string): StepOutcome | undefined =>
  view.runs[0]?.steps.flatMap(({ acts }) => acts).find(({ act }) => act === name)?.outcome;
